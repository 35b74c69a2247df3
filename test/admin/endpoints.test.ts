// The admin API and the live page of an exporter with several endpoints: each breaker is shown, and commanded by itself.
import assert from 'node:assert/strict'
import { type Admin, createAdmin } from '../../src/admin/index.ts'
import { createTelemetry, otel, type Telemetry } from '../../src/index.ts'
import { quietLogger } from '../support/quiet-logger.ts'
import { ask, token } from './site.ts'
import { openStage, type Stage, withBrowser } from './stage.ts'

describe('admin API, of an exporter with several endpoints', () => {
  let telemetry: Telemetry
  let admin: Admin
  let url: string
  beforeEach(async () => {
    const endpoints = ['http://127.0.0.1:9/v1/traces', 'http://127.0.0.1:10/v1/traces']
    telemetry = createTelemetry({
      types: [otel()],
      config: { env: {}, init: { otel: { endpoints } } },
      logger: quietLogger,
      drainOnExit: false,
    })
    await telemetry.start()
    admin = createAdmin(telemetry, { token })
    url = (await admin.listen()).url
  })
  afterEach(async () => {
    await admin.close()
    await telemetry.stop({ timeoutMs: 500 })
  })

  const post = async (path: string) => {
    const { status, json } = await ask(url, path, { method: 'POST' })
    const { error, endpoints } = json()
    const breakers = endpoints?.map(({ breaker }: { breaker: string }) => breaker)
    return error === undefined ? [status, ...breakers] : [status, error.code]
  }

  it('commands the breaker of the endpoint that is named', async () => {
    assert.deepEqual(await post('/breakers/otel/force-open?endpoint=0'), [200, 'forced_open', 'closed'])
    assert.equal(telemetry.status().exporters.otel?.endpoints?.[1]?.serves, true)
    assert.deepEqual(await post('/breakers/otel/disable?endpoint=1'), [200, 'forced_open', 'disabled'])
    assert.deepEqual(await post('/breakers/otel/reset?endpoint=0'), [200, 'closed', 'disabled'])
  })

  it('commands all breakers where no endpoint is named', async () => {
    assert.deepEqual(await post('/breakers/otel/force-open'), [200, 'forced_open', 'forced_open'])
    assert.deepEqual(await post('/breakers/otel/reset'), [200, 'closed', 'closed'])
  })

  it('refuses an endpoint that is not there', async () => {
    for (const endpoint of ['2', '-1', '', 'x', '0.5', '1e0'])
      assert.deepEqual(
        await post(`/breakers/otel/force-open?endpoint=${endpoint}`),
        [404, 'ENDPOINT_UNKNOWN'],
        endpoint,
      )
    const { endpoints } = telemetry.status().exporters.otel!
    assert.deepEqual(
      endpoints?.map(({ breaker }) => breaker),
      ['closed', 'closed'],
    )
  })
})

describe('live page, of an exporter with several endpoints', () => {
  const browser = withBrowser()
  let stage: Stage
  beforeEach(async () => {
    stage = await openStage(browser())
    await stage.telemetry.config.put(
      'otel.endpoints',
      stage.backends.map(({ url }) => url),
    )
  })
  afterEach(() => stage.close())

  it('shows which one serves, and commands the breaker of each', async () => {
    const { page, signIn, lit } = stage
    const inOverview = (text: string) => page.locator('[data-overview=otel]').getByText(text).waitFor()
    await signIn()
    await inOverview('endpoint 0 serves')
    await lit('failover.serving.primary')
    await page.getByRole('button', { name: 'Force open the breaker of endpoint 0 of otel' }).click()
    await inOverview('endpoint 1 serves, endpoint 0 forced open')
    await lit('failover.serving.fallback')
    await lit('breaker.forced_open')
    await page.getByRole('button', { name: 'Force open the breaker of endpoint 1 of otel' }).click()
    await inOverview('no endpoint serves, endpoint 0 forced open, endpoint 1 forced open')
    await page.getByRole('button', { name: 'Reset the breaker of endpoint 0 of otel' }).click()
    await inOverview('endpoint 0 serves, endpoint 1 forced open')
  })

  it('has one breaker again when one endpoint is left', async () => {
    await stage.signIn()
    await stage.lit('failover.serving.primary')
    await stage.telemetry.config.put('otel.endpoints', [stage.backends[0]!.url])
    await stage.page.getByRole('button', { name: 'Force open the breaker of otel' }).waitFor()
    await stage.page.locator('[data-exporter=otel] [data-chart=failover]').waitFor({ state: 'detached' })
    await stage.lit('breaker.closed')
  })
})
