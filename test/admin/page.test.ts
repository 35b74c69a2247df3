// The live page in a real browser: what the charts do lights up, a change is refused or applied where it was typed,
// and the page asks nobody but its own server for anything.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Browser, chromium, type Page } from 'playwright-core'
import { type Admin, createAdmin } from '../../src/admin/index.ts'
import { createTelemetry, otel, prometheus, type Telemetry } from '../../src/index.ts'
import { type Backend, createBackend } from '../../src/testing/index.ts'
import { quietLogger } from '../support/quiet-logger.ts'
import { canary, token } from './site.ts'

const executablePath = '/usr/bin/chromium'
const picture = fileURLToPath(new URL('../../docs/live-page.png', import.meta.url))
const switches = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

describe('live page', function () {
  this.timeout(60_000)
  let browser: Browser
  let page: Page
  let telemetry: Telemetry
  let admin: Admin
  let backends: readonly Backend[]
  let traffic: NodeJS.Timeout
  let requested: string[]
  let complaints: string[]
  let received: string[]

  before(async function () {
    if (!existsSync(executablePath)) {
      assert.ok(!process.env.CI, `${executablePath} is missing, and CI has to have it`)
      console.log(`    skipped: ${executablePath} is missing`)
      return this.skip()
    }
    browser = await chromium.launch({ executablePath, args: switches })
  })
  after(() => browser?.close())

  beforeEach(async () => {
    backends = [createBackend(), createBackend()]
    for (const backend of backends) await backend.listen()
    telemetry = createTelemetry({
      types: [otel(), prometheus()],
      config: {
        env: {},
        init: {
          allowed_destinations: ['127.0.0.1'],
          otel: {
            endpoint: backends[0]!.url,
            headers: { 'x-api-key': canary },
            flush_interval: 0.05,
            failure_threshold: 2,
            reset_timeout: 1,
            drain_timeout: 1,
          },
          prometheus: { port: 0 },
        },
      },
      logger: quietLogger,
      drainOnExit: false,
    })
    await telemetry.start()
    admin = createAdmin(telemetry, { token, logger: quietLogger })
    let job = 0
    traffic = setInterval(() => {
      job += 1
      telemetry.emit('job.start', {}, { correlation_id: job, queue: 'mail' })
      telemetry.emit(job % 9 ? 'job.success' : 'mail.success', { duration_ms: 3 }, { correlation_id: job })
    }, 10)
    requested = []
    complaints = []
    received = []
    page = await browser.newPage({ viewport: { width: 1440, height: 1250 } })
    page.on('request', (request) => requested.push(request.url()))
    page.on('response', (response) => {
      if (!response.url().endsWith('/events'))
        response.text().then(
          (text) => received.push(text),
          () => {},
        )
    })
    page.on('pageerror', (error) => complaints.push(String(error)))
    page.on('console', (message) => {
      // Chromium reports every refusal of a change as one; it is what the form shows.
      const isRefusal = message.text().includes('status of 422')
      if (message.type() === 'error' && !isRefusal) complaints.push(message.text())
    })
    await page.goto((await admin.listen()).url)
  })

  afterEach(async () => {
    clearInterval(traffic)
    const content = await page.content()
    await page.close()
    await admin.close()
    await telemetry.stop({ timeoutMs: 500 })
    for (const backend of backends) await backend.close()
    assert.deepEqual(complaints, [])
    for (const url of requested)
      assert.ok(url.startsWith('data:') || new URL(url).hostname === '127.0.0.1', `${url} was asked for`)
    for (const text of [content, ...received]) assert.ok(!text.includes(canary) && !text.includes(token))
  })

  const signIn = async (): Promise<void> => {
    await page.getByLabel('Token').fill(token)
    await page.keyboard.press('Enter')
    await page.waitForSelector('[data-exporter=otel] [data-chart=breaker] svg')
    await page.waitForSelector('[data-exporter=otel] [data-chart=exporter] svg')
    await page.waitForSelector('[data-exporter=otel] [data-chart=delivery] svg')
  }
  const lit = (state: string, className = 'active') =>
    page.waitForSelector(`[data-exporter=otel] .${className}[data-state="${state}"]`)
  const field = (name: string) => page.locator(`[name="telemetry.otel.${name}"]`)
  const openForm = () => page.locator('[data-exporter=otel] summary').click()
  const submit = async (): Promise<void> => {
    await page.locator('[data-exporter=otel] button[type=submit]').click()
    await page.locator('#review [value=apply]').click()
  }

  it('lets in only who has the token', async () => {
    await page.getByLabel('Token').fill('guess')
    const refused = page.waitForResponse((response) => response.status() === 401)
    await page.keyboard.press('Enter')
    await refused
    await page.getByText('This is not the token.').waitFor()
    complaints = complaints.filter((text) => !text.includes('status of 401'))
    await signIn()
    assert.equal(await page.evaluate('document.cookie + localStorage.length + sessionStorage.length'), '00')
    await page.getByRole('button', { name: 'Sign out' }).click()
    assert.equal(await page.locator('#board').isVisible(), false)
  })

  it('lights the states an exporter is in as it is disabled, enabled and moved', async () => {
    await signIn()
    await lit('exporter.active.client.serving')
    await lit('breaker.closed')
    await lit('delivery.working')
    await telemetry.config.put('otel.enabled', false)
    await lit('delivery.halted')
    await lit('exporter.disabled')
    assert.equal(await page.locator('[data-exporter=otel] [data-field=state]').textContent(), 'disabled')
    await telemetry.config.put('otel.enabled', true)
    await lit('exporter.active.client.serving')
    const replaced = lit('exporter.active.client.replacing', 'recent')
    await telemetry.config.put('otel.endpoint', backends[1]!.url)
    await replaced
    await lit('exporter.active.client.serving')
    await page.locator('#changes').getByText('telemetry.otel.endpoint').first().waitFor()
    await page.locator('#transitions').getByText('replacing').first().waitFor()
  })

  it('shows a backend die and come back', async () => {
    await signIn()
    await lit('breaker.closed')
    backends[0]!.fault({ type: 'refuse' })
    await lit('breaker.open')
    await page.getByText(/breaker open, probe in \d/).waitFor()
    await page.locator('[data-exporter=otel] [data-field=error]').getByText('ECONNREFUSED').waitFor()
    await backends[0]!.clear()
    await lit('breaker.closed')
    await page.locator('#transitions').getByText('half open').first().waitFor()
  })

  it('refuses a bad value beside its field, and applies a good one', async () => {
    await signIn()
    await openForm()
    await field('batch_size').fill('0')
    await field('sampling_rate').fill('often')
    await submit()
    const problem = page.locator('[data-error-for="telemetry.otel.batch_size"]')
    await problem.getByText('must be an integer from 1 to').waitFor()
    await page.locator('[data-error-for="telemetry.otel.sampling_rate"]').getByText('"often"').waitFor()
    assert.equal(await field('batch_size').getAttribute('aria-invalid'), 'true')
    assert.equal(telemetry.config.get('otel.batch_size'), 512)
    await field('batch_size').fill('64')
    await field('sampling_rate').fill('0.5')
    await field('enabled').uncheck()
    await field('enabled').check()
    await page.locator('[data-exporter=otel] button[type=submit]').click()
    const rows = await page.locator('#review tbody tr').allInnerTexts()
    assert.deepEqual(rows.map((row) => row.split(/\s+/)).sort(), [
      ['otel.batch_size', '512', '64'],
      ['otel.sampling_rate', '1', '0.5'],
    ])
    await page.locator('#review [value=apply]').click()
    await page.getByText('In force as version').waitFor()
    assert.equal(telemetry.config.get('otel.batch_size'), 64)
    assert.equal(telemetry.config.get('otel.sampling_rate'), 0.5)
    await page.locator('#changes').getByText('applied (admin)').waitFor()
    assert.equal(await problem.textContent(), '')
    await page.locator('[data-exporter=otel] .badge[data-layer=runtime]').first().waitFor()
  })

  it('takes a change back: the layer below is in force again, and shown', async () => {
    await signIn()
    await openForm()
    await field('batch_size').fill('64')
    await submit()
    const unset = page.getByLabel('Unset telemetry.otel.batch_size')
    await unset.click()
    const [row] = await page.locator('#review tbody tr').allInnerTexts()
    assert.match(row!, /^otel\.batch_size\s+64\s+512 \(default\)/)
    await page.locator('#review [value=apply]').click()
    await unset.waitFor({ state: 'hidden' })
    assert.equal(telemetry.config.get('otel.batch_size'), 512)
    assert.equal(await field('batch_size').inputValue(), '512')
  })

  it('never shows a secret, and replaces it when told to', async () => {
    await signIn()
    await openForm()
    assert.equal(await field('headers').inputValue(), '')
    assert.match((await field('headers').getAttribute('placeholder')) ?? '', /^set: x-api-key/)
    await field('headers').fill('{"x-api-key": "another-secret-77"}')
    await submit()
    await page.getByText('In force as version').waitFor()
    await backends[0]!.waitFor(() => backends[0]!.log.at(-1)?.headers['x-api-key'] === 'another-secret-77')
    assert.ok(!(await page.content()).includes('another-secret-77'))
    assert.equal(await field('headers').inputValue(), '')
  })

  it('commands exporters and breakers, by keyboard too', async () => {
    await signIn()
    await page.getByRole('button', { name: 'Force open the breaker of otel' }).press('Enter')
    await lit('breaker.forced_open')
    await page.getByRole('button', { name: 'Reset the breaker of otel' }).press('Space')
    await lit('breaker.closed')
    await page.getByRole('button', { name: 'Flush otel' }).click()
    await page.getByText('Flush otel: done').waitFor()
    await page.getByRole('button', { name: 'Disable otel' }).click()
    await page.locator('#review [value=apply]').press('Enter')
    await lit('exporter.disabled')
    await page.getByRole('button', { name: 'Enable otel' }).click()
    await page.keyboard.press('Escape')
    assert.equal(telemetry.config.get('otel.enabled'), false)
    await page.getByRole('button', { name: 'Enlarge: otel: exporter' }).click()
    await page.waitForSelector('#enlarged .active[data-state="exporter.disabled"]')
    await page.keyboard.press('Escape')
    await lit('exporter.disabled')
  })

  it('comes back when its server does', async () => {
    await signIn()
    const port = Number(new URL(page.url()).port)
    await admin.close()
    await page.getByText('reconnecting…').waitFor()
    complaints = []
    telemetry.breaker('otel').forceOpen()
    admin = createAdmin(telemetry, { token, port, logger: quietLogger })
    await admin.listen()
    await lit('breaker.forced_open')
    await page.getByText('live', { exact: true }).waitFor()
    // Attempts in between failed, as they had to.
    complaints = complaints.filter((text) => !/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE/.test(text))
  })

  it('fits a narrow screen', async () => {
    await page.setViewportSize({ width: 390, height: 800 })
    await signIn()
    const overflow = await page.evaluate('document.documentElement.scrollWidth - innerWidth')
    assert.equal(overflow, 0)
  })

  it('has its portrait taken when asked', async function () {
    if (!process.env.UPDATE_SCREENSHOT) return this.skip()
    await signIn()
    await page.waitForTimeout(25_000)
    await telemetry.config.putFrom('admin', { 'otel.batch_size': 256, 'otel.reset_timeout': 20 })
    backends[0]!.fault({ type: 'refuse' })
    await lit('breaker.open')
    await page.waitForTimeout(3_000)
    await page.screenshot({ path: picture })
  })
})
