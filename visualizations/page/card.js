import { command } from './api.js'
import { createChart } from './chart.js'
import { createConfiguration } from './configuration.js'
import { count, h, say, timeOf, toast, words } from './dom.js'
import { createLedgerBar, createSparkline } from './plot.js'

/** States as the history names them, and where in the charts they are. */
const places = {
  exporter: {
    disabled: ['exporter.disabled'],
    opening: ['exporter.active.client.opening'],
    retrying: ['exporter.active.client.retrying'],
    serving: ['exporter.active.client.serving'],
    replacing: ['exporter.active.client.replacing', 'exporter.active.client.replacing.opening'],
    draining: ['exporter.leaving', 'exporter.leaving.draining'],
    restarting: ['exporter.recovering', 'exporter.recovering.fencing'],
    failed: ['exporter.recovering.failed'],
  },
  breaker: {
    closed: ['breaker.closed'],
    open: ['breaker.open'],
    half_open: ['breaker.half_open', 'breaker.half_open.probing'],
    forced_open: ['breaker.forced_open'],
    disabled: ['breaker.disabled'],
  },
}

const sampleMs = 500

/**
 * One exporter: what it does, what became of its events, and what may be done to it.
 * @param {string} id
 * @param {{ review: (changes: any[]) => Promise<any>, skew: () => number }} host
 */
export function createCard(id, host) {
  const heading = `exporter-${id}`
  const type = h('span', { className: 'quiet' })
  const state = h('span', { className: 'pill', 'data-field': 'state' })
  const breaker = h('span', { className: 'pill', 'data-field': 'breaker' })
  const error = h('p', { className: 'last-error', 'data-field': 'error', hidden: true })
  const facts = h('dl', { className: 'facts' })
  const ledger = createLedgerBar()
  const throughput = createSparkline('delivered', '/s', 'delivered')
  const queue = createSparkline('waiting', 'events', 'pending')
  const charts = {
    exporter: createChart('exporter', { title: `${id}: exporter` }),
    delivery: createChart('delivery', { title: `${id}: delivery` }),
    breaker: createChart('breaker', { title: `${id}: breaker` }),
  }
  const configuration = createConfiguration(`${id}: configuration`, host.review)
  const enabling = h('button', { type: 'button', onclick: () => toggle() }, 'Disable')

  /** @param {string} label @param {string} path @param {string} what */
  const button = (label, path, what) =>
    h(
      'button',
      {
        type: 'button',
        'aria-label': `${what} ${id}`,
        onclick: (/** @type {any} */ event) => run(event.currentTarget, path, what),
      },
      label,
    )

  const breakerButtons = h(
    'div',
    { className: 'buttons', role: 'group', 'aria-label': `Breaker of ${id}`, hidden: true },
    h('span', { className: 'quiet', 'aria-hidden': 'true' }, 'breaker'),
    button('Force open', `breakers/${id}/force-open`, 'Force open the breaker of'),
    button('Disable', `breakers/${id}/disable`, 'Disable the breaker of'),
    button('Reset', `breakers/${id}/reset`, 'Reset the breaker of'),
  )

  const element = h(
    'article',
    { className: 'panel card', 'data-exporter': id, 'aria-labelledby': heading },
    h(
      'header',
      {},
      h('h2', { id: heading }, id),
      type,
      state,
      breaker,
      h('span', { className: 'gap' }),
      h(
        'div',
        { className: 'buttons', role: 'group', 'aria-label': `Commands for ${id}` },
        button('Flush', `exporters/${id}/flush`, 'Flush'),
        button('Restart', `exporters/${id}/restart`, 'Restart'),
        enabling,
      ),
      breakerButtons,
    ),
    error,
    h('div', { className: 'numbers' }, ledger.element, throughput.element, queue.element),
    facts,
    h(
      'div',
      { className: 'charts' },
      charts.exporter.element,
      charts.delivery.element,
      charts.breaker.element,
    ),
    configuration.element,
  )

  /** @type {any} */
  let now
  let sampled = { at: performance.now(), delivered: 0, fresh: true }

  /** @param {HTMLButtonElement} pressed @param {string} path @param {string} what */
  async function run(pressed, path, what) {
    pressed.disabled = true
    try {
      const { complete } = await command(path)
      if (complete === false) toast(`${what} ${id}: some of it is still under way`, 'bad')
      else toast(`${what} ${id}: done`)
    } catch (thrown) {
      toast(`${what} ${id}: ${/** @type {Error} */ (thrown).message}`, 'bad')
    }
    pressed.disabled = false
  }

  function toggle() {
    const isOn = now?.state !== 'disabled' && now?.state !== 'draining'
    host
      .review([{ path: `telemetry.${id}.enabled`, before: isOn, after: !isOn, shown: String(!isOn) }])
      .catch(() => {})
  }

  function showBreaker() {
    if (!now) return
    const left =
      now.probeAt === null ? undefined : Math.max(0, (now.probeAt - Date.now() - host.skew()) / 1000)
    const wait =
      left === undefined
        ? ''
        : left > 0
          ? `, probe in ${left < 10 ? left.toFixed(1) : Math.round(left)} s`
          : ', probe due'
    const failures = now.breaker === 'closed' && now.failures > 0 ? `, ${now.failures} failed in a row` : ''
    say(breaker, `breaker ${words(now.breaker)}${wait}${failures}`)
    breaker.dataset.tone =
      { closed: 'good', open: 'bad', forced_open: 'bad', half_open: 'warn' }[now.breaker] ?? 'calm'
  }

  function showFacts() {
    const entries = Object.entries(now.client).filter(([, value]) =>
      ['string', 'number', 'boolean'].includes(typeof value),
    )
    if (now.exports.attempts > 0) {
      const ms = (now.exports.seconds / now.exports.attempts) * 1000
      entries.push(
        ['requests', count(now.exports.attempts)],
        ['mean request', `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`],
      )
    }
    const text = JSON.stringify(entries)
    if (facts.dataset.text === text) return
    facts.dataset.text = text
    facts.replaceChildren(
      ...entries.map(([name, value]) =>
        h(
          'div',
          {},
          h('dt', {}, words(name)),
          h('dd', {}, typeof value === 'number' ? count(value) : String(value)),
        ),
      ),
    )
  }

  return {
    element,
    configuration,
    /** @param {any} status with `charts`, the state values of its machines */
    update(status) {
      const attempts = now?.exports.attempts
      now = status
      // What is pulled sends nothing: its breaker never acts.
      breakerButtons.hidden = breaker.hidden = charts.breaker.element.hidden = status.pulled
      say(type, status.type === id ? '' : status.type)
      say(state, words(status.state))
      state.dataset.tone =
        {
          serving: 'good',
          failed: 'bad',
          retrying: 'bad',
          restarting: 'bad',
          disabled: 'calm',
          stopped: 'calm',
        }[status.state] ?? 'warn'
      say(enabling, ['disabled', 'draining'].includes(status.state) ? 'Enable' : 'Disable')
      enabling.setAttribute('aria-label', `${enabling.textContent} ${id}`)
      showBreaker()
      error.hidden = !status.lastError
      const isWell = status.state === 'serving' && ['closed', 'disabled'].includes(status.breaker)
      error.classList.toggle('past', isWell)
      if (status.lastError)
        say(error, `last error, ${timeOf(status.lastError.at)}: ${status.lastError.message}`)
      ledger.update(status.ledger)
      showFacts()
      if (status.charts) {
        charts.exporter.light(status.charts.exporter)
        charts.delivery.light(status.charts.delivery)
        charts.breaker.light(status.charts.breaker)
      }
      // It has exported between two looks.
      if (attempts !== undefined && status.exports.attempts > attempts)
        charts.delivery.recall('delivery.working.exporting')
    },
    /** A transition that may be over again. @param {any} entry */
    recall({ kind, to }) {
      if (kind !== 'exporter' && kind !== 'breaker') return
      for (const place of /** @type {any} */ (places)[kind][to] ?? [])
        charts[/** @type {'exporter'} */ (kind)].recall(place)
    },
    /** Called twice a second, and more often. */
    sample() {
      if (!now) return
      showBreaker()
      const at = performance.now()
      if (at - sampled.at < sampleMs) return
      const { delivered, pending } = now.ledger
      const rate = sampled.fresh
        ? 0
        : Math.max(0, ((delivered - sampled.delivered) / (at - sampled.at)) * 1000)
      sampled = { at, delivered, fresh: false }
      throughput.push(rate)
      queue.push(pending.buffered + pending.held + pending.queued + pending.in_flight)
    },
  }
}
