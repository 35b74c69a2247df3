/**
 * Nothing breaks, whatever happens at once: random schedules of events, hostile values, faults of real backends, changes
 * from everywhere, breaker commands, crashes, flushes and stops, over all exporters together. Each ledger adds up at
 * every look, what arrived is what was counted, memory is bounded, everything settles in time, everything pending is
 * delivered once the faults are over, and nothing is left after the stop.
 *
 * A few seconds in every run; with TELEMACHINE_NIGHTLY=1 for TELEMACHINE_CHAOS_SECONDS (900). TELEMACHINE_SEED=n runs one
 * schedule again.
 */
import assert from 'node:assert/strict'
import { runSchedule, type ScheduleReport } from './schedule.ts'
import { memory } from './vigil.ts'

const nightly = process.env.TELEMACHINE_NIGHTLY === '1'
const replayed = process.env.TELEMACHINE_SEED
const seconds = Number(process.env.TELEMACHINE_CHAOS_SECONDS ?? (nightly ? 900 : 2))
const operations = nightly ? 600 : 150
const first = replayed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(replayed)

/** Modules are loaded and caches are filled by then. */
const warm = 3
const mostGrowth = 32 * 1024 * 1024

function figures(reports: readonly ScheduleReport[]): string {
  const sum = (of: (report: ScheduleReport) => number): string =>
    reports.reduce((total, report) => total + of(report), 0).toLocaleString('en')
  const kinds = new Set(reports.flatMap(({ faults }) => [...faults.keys()]))
  return [
    `${reports.length} schedules`,
    `${sum(({ events }) => events)} events`,
    `${sum(({ operations }) => operations)} operations`,
    `${sum(({ requests }) => requests)} requests`,
    `${sum(({ faulted }) => faulted)} of them or of their connections faulted, in ${kinds.size} ways`,
    `${sum(({ delivered }) => delivered)} deliveries`,
    `${sum(({ ambiguous }) => ambiguous)} ambiguous`,
  ].join(', ')
}

describe('chaos', function () {
  this.timeout(seconds * 1_000 + 600_000)

  it(`breaks nothing for ${seconds} s, from seed ${first} on`, async () => {
    const reports: ScheduleReport[] = []
    const until = performance.now() + seconds * 1_000
    let settled = await memory()
    for (let seed = first; reports.length === 0 || performance.now() < until; seed = (seed + 1) % 2 ** 31) {
      reports.push(await runSchedule({ seed, operations }))
      if (reports.length === warm) settled = await memory()
      if (replayed !== undefined) break
    }
    if (reports.length > warm) {
      const now = await memory()
      const grown = { heap: now.heap - settled.heap, external: now.external - settled.external }
      for (const [what, bytes] of Object.entries(grown))
        assert.ok(
          bytes < mostGrowth,
          `${what} memory has grown by ${bytes} bytes in ${reports.length} schedules`,
        )
    }
    if (nightly) console.log(`      ${figures(reports)}`)
  })
})
