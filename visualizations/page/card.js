import { command } from './api.js'
import { createChart } from './chart.js'
import { createConfiguration } from './configuration.js'
import { count, h, say, timeOf, toast, words } from './dom.js'
import { createEndpoints } from './endpoints.js'
import { createLedgerBar } from './plot.js'
import { createRates, toneOfBreaker, toneOfState } from './severity.js'
import { createTimeline } from './timeline.js'

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
  spool: Object.fromEntries(
    ['off', 'opening', 'ready', 'full', 'failing', 'closing'].map((state) => [state, [`spool.${state}`]]),
  ),
}

/**
 * One exporter: what it does, what became of its events, and what may be done to it.
 * @param {string} id
 * @param {{ review: (changes: any[]) => Promise<any>, skew: () => number }} host
 */
export function createCard(id, host) {
  const heading = `exporter-${id}`
  const title = h('h2', { id: heading, tabIndex: -1 }, id)
  const type = h('span', { className: 'quiet' })
  const state = h('span', { className: 'pill', 'data-field': 'state' })
  const breaker = h('span', { className: 'pill', 'data-field': 'breaker' })
  const error = h('p', { className: 'last-error', 'data-field': 'error', hidden: true })
  const facts = h('dl', { className: 'facts' })
  const ledger = createLedgerBar()
  const timeline = createTimeline()
  const charts = {
    exporter: createChart('exporter', { title: `${id}: exporter` }),
    delivery: createChart('delivery', { title: `${id}: delivery` }),
    spool: createChart('spool', { title: `${id}: spool` }),
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

  const endpoints = createEndpoints(id, button)

  const element = h(
    'article',
    { className: 'panel card', 'data-exporter': id, 'aria-labelledby': heading },
    h(
      'header',
      {},
      title,
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
      endpoints.buttons,
    ),
    error,
    h('div', { className: 'numbers' }, ledger.element, ...timeline.elements),
    facts,
    h(
      'div',
      { className: 'charts' },
      charts.exporter.element,
      charts.delivery.element,
      endpoints.charts,
      charts.spool.element,
    ),
    configuration.element,
  )

  /** @type {any} */
  let now
  const rates = createRates()

  /** @param {HTMLButtonElement} pressed @param {string} path @param {string} what */
  async function run(pressed, path, what) {
    pressed.disabled = true
    try {
      const { complete } = await command(path)
      if (complete === false) toast(`${what} ${id}: not everything was sent; some events still wait`, 'bad')
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
    breaker.dataset.tone = toneOfBreaker(now.breaker)
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
    for (const [index, { url, serves, breaker: shown, delivered }] of (now.endpoints ?? []).entries())
      entries.push([
        `endpoint ${index}${serves ? ', serves' : ''}`,
        `${url}: breaker ${words(shown)}, ${count(delivered)} delivered`,
      ])
    if (now.spool) {
      const { state, bytes, oldestAt, files, quarantined } = now.spool
      entries.push(['spool', words(state)], ['on disk', `${count(bytes)} bytes in ${count(files)} files`])
      if (oldestAt !== null) entries.push(['oldest on disk since', timeOf(oldestAt)])
      if (quarantined > 0) entries.push(['set aside', count(quarantined)])
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
      breaker.hidden = status.pulled
      endpoints.update(status)
      charts.spool.element.hidden = !status.spool
      say(type, status.type === id ? '' : status.type)
      say(state, words(status.state))
      state.dataset.tone = toneOfState(status.state)
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
        if (status.charts.spool) charts.spool.light(status.charts.spool)
      }
      // It has exported between two looks.
      if (attempts !== undefined && status.exports.attempts > attempts)
        charts.delivery.recall('delivery.working.exporting')
    },
    /** A transition that may be over again. @param {any} entry */
    recall({ kind, to, endpoint }) {
      if (kind !== 'exporter' && kind !== 'breaker' && kind !== 'spool') return
      for (const place of /** @type {any} */ (places)[kind][to] ?? []) {
        if (kind === 'breaker') endpoints.recall(place, endpoint)
        else charts[/** @type {'exporter'} */ (kind)].recall(place)
      }
    },
    /** Called ten times a second: the time until a probe runs. */
    tick: showBreaker,
    /** Called every second or so. @param {any} series @param {any[]} transitions */
    draw(series, transitions) {
      if (!now) return
      timeline.draw(series, transitions, rates.add(now.ledger, performance.now()).rate)
    },
    /** Brings the card into view, and its heading the focus. */
    show() {
      title.focus({ preventScroll: true })
      element.scrollIntoView({ block: 'start' })
    },
  }
}
