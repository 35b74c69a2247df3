// The live page in a real browser: what the charts do lights up, a change is refused or applied where it was typed,
// and the page asks nobody but its own server for anything.
import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { createAdmin } from '../../src/admin/index.ts'
import { createSimulatedClock } from '../../src/testing/index.ts'
import { quietLogger } from '../support/quiet-logger.ts'
import { token } from './site.ts'
import { openStage, type Stage, withBrowser } from './stage.ts'

const picture = fileURLToPath(new URL('../../docs/live-page.png', import.meta.url))

describe('live page', () => {
  const browser = withBrowser()
  let stage: Stage
  beforeEach(async () => {
    stage = await openStage(browser())
  })
  afterEach(() => stage.close())

  it('lets in only who has the token', async () => {
    await stage.page.getByLabel('Token').fill('guess')
    const refused = stage.page.waitForResponse((response) => response.status() === 401)
    await stage.page.keyboard.press('Enter')
    await refused
    await stage.page.getByText('The admin API does not accept this token.').waitFor()
    stage.complaints = stage.complaints.filter((text) => !text.includes('status of 401'))
    await stage.signIn()
    assert.equal(
      await stage.page.evaluate('document.cookie + localStorage.length + sessionStorage.length'),
      '00',
    )
    await stage.page.getByRole('button', { name: 'Sign out' }).click()
    assert.equal(await stage.page.locator('#board').isVisible(), false)
  })

  it('lights the states an exporter is in as it is disabled, enabled and moved', async () => {
    await stage.signIn()
    await stage.lit('exporter.active.client.serving')
    await stage.lit('breaker.closed')
    await stage.lit('delivery.working')
    await stage.telemetry.config.put('otel.enabled', false)
    await stage.lit('delivery.halted')
    await stage.lit('exporter.disabled')
    assert.equal(
      await stage.page.locator('[data-exporter=otel] [data-field=state]').textContent(),
      'disabled',
    )
    await stage.telemetry.config.put('otel.enabled', true)
    await stage.lit('exporter.active.client.serving')
    const replaced = stage.lit('exporter.active.client.replacing', 'recent')
    await stage.telemetry.config.put('otel.endpoint', stage.backends[1]!.url)
    await replaced
    await stage.lit('exporter.active.client.serving')
    await stage.page.locator('#changes').getByText('telemetry.otel.endpoint').first().waitFor()
    await stage.page.locator('#transitions').getByText('replacing').first().waitFor()
  })

  it('shows a backend die and come back', async () => {
    await stage.signIn()
    await stage.lit('breaker.closed')
    stage.backends[0]!.fault({ type: 'refuse' })
    await stage.lit('breaker.open')
    await stage.page.getByText(/breaker open, probe in \d/).waitFor()
    await stage.page.locator('[data-exporter=otel] [data-field=error]').getByText('ECONNREFUSED').waitFor()
    await stage.backends[0]!.clear()
    await stage.lit('breaker.closed')
    await stage.page.locator('#transitions').getByText('half open').first().waitFor()
  })

  it('refuses a bad value beside its field, and applies a good one', async () => {
    await stage.signIn()
    await stage.openForm()
    await stage.field('batch_size').fill('0')
    await stage.field('sampling_rate').fill('often')
    await stage.submit()
    const problem = stage.page.locator('[data-error-for="telemetry.otel.batch_size"]')
    await problem.getByText('must be an integer from 1 to').waitFor()
    await stage.page.locator('[data-error-for="telemetry.otel.sampling_rate"]').getByText('"often"').waitFor()
    assert.equal(await stage.field('batch_size').getAttribute('aria-invalid'), 'true')
    assert.equal(stage.telemetry.config.get('otel.batch_size'), 512)
    await stage.field('batch_size').fill('64')
    await stage.field('sampling_rate').fill('0.5')
    await stage.field('enabled').uncheck()
    await stage.field('enabled').check()
    await stage.page.locator('[data-exporter=otel] button[type=submit]').click()
    const rows = await stage.page.locator('#review tbody tr').allInnerTexts()
    assert.deepEqual(rows.map((row) => row.split(/\s+/)).sort(), [
      ['otel.batch_size', '512', '64'],
      ['otel.sampling_rate', '1', '0.5'],
    ])
    await stage.page.locator('#review [value=apply]').click()
    await stage.page.getByText('In force as version').waitFor()
    assert.equal(stage.telemetry.config.get('otel.batch_size'), 64)
    assert.equal(stage.telemetry.config.get('otel.sampling_rate'), 0.5)
    await stage.page.locator('#changes').getByText('applied (admin)').waitFor()
    assert.equal(await problem.textContent(), '')
    await stage.page.locator('[data-exporter=otel] .badge[data-layer=runtime]').first().waitFor()
  })

  it('takes a change back: the layer below is in force again, and shown', async () => {
    await stage.signIn()
    await stage.openForm()
    await stage.field('batch_size').fill('64')
    await stage.submit()
    const unset = stage.page.getByLabel('Unset telemetry.otel.batch_size')
    await unset.click()
    const [row] = await stage.page.locator('#review tbody tr').allInnerTexts()
    assert.match(row!, /^otel\.batch_size\s+64\s+512 \(default\)/)
    await stage.page.locator('#review [value=apply]').click()
    await unset.waitFor({ state: 'hidden' })
    assert.equal(stage.telemetry.config.get('otel.batch_size'), 512)
    assert.equal(await stage.field('batch_size').inputValue(), '512')
  })

  it('never shows a secret, and replaces it when told to', async () => {
    await stage.signIn()
    await stage.openForm()
    assert.equal(await stage.field('headers').inputValue(), '')
    assert.match((await stage.field('headers').getAttribute('placeholder')) ?? '', /^set: x-api-key/)
    await stage.field('headers').fill('{"x-api-key": "another-secret-77"}')
    await stage.submit()
    await stage.page.getByText('In force as version').waitFor()
    await stage.backends[0]!.waitFor(
      () => stage.backends[0]!.log.at(-1)?.headers['x-api-key'] === 'another-secret-77',
    )
    assert.ok(!(await stage.page.content()).includes('another-secret-77'))
    assert.equal(await stage.field('headers').inputValue(), '')
  })

  it('commands exporters and breakers, by keyboard too', async () => {
    await stage.signIn()
    await stage.page.getByRole('button', { name: 'Force open the breaker of otel' }).press('Enter')
    await stage.lit('breaker.forced_open')
    await stage.page.getByRole('button', { name: 'Reset the breaker of otel' }).press('Space')
    await stage.lit('breaker.closed')
    await stage.page.getByRole('button', { name: 'Flush otel' }).click()
    await stage.page.getByText('Flush otel: done').waitFor()
    await stage.page.getByRole('button', { name: 'Disable otel' }).click()
    await stage.page.locator('#review [value=apply]').press('Enter')
    await stage.lit('exporter.disabled')
    await stage.page.getByRole('button', { name: 'Enable otel' }).click()
    await stage.page.keyboard.press('Escape')
    assert.equal(stage.telemetry.config.get('otel.enabled'), false)
    await stage.page.getByRole('button', { name: 'Enlarge: otel: exporter' }).click()
    await stage.page.waitForSelector('#enlarged .active[data-state="exporter.disabled"]')
    await stage.page.keyboard.press('Escape')
    await stage.lit('exporter.disabled')
  })

  it('comes back when its server does', async () => {
    await stage.signIn()
    const port = Number(new URL(stage.page.url()).port)
    await stage.admin.close()
    await stage.page.getByText('reconnecting…').waitFor()
    stage.complaints = []
    stage.telemetry.breaker('otel').forceOpen()
    stage.admin = createAdmin(stage.telemetry, { token, port, logger: quietLogger })
    await stage.admin.listen()
    await stage.lit('breaker.forced_open')
    await stage.page.getByText('live', { exact: true }).waitFor()
    // Attempts in between failed, as they had to.
    stage.complaints = stage.complaints.filter((text) => !/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE/.test(text))
  })

  it('fits a narrow screen', async () => {
    await stage.page.setViewportSize({ width: 390, height: 800 })
    await stage.signIn()
    const overflow = await stage.page.evaluate('document.documentElement.scrollWidth - innerWidth')
    assert.equal(overflow, 0)
  })

  it('has its portrait taken when asked', async function () {
    if (!process.env.UPDATE_SCREENSHOT) return this.skip()
    await stage.close()
    // Half an hour of which the admin API saw a burst of ends without starts.
    const clock = createSimulatedClock({ startAt: Date.now() - 1_800_000 })
    stage = await openStage(browser(), {
      clock,
      before: async ({ emit }) => {
        for (let i = 0; i < 180; i += 1) {
          for (let k = 0; k < 20 + 15 * Math.sin(i / 9); k += 1) {
            emit('job.start', {}, { correlation_id: `${i} ${k}` })
            emit('job.success', { duration_ms: 3 }, { correlation_id: `${i} ${k}` })
            if (i > 60 && i < 72) emit('job.success', {}, { correlation_id: `nobody's ${i} ${k}` })
          }
          await new Promise((resolve) => setTimeout(resolve, 20))
          clock.increment(10_000)
        }
      },
    })
    await stage.signIn()
    await stage.page.waitForTimeout(5_000)
    await stage.telemetry.config.putFrom('admin', { 'otel.batch_size': 256, 'otel.reset_timeout': 20 })
    stage.backends[0]!.fault({ type: 'refuse' })
    await stage.lit('breaker.open')
    await stage.page.waitForTimeout(3_000)
    await stage.page.screenshot({ path: picture })
  })
})
