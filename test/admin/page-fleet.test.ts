// The fleet on the live page, in a real browser: how each node stands, what a node refused, and what was last known while NATS
// is away. Names and texts of other machines stay texts, and a thousand nodes are a hundred rows.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { BrowserContextOptions } from 'playwright-core'
import type { AdminFleet } from '../../src/admin/index.ts'
import { natsFleet } from '../../src/nats/index.ts'
import { publishStored } from '../../src/nats-client/stored.ts'
import { leaveRefused, type Stage as NatsStage, stageOf, startNats } from '../nats/stage.ts'
import { statusOf } from '../nats/statuses.ts'
import { type NatsServer, needsNats } from '../support/nats-server.ts'
import { createSimulatedFleet, nodeOf } from './simulated-fleet.ts'
import { openStage, type Stage, withBrowser } from './stage.ts'

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const markup = '<img src=x onerror="document.title=1">'

describe('the fleet on the live page', () => {
  const browser = withBrowser()
  let stage: Stage

  afterEach(() => stage?.close())

  const open = async (fleet: AdminFleet | undefined, look?: BrowserContextOptions): Promise<void> => {
    stage = await openStage(browser(), { fleet, ...(look && { look }) })
    await stage.signIn()
  }
  const cell = (node: string, name: string) => stage.page.locator(`[data-node="${node}"] [data-cell=${name}]`)

  it('is not there without a fleet, and nothing asks for it', async () => {
    stage = await openStage(browser())
    const asked: string[] = []
    stage.page.on('request', (request) => asked.push(new URL(request.url()).pathname))
    await stage.signIn()
    await stage.page.locator('#overview-rows [data-overview=prometheus]').waitFor()
    assert.equal(await stage.page.locator('#fleet').count(), 0)
    assert.ok(asked.includes('/events') && !asked.includes('/fleet'))
  })

  describe('on NATS', () => {
    let server: NatsServer
    let nats: NatsStage

    before(async function () {
      needsNats(this)
      server = await startNats()
    })
    beforeEach(() => {
      nats = stageOf(server)
    })
    afterEach(() => nats?.clear())
    after(() => server?.close())

    it('shows nodes that take a change, one that refuses it, one that stops, and NATS going away', async () => {
      const fleet = await nats.fleet()
      const [fits] = await Promise.all([
        nats.node('fits'),
        nats.node('differs', { init: { mock: {}, otel: { type: 'mock' } } }),
      ])
      await open(natsFleet({ servers: server.url, bucket: nats.bucket }))
      const { page } = stage
      await page.getByText('2 nodes; config has no document').waitFor()
      const { revision } = await fleet.put({ put: { 'mock.batch_size': 7 }, unset: [] })
      await page.getByText(`config is at revision ${revision}`).waitFor()
      await cell('fits', 'revision').getByText(`${revision}`, { exact: true }).waitFor()
      await cell('fits', 'state').getByText('up to date').waitFor()
      await cell('fits', 'exporters').getByText('mock serving').waitFor()
      await cell('fits', 'heard')
        .getByText(/^\d+ s ago$/)
        .waitFor()
      const refused = await leaveRefused(fleet, { 'otel.type': 'otel' })
      await cell('differs', 'state').getByText('refused', { exact: true }).waitFor()
      await cell('differs', 'state').getByText(`Revision ${refused} was refused`).waitFor()
      await cell('differs', 'state')
        .getByText(/telemetry\.otel/)
        .waitFor()
      assert.equal(await page.locator('#fleet tbody tr').first().getAttribute('data-node'), 'differs')
      await page.getByRole('button', { name: '1 refused' }).click()
      await page.locator('[data-node=fits]').waitFor({ state: 'detached' })
      await page.getByRole('button', { name: '1 refused' }).press('Enter')
      fits.breaker('mock').forceOpen()
      await cell('fits', 'exporters').getByText('mock serving, breaker forced open').waitFor()
      await fits.stop()
      await cell('fits', 'state').getByText('stopped').waitFor()
      await server.kill()
      await page
        .locator('#fleet')
        .getByText(/^The fleet cannot be read: .*The nodes are shown as of /)
        .waitFor()
      await cell('differs', 'state').getByText('refused', { exact: true }).waitFor()
      await server.restart()
      await page.locator('#fleet').getByText('The fleet cannot be read').waitFor({ state: 'hidden' })
    })

    it('shows hostile names, texts and documents as texts', async () => {
      await nats.fleet()
      const connection = await nats.connection()
      const write = (node: string, text: string) =>
        publishStored(connection, `$KV.${nats.bucket}_status.${node}`, Buffer.from(text))
      const exporters = {
        [markup]: { ...statusOf('a').exporters.otel!, breaker: 'open', state: markup, lastError: markup },
      }
      const refused = { revision: 1, problems: [markup, `\u202e${'x'.repeat(400)}`], omitted: 3 }
      await write(
        'liar',
        JSON.stringify(statusOf('liar', { version: markup, refused, exporters, warnings: [markup] })),
      )
      await write('<svg/onload=document&#46;title=1>', JSON.stringify(statusOf('a')))
      await write('a"]{}<b>', '{')
      await write('n'.repeat(2000), 'null')
      await open(natsFleet({ servers: server.url, bucket: nats.bucket }))
      const { page } = stage
      await page.getByRole('rowheader', { name: '<svg/onload=document&#46;title=1>' }).waitFor()
      await page.getByRole('rowheader', { name: 'a"]{}<b>' }).waitFor()
      await cell('liar', 'state').getByText(markup).first().waitFor()
      await cell('liar', 'exporters').getByText(markup).first().waitFor()
      await page.getByRole('button', { name: '3 unreadable' }).waitFor()
      assert.equal(await page.locator('#fleet :is(img, svg, b, script)').count(), 0)
      assert.equal(await page.title(), 'telemachine')
      const overflow = 'document.documentElement.scrollWidth - innerWidth'
      assert.equal(await page.evaluate(overflow), 0)
      await page.setViewportSize({ width: 390, height: 800 })
      assert.equal(await page.evaluate(overflow), 0)
    })
  })

  it('draws a hundred of a thousand nodes, and finds the others by name and by state', async () => {
    const nodes = Array.from({ length: 1000 }, (_, i) =>
      nodeOf(`node-${String(i).padStart(4, '0')}`, i % 250 === 249 ? { state: 'silent' } : {}),
    )
    await open(createSimulatedFleet(nodes))
    const { page } = stage
    const rows = page.locator('#fleet tbody tr')
    await page.getByText('900 nodes more: narrow the filter to see them.').waitFor()
    assert.equal(await rows.count(), 100)
    assert.equal(await rows.first().getAttribute('data-node'), 'node-0249')
    await page.getByRole('button', { name: '996 up to date' }).waitFor()
    await page.getByLabel('Filter the nodes of the fleet').fill('NODE-0777')
    await page.locator('[data-node=node-0777]').waitFor()
    assert.equal(await rows.count(), 1)
    await page.getByLabel('Filter the nodes of the fleet').fill('node-0')
    await page.getByRole('button', { name: '4 silent' }).click()
    await stage.until("document.querySelectorAll('#fleet tbody tr').length === 4")
    assert.equal(await page.getByRole('button', { name: '4 silent' }).getAttribute('aria-pressed'), 'true')
    await page.getByLabel('Filter the nodes of the fleet').fill('elsewhere')
    await page.getByText('No node matches.').waitFor()
  })

  it('ends when one signs out, and begins again when one signs in', async () => {
    const fleet = createSimulatedFleet([nodeOf('a')])
    await open(fleet)
    const { page } = stage
    await page.locator('[data-node=a]').waitFor()
    await page.getByRole('button', { name: 'Sign out' }).click()
    const before = fleet.reads
    fleet.view = { ...fleet.view, nodes: [nodeOf('b')] }
    await stage.signIn()
    await page.locator('[data-node=b]').waitFor()
    assert.equal(fleet.reads, before + 1)
  })

  const looks: [name: string, look: BrowserContextOptions][] = [
    ['in light', {}],
    ['in dark', { colorScheme: 'dark' }],
    ['on a narrow screen', { viewport: { width: 390, height: 844 } }],
  ]
  for (const [name, look] of looks)
    it(`has no axe violation, ${name}`, async () => {
      const refused = { revision: 2, problems: ['telemetry.otel.batch_size must be at least 1'], omitted: 0 }
      const fleet = createSimulatedFleet([
        nodeOf('a'),
        nodeOf('b', { state: 'refused', status: statusOf('b', { refused, canary: true }) }),
        nodeOf('c', { state: 'silent' }),
        nodeOf('d', { state: 'behind' }),
        nodeOf('e', { state: 'unreadable', status: undefined }),
      ])
      fleet.view = { ...fleet.view, link: { state: 'away', error: 'the NATS server is away' } }
      await open(fleet, look)
      const { page } = stage
      await page.locator('[data-node=e]').waitFor()
      await page.getByRole('button', { name: '1 refused' }).click()
      await page.locator('[data-node=a]').waitFor({ state: 'detached' })
      await page.getByRole('button', { name: '1 refused' }).click()
      await page.locator('[data-node=a]').waitFor()
      await page.evaluate(axeSource)
      const found =
        await page.evaluate(`axe.run(document.querySelector('#fleet'), { resultTypes: ['violations'] })
        .then(({ violations }) => violations.map(({ id, nodes }) =>
          [id, ...nodes.slice(0, 3).map(({ html, failureSummary }) => html.slice(0, 160) + failureSummary)]))`)
      assert.deepEqual(found, [])
      assert.equal(await page.evaluate('document.documentElement.scrollWidth - innerWidth'), 0)
    })
})
