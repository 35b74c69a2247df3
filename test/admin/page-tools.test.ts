// What the live page offers around its charts, in a real browser: the overview, the tap, the last hour, and a form that
// says what is wrong while one types and offers only what can be changed. Nobody is kept out: axe finds no violation.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { BrowserContextOptions } from 'playwright-core'
import { createSimulatedClock } from '../../src/testing/index.ts'
import { openStage, type Stage, type StageOptions, withBrowser } from './stage.ts'

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

describe('tools of the live page', () => {
  const browser = withBrowser()
  let stage: Stage
  afterEach(() => stage.close())

  const open = async (options: StageOptions = {}): Promise<void> => {
    stage = await openStage(browser(), options)
    await stage.signIn()
  }
  const row = (place: string, id: string) =>
    stage.page.waitForSelector(`#overview-rows tr:${place}[data-overview=${id}]`)
  const focused = (id: string) => stage.until(`document.activeElement.id === '${id}'`)
  const openForm = (id: string) => stage.page.locator(`[data-exporter=${id}] summary`).click()

  describe('the overview', () => {
    it('has a row for each exporter, the worst first', async () => {
      await open({ otel: { event_patterns: ['job.*'] } })
      const { page, telemetry } = stage
      await page.getByText('2 exporters, all well').waitFor()
      await telemetry.config.put('otel.enabled', false)
      await row('first-child', 'prometheus')
      await telemetry.config.put('otel.enabled', true)
      telemetry.breaker('otel').forceOpen()
      await row('first-child', 'otel')
      await page.getByText('1 of 2 exporters in trouble').waitFor()
      const otel = page.locator('[data-overview=otel]')
      await otel.locator('[data-cell=breaker]').getByText('forced open').waitFor()
      await otel.locator('[data-cell=state]').getByText('serving').waitFor()
      await page.locator('[data-overview=prometheus] [data-cell=breaker]').getByText('none').waitFor()
    })

    it('shows what an exporter delivers, what waits and what is lost', async () => {
      await open()
      const cell = (name: string) => stage.page.locator(`[data-overview=otel] [data-cell=${name}]`)
      await cell('delivered')
        .getByText(/^[1-9]\d*\/s$/)
        .waitFor()
      stage.telemetry.breaker('otel').forceOpen()
      await cell('waiting')
        .getByText(/^[1-9]/)
        .waitFor()
      // An end without a start is no span.
      await cell('lost')
        .getByText(/^[1-9]/)
        .waitFor()
    })

    it('leads to the details by a click on a row, and by the keyboard', async () => {
      await open()
      const { page } = stage
      await page.locator('[data-overview=prometheus] [data-cell=state]').click()
      await focused('exporter-prometheus')
      await stage.until(
        "document.querySelector('#exporter-prometheus').getBoundingClientRect().top < innerHeight",
      )
      await page.locator('[data-overview=otel] a').press('Enter')
      await focused('exporter-otel')
    })

    it('keeps the focus where it is when rows change places', async () => {
      await open()
      const { page, telemetry } = stage
      await page.locator('[data-overview=otel] a').focus()
      await telemetry.config.put('otel.enabled', false)
      await row('last-child', 'otel')
      await stage.until("document.activeElement.closest('[data-overview=otel]')")
    })
  })

  describe('the tap', () => {
    it('shows events that match a glob, and ends when told to', async () => {
      await open()
      const { page, telemetry } = stage
      await page.locator('#tap summary').click()
      assert.ok(telemetry.handlers().every(({ id }) => !id.includes('tap')))
      await page.getByLabel('Events that match').fill('*.success')
      await page.keyboard.press('Enter')
      const events = page.locator('#tap-events li')
      await events.filter({ hasText: 'mail.success' }).first().waitFor()
      await events.filter({ hasText: '"duration_ms":3' }).first().waitFor()
      assert.equal(await events.filter({ hasText: 'job.start' }).count(), 0)
      await page.getByRole('button', { name: 'Stop', exact: true }).click()
      await page.getByText(/stopped after \d+ events/).waitFor()
      await focused('tap-start')
      while (telemetry.handlers().some(({ id }) => id.includes('tap'))) await new Promise(setImmediate)
    })

    it('says why it was refused', async () => {
      await open()
      const { page } = stage
      await page.locator('#tap summary').click()
      await page.getByLabel('Events that match').fill('x'.repeat(300))
      await page.keyboard.press('Enter')
      await page.locator('#tap-error').getByText('at most 16 patterns of at most 256 characters').waitFor()
      await page.getByRole('button', { name: 'Start', exact: true }).waitFor()
    })
  })

  describe('the last hour', () => {
    const minutes = 30
    const clockOfThePast = () => createSimulatedClock({ startAt: Date.now() - minutes * 60_000 })

    it('shows what was delivered and dropped before the page was opened, by reason', async () => {
      const clock = clockOfThePast()
      await open({
        clock,
        before: async (telemetry) => {
          for (let i = 0; i < 7; i += 1) telemetry.emit('early.success', {}, { correlation_id: `early${i}` })
          const ledger = () => telemetry.status().exporters.otel!.ledger
          while ((ledger().dropped.unmatched_end ?? 0) < 7 || ledger().delivered === 0)
            await new Promise(setImmediate)
          telemetry.breaker('otel').forceOpen()
          telemetry.breaker('otel').reset()
          for (let i = 0; i < minutes * 6; i += 1) clock.increment(10_000)
        },
      })
      const { page } = stage
      const card = page.locator('[data-exporter=otel]')
      // One of the first bars: of half an hour ago.
      await stage.until(
        "[...document.querySelectorAll('[data-exporter=otel] rect[data-reason=unmatched_end]')].some((bar) => Number(bar.getAttribute('x')) < 20)",
      )
      await card.locator('.reasons [data-reason=unmatched_end]').getByText('unmatched end').waitFor()
      await card.getByText('30 min ago').first().waitFor()
      await stage.until(
        "document.querySelector('[data-exporter=otel] .sparkline.delivered .line').getAttribute('points').split(' ').length > 100",
      )
      await page.waitForSelector('[data-exporter=otel] [data-mark="breaker forced_open"]', {
        state: 'attached',
      })
    })

    it('goes on with what the page has not asked for yet', async () => {
      const clock = clockOfThePast()
      await open({ clock })
      const { page } = stage
      const bar = '[data-exporter=prometheus] rect[data-reason=ignored]'
      // Not sampled yet, since the clock stands still: the state of now is drawn too.
      await page.waitForSelector(bar, { state: 'attached' })
    })
  })

  describe('the form', () => {
    it('offers a select for a key that lists its values', async () => {
      await open()
      await stage.openForm()
      const select = stage.page.getByLabel('overflow', { exact: true })
      assert.deepEqual(await select.locator('option').allInnerTexts(), ['drop_newest', 'drop_oldest'])
      await select.selectOption('drop_oldest')
      await stage.submit()
      await stage.page.getByText('In force as version').waitFor()
      assert.equal(stage.telemetry.config.get('otel.overflow'), 'drop_oldest')
      await stage.page.getByLabel('Unset telemetry.otel.overflow').click()
      await stage.page.locator('#review [value=apply]').click()
      await stage.until(
        "document.querySelector('[name=\"telemetry.otel.overflow\"]').value === 'drop_newest'",
      )
    })

    it('offers nothing that cannot be changed', async () => {
      await open()
      const { page } = stage
      await stage.openForm()
      await openForm('prometheus')
      await page.locator('#system-configuration summary').click()
      const fixed = [
        'telemetry.allowed_destinations',
        'telemetry.max_exporters',
        'telemetry.otel.type',
        'telemetry.otel.certificate',
        'telemetry.prometheus.type',
      ]
      for (const path of fixed) {
        assert.equal(await page.locator(`[name="${path}"]`).count(), 0, path)
        assert.equal(await page.locator(`output[id="key-${path}"]`).count(), 1, path)
      }
      assert.equal(await page.locator('[id="key-telemetry.otel.type"]').textContent(), 'otel')
      assert.equal(await page.getByRole('group', { name: 'Breaker of prometheus' }).count(), 0)
      assert.equal(await page.getByRole('group', { name: 'Breaker of otel' }).count(), 1)
    })

    it('says what is wrong while one types, and asks the server nothing', async () => {
      await open()
      const { page } = stage
      await stage.openForm()
      const changes: string[] = []
      page.on('request', (request) => request.method() === 'PATCH' && changes.push(request.url()))
      const problem = (name: string) => page.locator(`[data-error-for="telemetry.otel.${name}"]`)
      await stage.field('batch_size').pressSequentially('x')
      await problem('batch_size').getByText('must be an integer from 1 to').waitFor()
      assert.equal(await stage.field('batch_size').getAttribute('aria-invalid'), 'true')
      await stage.field('endpoint').fill('ftp://backup')
      await problem('endpoint').getByText('must be an http or https URL').waitFor()
      await stage.field('headers').fill('{"x-api-key": 5}')
      await problem('headers').getByText('a table of header names and values').waitFor()
      await stage.field('batch_size').fill('64')
      await stage.field('max_age').fill('60')
      await stage.field('max_age').fill('')
      for (const name of ['batch_size', 'max_age']) assert.equal(await problem(name).textContent(), '', name)
      assert.equal(await stage.field('batch_size').getAttribute('aria-invalid'), null)
      assert.deepEqual(changes, [])
    })
  })

  const looks: [string, BrowserContextOptions][] = [
    ['in light', { colorScheme: 'light' }],
    ['in dark', { colorScheme: 'dark' }],
    ['on a narrow screen', { viewport: { width: 390, height: 844 } }],
  ]
  for (const [name, look] of looks) {
    it(`shows messages that cover nothing and move nothing, ${name}`, async () => {
      await open({ look })
      const { page } = stage
      const top = "document.querySelector('#board').getBoundingClientRect().top"
      const before = await page.evaluate(top)
      await page.getByRole('button', { name: 'Flush otel' }).click()
      await page.locator('.toast').getByText('Flush otel: done').waitFor()
      assert.equal(await page.evaluate(`scrollTo(0, 0); ${top}`), before)
      const covered = await page.evaluate(`(() => {
        const toast = document.querySelector('.toast')
        const [box, bar] = [toast, toast.closest('header')].map((one) => one.getBoundingClientRect())
        if (box.left < bar.left || box.right > bar.right || box.top < bar.top || box.bottom > bar.bottom) return ['outside of the header']
        const others = [...document.querySelectorAll('h1, h2, .pill, .quiet, button, a:not(.skip), input, td, p')]
        const overlaps = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom
        return others
          .filter((one) => one.checkVisibility() && !toast.contains(one) && !one.contains(toast))
          .filter((one) => overlaps(one.getBoundingClientRect(), box))
          .map((one) => one.outerHTML.slice(0, 80))
      })()`)
      assert.deepEqual(covered, [])
    })

    it(`has no axe violation, ${name}`, async () => {
      await open({ look })
      const { page, telemetry } = stage
      // The charts are alike, and large: the enlarged one stands for them.
      const check = async (place: string): Promise<void> => {
        const found =
          await page.evaluate(`axe.run(${JSON.stringify({ include: [place], exclude: ['.charts svg', '#system-chart svg'] })}, { resultTypes: ['violations'] })
          .then(({ violations }) => violations.map(({ id, nodes }) =>
            [id, ...nodes.slice(0, 3).map(({ html, failureSummary }) => html.slice(0, 160) + failureSummary)]))`)
        assert.deepEqual(found, [], place)
      }
      await page.evaluate(axeSource)
      telemetry.breaker('otel').forceOpen()
      await stage.lit('breaker.forced_open')
      await stage.until("document.querySelectorAll('.recent, .taken').length === 0")
      await stage.openForm()
      await openForm('prometheus')
      await page.locator('#system-configuration summary').click()
      await page.locator('#tap summary').click()
      await page.locator('#tap-start').click()
      await page.locator('#tap-events li').first().waitFor()
      await page.locator('#tap-stop').click()
      await stage.field('sampling_rate').fill('often')
      await check('body')
      await page.locator('[data-exporter=otel] button[type=submit]').click()
      await page.locator('#review').waitFor()
      await check('#review')
      await page.locator('#review [value=apply]').click()
      await page.locator('.toast.bad').waitFor()
      await check('header.bar')
      await page.getByRole('button', { name: 'Enlarge: otel: breaker' }).click()
      await page.locator('#enlarged svg').waitFor()
      await check('#enlarged')
      await page.keyboard.press('Escape')
      await page.getByRole('button', { name: 'Sign out' }).click()
      await check('body')
    })
  }
})
