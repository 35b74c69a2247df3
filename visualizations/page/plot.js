import { count, h, say, words } from './dom.js'

/**
 * Where the events of an exporter went: one bar, and its legend with the numbers.
 */
export function createLedgerBar() {
  const bar = h('div', { className: 'ledger-bar', 'aria-hidden': 'true' })
  const legend = h('dl', { className: 'legend' })
  const total = h('strong', {}, '0')
  const element = h(
    'div',
    { className: 'ledger' },
    h('p', { className: 'caption' }, total, ' events accepted'),
    bar,
    legend,
  )
  /** @type {Map<string, { part: any, item: any, number: any }>} */
  const parts = new Map()

  /** @param {string} key @param {string} kind @param {string} label */
  const part = (key, kind, label) => {
    const known = parts.get(key)
    if (known) return known
    const made = {
      part: h('span', { className: `part ${kind}`, 'data-part': key }),
      number: h('dd', {}, '0'),
      item: undefined,
    }
    made.item = h('div', { className: kind, 'data-part': key }, h('dt', {}, label), made.number)
    parts.set(key, made)
    bar.append(made.part)
    legend.append(made.item)
    return made
  }

  part('delivered', 'delivered', 'delivered')
  part('pending', 'pending', 'pending')

  return {
    element,
    /** @param {any} ledger */
    update(ledger) {
      const { buffered, held, queued, in_flight: inFlight, spooled = 0 } = ledger.pending
      const values = new Map([
        ['delivered', ledger.delivered],
        ['pending', buffered + held + queued + inFlight + spooled],
      ])
      for (const [reason, weight] of Object.entries(ledger.dropped)) {
        part(`dropped ${reason}`, 'dropped', `dropped: ${words(reason)}`)
        values.set(`dropped ${reason}`, weight)
      }
      if (ledger.ambiguous > 0) part('ambiguous', 'ambiguous', 'ambiguous: may have arrived')
      say(total, count(ledger.accepted))
      for (const [key, { part: span, item, number }] of parts) {
        const value = key === 'ambiguous' ? ledger.ambiguous : (values.get(key) ?? 0)
        // Outside of the sum, so not in the bar.
        const share = key === 'ambiguous' || ledger.accepted === 0 ? 0 : value / ledger.accepted
        span.style.flexGrow = String(share)
        span.classList.toggle('some', share > 0)
        item.classList.toggle('none', value === 0)
        say(number, count(value))
      }
      const waiting = `in the bus ${count(buffered)}, held ${count(held)}, queued ${count(queued)}, in flight ${count(inFlight)}${spooled > 0 ? `, on disk ${count(spooled)}` : ''}`
      const { item } = part('pending', 'pending', 'pending')
      if (item.title !== waiting) item.title = waiting
    },
  }
}
