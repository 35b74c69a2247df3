import { getJson } from './api.js'
import { waitingOf } from './severity.js'

const hourMs = 3_600_000
/** The time axis of a service that has just started. */
const leastSpanMs = 600_000

/**
 * @typedef {{ at: number, delivered: number | null, waiting: number | null, dropped: Record<string, number> }} Sample
 * @typedef {{ from: number, to: number, samples: Sample[] }} Series counters over time; times in epoch milliseconds of the server
 */

/** The samples of the last hour that the server has taken, and the state of now as the latest. */
export function createSampleStore() {
  /** @type {Map<string, Sample[]>} */
  const series = new Map()
  /** @type {Map<string, any>} */
  const now = new Map()
  let newest = 0
  /** Counts how often everything was forgotten. */
  let life = 0
  let oldest = Number.POSITIVE_INFINITY

  return {
    /** Reads the samples that are new. */
    async read() {
      const mine = life
      const { at, exporters, period_ms: periodMs } = await getJson(`samples?since=${newest}`)
      if (mine !== life) return periodMs
      // The machine has slept: what was read before may be older than the hour.
      if (at.length > 0 && newest > 0 && at[0] - newest > 2 * periodMs) series.clear()
      for (const id of series.keys()) if (!Object.hasOwn(exporters, id)) series.delete(id)
      for (const [id, { delivered, waiting, dropped }] of /** @type {[string, any][]} */ (
        Object.entries(exporters)
      )) {
        const samples = series.get(id) ?? []
        for (const [i, time] of at.entries()) {
          const byReason = Object.entries(dropped).map(([reason, column]) => [reason, column[i] ?? 0])
          samples.push({
            at: time,
            delivered: delivered[i],
            waiting: waiting[i],
            dropped: Object.fromEntries(byReason),
          })
        }
        series.set(
          id,
          samples.filter((sample) => sample.at > (at.at(-1) ?? newest) - hourMs),
        )
      }
      newest = at.at(-1) ?? newest
      oldest = Math.min(
        newest || Number.POSITIVE_INFINITY,
        ...[...series.values()].map((all) => all[0]?.at ?? newest),
      )
      return periodMs
    },
    /** Another connection, perhaps to a process that has started since: everything is read again. */
    forget() {
      series.clear()
      newest = 0
      life += 1
    },
    /** @param {Record<string, any>} exporters */
    setNow(exporters) {
      now.clear()
      for (const [id, { ledger }] of Object.entries(exporters)) now.set(id, ledger)
    },
    /** @param {string} id @param {number} at the server's time @returns {Series} */
    of(id, at) {
      const ledger = now.get(id)
      const samples = [...(series.get(id) ?? [])]
      if (ledger)
        samples.push({ at, delivered: ledger.delivered, waiting: waitingOf(ledger), dropped: ledger.dropped })
      const span = Math.min(Math.max(at - oldest, leastSpanMs), hourMs)
      return { from: at - span, to: at, samples: samples.filter((sample) => sample.at >= at - span) }
    },
  }
}
