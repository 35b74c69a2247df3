/** How much an exporter needs somebody to look at it, as `telemachine top` has it. */

/** Reasons by which nothing is lost that anybody wanted: docs/ledger.md. */
export const harmlessReasons = new Set(['ignored', 'not_a_span', 'sampled_out', 'disabled'])

/** Events that were lost: what was given up on purpose is not. @param {Record<string, number>} dropped by reason */
export const lostOf = (dropped) =>
  Object.entries(dropped).reduce((sum, [reason, one]) => (harmlessReasons.has(reason) ? sum : sum + one), 0)

/**
 * 6 is worst, 0 is well, -1 is switched off.
 * @param {{ status: { state: string, breaker: string, endpoints?: { breaker: string }[] }, lossRate: number, queueShare?: number | undefined }} view
 */
export function severity({ status, lossRate, queueShare = 0 }) {
  if (status.state === 'disabled') return -1
  if (status.state === 'failed') return 6
  if (status.state === 'retrying' || status.state === 'restarting') return 5
  if (status.breaker === 'open') return 4
  if (status.breaker === 'forced_open' || status.breaker === 'half_open') return 3
  if (lossRate > 0) return 2
  const isDegraded = status.endpoints?.some(({ breaker }) => breaker !== 'closed' && breaker !== 'disabled')
  return queueShare > 0.5 || status.state !== 'serving' || isDegraded ? 1 : 0
}

/** @param {string} state */
export const toneOfState = (state) =>
  /** @type {Record<string, string>} */ ({
    serving: 'good',
    failed: 'bad',
    retrying: 'bad',
    restarting: 'bad',
    disabled: 'calm',
    stopped: 'calm',
  })[state] ?? 'warn'

/** @param {string} breaker */
export const toneOfBreaker = (breaker) =>
  /** @type {Record<string, string>} */ ({
    closed: 'good',
    open: 'bad',
    forced_open: 'bad',
    half_open: 'warn',
  })[breaker] ?? 'calm'

const windowMs = 10_000

/** The rates of the last ten seconds. */
export function createRates() {
  /** @type {{ at: number, delivered: number, lost: number }[]} */
  let looks = []

  return {
    /** @param {any} ledger @param {number} at milliseconds that only grow */
    add(ledger, at) {
      const lost = lostOf(ledger.dropped)
      const last = looks.at(-1)
      // Less than before: the service has started again, and counts from zero.
      if (last && (ledger.delivered < last.delivered || lost < last.lost)) looks = []
      looks.push({ at, delivered: ledger.delivered, lost })
      while (looks.length > 2 && at - /** @type {any} */ (looks[1]).at >= windowMs) looks.shift()
      const first = /** @type {any} */ (looks[0])
      const seconds = (at - first.at) / 1000
      if (seconds <= 0) return { rate: 0, lossRate: 0 }
      return { rate: (ledger.delivered - first.delivered) / seconds, lossRate: (lost - first.lost) / seconds }
    },
  }
}

/** Events that an exporter still has. @param {any} ledger */
export const waitingOf = ({ pending }) =>
  pending.buffered + pending.held + pending.queued + pending.in_flight + (pending.spooled ?? 0)
