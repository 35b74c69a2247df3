import type { LedgerStatus } from '../../src/index.ts'

/** One line of the final account, and whether it holds. */
export interface Entry {
  readonly text: string
  readonly holds: boolean
}

const sum = (parts: object): number =>
  Object.values(parts as Record<string, number>).reduce((total, part) => total + part, 0)

export const droppedOf = ({ dropped }: LedgerStatus): number => sum(dropped)
export const pendingOf = ({ pending }: LedgerStatus): number => sum(pending)

const named = (parts: object): string => {
  const list = Object.entries(parts).filter(([, weight]) => weight > 0)
  return list.length === 0 ? '' : ` (${list.map(([name, weight]) => `${name} ${weight}`).join(', ')})`
}

/** Every accepted event is somewhere. */
export function ledgerEntry(id: string, ledger: LedgerStatus): Entry {
  const { accepted, delivered, dropped, pending } = ledger
  const text =
    `${id}: accepted ${accepted} = delivered ${delivered} + dropped ${droppedOf(ledger)}${named(dropped)}` +
    ` + pending ${pendingOf(ledger)}${named(pending)}`
  return { text, holds: accepted === delivered + droppedOf(ledger) + pendingOf(ledger) }
}

/**
 * What the receivers decoded is what the ledger says they got: a span weighs two events. Where an answer was cut off,
 * the ledger says so (`ambiguous`), and that much may have arrived twice, or besides.
 */
export function spansEntry(ledger: LedgerStatus, a: number, b: number): Entry {
  const { delivered, ambiguous } = ledger
  const decoded = 2 * (a + b)
  const doubt = ambiguous > 0 ? `, in doubt at most ${ambiguous / 2} more` : ''
  return {
    text: `receivers: A ${a} + B ${b} = ${a + b} spans decoded; the ledger says ${delivered / 2}${doubt}`,
    holds: decoded >= delivered && decoded <= delivered + ambiguous,
  }
}

/** As {@link spansEntry}: each event is a log record. */
export function logsEntry({ delivered, ambiguous }: LedgerStatus, a: number, b: number): Entry {
  const doubt = ambiguous > 0 ? `, in doubt at most ${ambiguous} more` : ''
  return {
    text: `receivers: A ${a} + B ${b} = ${a + b} log records decoded; the ledger says ${delivered}${doubt}`,
    holds: a + b >= delivered && a + b <= delivered + ambiguous,
  }
}

interface JobCounts {
  readonly done: number
  readonly failed: number
}

/** The sums that the receivers reckon are those of the service, whatever was sent again. */
export function sumsEntry(total: (metric: string) => number, jobs: JobCounts): Entry {
  const done = total('queuemizer.job.done')
  const failed = total('queuemizer.job.failed')
  return {
    text: `receivers: metrics say ${done} jobs done, ${failed} failed; the service did ${jobs.done} and failed ${jobs.failed}`,
    holds: done === jobs.done && failed === jobs.failed,
  }
}

/** The value of a counter on a page in Prometheus' text format, summed over its labels. */
export function counterOf(page: string, name: string): number {
  let total = 0
  for (const line of page.split('\n'))
    if (line.startsWith(`${name}{`) || line.startsWith(`${name} `)) total += Number(line.split(' ').at(-1))
  return total
}

/** The metrics page counted every job that the service did. */
export function pageEntry(page: string, jobs: JobCounts): Entry {
  const done = counterOf(page, 'queuemizer_job_done_total')
  const failed = counterOf(page, 'queuemizer_job_failed_total')
  return {
    text: `metrics page: ${done} jobs done, ${failed} failed; the service did ${jobs.done} and failed ${jobs.failed}`,
    holds: done === jobs.done && failed === jobs.failed,
  }
}
