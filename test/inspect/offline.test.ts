/**
 * The inspector's page in a real browser: while Stately's inspector does not answer it says so and shows the charts of
 * this process; once it answers, it shows it and hands it every record.
 */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Browser, chromium, type Page } from 'playwright-core'
import { createTelemetry, mock, type Telemetry } from '../../src/index.ts'
import { type StatelyWatch, watchInStately } from '../../src/inspect/index.ts'
import { quietLogger } from '../support/quiet-logger.ts'

/** How long the page gives the inspector to answer. */
const patienceMs = 5_000
const executablePath = '/usr/bin/chromium'
/** Milliseconds for a browser to start, and for each thing that is waited for in a page. */
const timeout = 240_000
/** Stands for Stately's inspector: it answers, and lists the types of the records that it is handed. */
const inspector = `<!doctype html><ol></ol><script>
addEventListener('message', ({ data }) => {
  document.querySelector('ol').append(Object.assign(document.createElement('li'), { textContent: data.type + ' ' + data.name }))
})
parent.postMessage({ type: '@statelyai.connected' }, '*')
</script>`

describe('the page of the Stately inspector', () => {
  let browser: Browser
  let page: Page
  let complaints: string[]
  let watch: StatelyWatch
  let telemetry: Telemetry
  let server: Server

  before(async function () {
    if (!existsSync(executablePath)) {
      assert.ok(!process.env.CI, `${executablePath} is missing, and CI has to have it`)
      console.log(`    skipped: ${executablePath} is missing`)
      return this.skip()
    }
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'], timeout })
  })
  after(() => browser?.close())

  const open = async (inspectorUrl: string): Promise<void> => {
    watch = await watchInStately({ port: 0, inspectorUrl })
    telemetry = createTelemetry({
      types: [mock()],
      config: { env: {}, init: { mock: {} } },
      ...{ logger: quietLogger, drainOnExit: false, inspect: watch },
    })
    await telemetry.start()
    page = await browser.newPage()
    page.setDefaultTimeout(timeout)
    await page.clock.install()
    complaints = []
    page.on('pageerror', (error) => complaints.push(String(error)))
    page.on('console', (message) => {
      if (/Content Security Policy/.test(message.text())) complaints.push(message.text())
    })
    await page.goto(watch.url)
  }

  beforeEach(async () => {
    server = createServer((_, response) => response.setHeader('content-type', 'text/html').end(inspector))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  })
  afterEach(async () => {
    await page?.close()
    await telemetry?.stop()
    await watch?.close()
    server.closeAllConnections()
    server.close()
  })

  it('shows charts of its own and says what is missing where the inspector cannot be reached', async () => {
    await open('http://127.0.0.1:9/inspect')
    await page.clock.fastForward(patienceMs)
    await page.getByText('breaker:mock').click()
    const closed = page.locator('[data-state="breaker.closed"]')
    await page.waitForSelector('[data-state="breaker.closed"].active')
    await page.getByText(/does not answer.*http:\/\/127\.0\.0\.1:9.*needs the internet/).waitFor()
    assert.equal(await page.locator('iframe').isVisible(), false)
    assert.equal(await closed.first().isVisible(), true)
    telemetry.breaker('mock').forceOpen()
    await page.waitForSelector('[data-state="breaker.forced_open"].active')
    await page.getByText('forced_open').first().waitFor()
    assert.deepEqual(complaints, [])
  })

  it('shows a machine without a picture as a list of its states', async () => {
    await open('http://127.0.0.1:9/inspect')
    await page.route('**/charts/**', (route) => route.fulfill({ status: 404 }))
    await page.getByText('breaker:mock').click()
    await page.waitForSelector('.outline [data-state="breaker.closed"].active')
    assert.deepEqual(complaints, [])
  })

  it('shows the inspector, and hands it every record, once it answers', async () => {
    await open(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
    await page.locator('iframe').waitFor({ state: 'visible' })
    const frame = page.frameLocator('iframe')
    await frame.getByText('@xstate.actor exporter:mock').first().waitFor()
    assert.equal(await page.locator('main').isVisible(), false)
    await page.getByRole('button', { name: 'Show the charts of this page' }).click()
    await page.locator('main').waitFor({ state: 'visible' })
    assert.equal(await page.locator('iframe').isVisible(), false)
    assert.deepEqual(complaints, [])
  })
})
