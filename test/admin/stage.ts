import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { type Admin, type AdminFleet, createAdmin } from '../../src/admin/index.ts'
import type { Clock } from '../../src/clock.ts'
import { createTelemetry, otel, prometheus, type Telemetry } from '../../src/index.ts'
import { type Backend, createBackend } from '../../src/testing/index.ts'
import { pause } from '../support/poll.ts'
import { quietLogger } from '../support/quiet-logger.ts'
import { canary, token } from './site.ts'

const executablePath = '/usr/bin/chromium'
/** Milliseconds for a browser to start, and for each thing that is waited for in a page. */
const timeout = 240_000
const switches = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Opens a browser for the tests of a suite, which are skipped where there is none and need not be. */
export function withBrowser(): () => Browser {
  let browser: Browser | undefined
  before(async function () {
    if (existsSync(executablePath))
      browser = await chromium.launch({ executablePath, args: switches, timeout })
    else {
      assert.ok(!process.env.CI, `${executablePath} is missing, and CI has to have it`)
      console.log(`    skipped: ${executablePath} is missing`)
      this.skip()
    }
  })
  after(() => browser?.close())
  return () => browser!
}

/** A telemetry system with traffic, its admin API, and the live page of it in a browser. */
export interface Stage {
  readonly page: Page
  readonly telemetry: Telemetry
  readonly backends: readonly Backend[]
  /** Errors that the browser has reported. A test takes out those that it has caused. */
  complaints: string[]
  admin: Admin
  signIn(): Promise<void>
  /** Resolves when a state of the otel exporter's charts is lit. */
  lit(state: string, className?: string): Promise<unknown>
  /** Resolves when an expression is true in the page. The page's policy forbids the `eval` of waitForFunction. */
  until(expression: string): Promise<void>
  /** The field of a key of the otel exporter. */
  field(name: string): ReturnType<Page['locator']>
  openForm(): Promise<void>
  /** Sends the form of the otel exporter, and agrees to the differences. */
  submit(): Promise<void>
  /** Ends everything; fails if the page reported an error, asked others, or held a secret. */
  close(): Promise<void>
}

export interface StageOptions {
  readonly clock?: Clock
  readonly look?: BrowserContextOptions
  /** Before the page is opened. */
  readonly before?: (telemetry: Telemetry) => Promise<void>
  readonly otel?: Record<string, unknown>
  readonly fleet?: AdminFleet | undefined
}

export async function openStage(browser: Browser, options: StageOptions = {}): Promise<Stage> {
  const backends = [createBackend(), createBackend()]
  for (const backend of backends) await backend.listen()
  const telemetry = createTelemetry({
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
          ...options.otel,
        },
        prometheus: { port: 0 },
      },
    },
    logger: quietLogger,
    drainOnExit: false,
  })
  await telemetry.start()
  const admin = createAdmin(telemetry, {
    token,
    logger: quietLogger,
    ...(options.clock && { clock: options.clock }),
    ...(options.fleet && { fleet: options.fleet }),
  })
  let job = 0
  const traffic = setInterval(() => {
    job += 1
    telemetry.emit('job.start', {}, { correlation_id: job, queue: 'mail' })
    telemetry.emit(job % 9 ? 'job.success' : 'mail.success', { duration_ms: 3 }, { correlation_id: job })
  }, 10)
  await options.before?.(telemetry)
  const requested: string[] = []
  const received: string[] = []
  const page = await browser.newPage({
    viewport: { width: 1440, height: 1250 },
    // Without a graphics card every frame of a transition is drawn by the processor.
    reducedMotion: 'reduce',
    ...options.look,
  })
  page.setDefaultTimeout(timeout)
  page.on('request', (request) => requested.push(request.url()))
  page.on('response', (response) => {
    if (!/\/(events|tap\?.*)$/.test(response.url()))
      response.text().then(
        (text) => received.push(text),
        () => {},
      )
  })
  const stage: Stage = {
    page,
    telemetry,
    backends,
    admin,
    complaints: [],
    signIn: async () => {
      await page.getByLabel('Token').fill(token)
      await page.keyboard.press('Enter')
      for (const chart of ['breaker', 'exporter', 'delivery'])
        await page.waitForSelector(`[data-exporter=otel] [data-chart=${chart}] svg`)
    },
    lit: (state, className = 'active') =>
      page.waitForSelector(`[data-exporter=otel] .${className}[data-state="${state}"]`),
    until: async (expression) => {
      while (!(await page.evaluate(`Boolean(${expression})`))) await pause()
    },
    field: (name) => page.locator(`[name="telemetry.otel.${name}"]`),
    openForm: () => page.locator('[data-exporter=otel] summary').click(),
    submit: async () => {
      await page.locator('[data-exporter=otel] button[type=submit]').click()
      await page.locator('#review [value=apply]').click()
    },
    close: async () => {
      clearInterval(traffic)
      const content = await page.content()
      await page.close()
      await stage.admin.close()
      await telemetry.stop({ timeoutMs: 500 })
      for (const backend of backends) await backend.close()
      assert.deepEqual(stage.complaints, [])
      for (const url of requested)
        assert.ok(url.startsWith('data:') || new URL(url).hostname === '127.0.0.1', `${url} was asked for`)
      for (const text of [content, ...received]) assert.ok(!text.includes(canary) && !text.includes(token))
    },
  }
  page.on('pageerror', (error) => stage.complaints.push(String(error)))
  page.on('console', (message) => {
    // Chromium reports every refusal of a change as one; it is what the form shows.
    const isRefusal = message.text().includes('status of 422')
    if (message.type() === 'error' && !isRefusal) stage.complaints.push(message.text())
  })
  await page.goto((await admin.listen()).url)
  return stage
}
