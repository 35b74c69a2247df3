import { byId, count, h, say, words } from './dom.js'
import { endpointsInWords } from './endpoints.js'
import { createRates, lostOf, severity, toneOfBreaker, toneOfState, waitingOf } from './severity.js'
import { createTrend } from './timeline.js'

/** A table of all exporters, the worst first; a click on a row leads to the exporter's details. @param {(id: string) => void} goTo */
export function createOverview(goTo) {
  /** @type {Map<string, ReturnType<typeof createRow>>} */
  const rows = new Map()
  const body = byId('overview-rows')
  const summary = byId('overview-summary')

  /** @param {string} id */
  function createRow(id) {
    const cell = (/** @type {string} */ name, /** @type {any[]} */ ...content) =>
      h('td', { 'data-label': name, 'data-cell': name }, ...content)
    const state = h('span', { className: 'pill' })
    const breaker = h('span', { className: 'pill' })
    const endpoints = h('small', { className: 'quiet' })
    const [rate, waiting, dropped] = [h('span'), h('span'), h('span')]
    const trend = createTrend()
    const link = h('a', { href: `#exporter-${encodeURIComponent(id)}` }, id)
    const row = h(
      'tr',
      { 'data-overview': id, onclick: open },
      h('th', { scope: 'row' }, link),
      cell('state', state),
      cell('delivered', rate),
      cell('waiting', waiting),
      cell('lost', dropped),
      cell('breaker', breaker, endpoints),
      cell('last hour', trend.element),
    )
    const rates = createRates()
    let rank = 0

    function open(/** @type {Event} */ event) {
      event.preventDefault()
      goTo(id)
    }

    return {
      row,
      link,
      trend,
      rank: () => rank,
      /** @param {any} status */
      update(status) {
        const { rate: perSecond, lossRate } = rates.add(status.ledger, performance.now())
        const pending = waitingOf(status.ledger)
        const { queued, in_flight: inFlight } = status.ledger.pending
        const queueShare = status.queueSize ? (queued + inFlight) / status.queueSize : undefined
        const lost = lostOf(status.ledger.dropped)
        rank = severity({ status, lossRate, queueShare })
        row.dataset.rank = String(rank)
        say(state, words(status.state))
        state.dataset.tone = toneOfState(status.state)
        say(rate, `${count(perSecond)}/s`)
        const share = Math.round((queueShare ?? 0) * 100)
        say(waiting, share > 0 ? `${count(pending)} (${share}%)` : count(pending))
        waiting.dataset.tone = share > 80 ? 'bad' : share > 50 ? 'warn' : ''
        say(dropped, lossRate > 0 ? `${count(lost)} (+${count(Math.max(lossRate, 1))}/s)` : count(lost))
        dropped.dataset.tone = lossRate > 0 ? 'bad' : lost > 0 ? 'warn' : ''
        // What is pulled sends nothing by itself, and has no circuit breaker.
        say(breaker, status.pulled ? 'none' : words(status.breaker))
        breaker.dataset.tone = status.pulled ? 'calm' : toneOfBreaker(status.breaker)
        say(endpoints, endpointsInWords(status.endpoints))
      },
    }
  }

  /** Moves the rows only where their order has changed, and leaves the focus where it is. */
  function sort() {
    const wanted = [...rows.entries()].sort(
      ([a, one], [b, other]) => other.rank() - one.rank() || (a < b ? -1 : 1),
    )
    if (wanted.every(([, { row }], i) => body.children[i] === row)) return
    const focused = document.activeElement
    body.replaceChildren(...wanted.map(([, { row }]) => row))
    if (focused instanceof HTMLElement && body.contains(focused)) focused.focus({ preventScroll: true })
  }

  return {
    /** @param {Record<string, any>} exporters their statuses by id */
    update(exporters) {
      for (const id of rows.keys()) {
        if (Object.hasOwn(exporters, id)) continue
        rows.get(id)?.row.remove()
        rows.delete(id)
      }
      for (const [id, status] of Object.entries(exporters)) {
        const row = rows.get(id) ?? createRow(id)
        rows.set(id, row)
        row.update(status)
      }
      sort()
      const troubled = [...rows.values()].filter((row) => row.rank() > 1).length
      const exportersInWords = rows.size === 1 ? '1 exporter' : `${rows.size} exporters`
      say(
        summary,
        troubled > 0 ? `${troubled} of ${exportersInWords} in trouble` : `${exportersInWords}, all well`,
      )
    },
    /** @param {(id: string) => any} seriesOf */
    draw(seriesOf) {
      for (const [id, { trend }] of rows) trend.draw(seriesOf(id))
    },
  }
}
