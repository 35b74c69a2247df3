import type { Clock } from '../clock.ts'
import type { LedgerStatus } from '../delivery/ledger.ts'
import type { DropReason } from '../exporters/drop-reasons.ts'
import type { AdminTelemetry } from './port.ts'

/** Counters over time; one number for each time in `at`, null where the exporter did not exist. */
export interface SampledExporter {
  readonly delivered: readonly (number | null)[]
  /** Events that were pending. */
  readonly waiting: readonly (number | null)[]
  /** By reason, only of reasons that have occurred. */
  readonly dropped: Readonly<Record<string, readonly (number | null)[]>>
}

export interface SampledHistory {
  readonly period_ms: number
  /** Epoch milliseconds, oldest first. */
  readonly at: readonly number[]
  readonly exporters: Readonly<Record<string, SampledExporter>>
}

/** The counters of each exporter over the last hour, so that one can see what happened before one looked. */
export interface Samples {
  /** The samples taken after a time in epoch milliseconds. */
  after(since: number): SampledHistory
  close(): void
}

export const samplePeriodMs = 10_000
export const maxSamples = 360
/** Exporters that are sampled: 6 KB each, and 3 KB for each reason by which it has dropped events. */
export const maxSampledExporters = 256

type Column = Float64Array

interface Columns {
  readonly delivered: Column
  readonly waiting: Column
  readonly dropped: Map<string, Column>
}

const emptyColumn = (): Column => new Float64Array(maxSamples).fill(Number.NaN)

const waitingOf = ({ pending }: LedgerStatus): number =>
  pending.buffered + pending.held + pending.queued + pending.in_flight + (pending.spooled ?? 0)

/** Takes a sample now and every 10 s until the telemetry system has stopped. The memory is a ring of one hour. */
export function createSamples(telemetry: Pick<AdminTelemetry, 'status'>, clock: Clock): Samples {
  const times = emptyColumn()
  const exporters = new Map<string, Columns>()
  let next = 0
  let taken = 0
  let timer: unknown

  const columnsOf = (id: string): Columns | undefined => {
    const known = exporters.get(id)
    if (known || exporters.size >= maxSampledExporters) return known
    const made: Columns = { delivered: emptyColumn(), waiting: emptyColumn(), dropped: new Map() }
    exporters.set(id, made)
    return made
  }

  const note = ({ delivered, waiting, dropped }: Columns, ledger: LedgerStatus): void => {
    delivered[next] = ledger.delivered
    waiting[next] = waitingOf(ledger)
    for (const reason of Object.keys(ledger.dropped)) {
      // Before the first drop of a reason there were none.
      if (!dropped.has(reason)) dropped.set(reason, new Float64Array(maxSamples))
    }
    for (const [reason, column] of dropped) column[next] = ledger.dropped[reason as DropReason] ?? 0
  }

  const sample = (): void => {
    const { system, exporters: current } = telemetry.status()
    // An exporter that is added again later starts with new samples.
    for (const id of exporters.keys()) if (!Object.hasOwn(current, id)) exporters.delete(id)
    for (const [id, { ledger }] of Object.entries(current)) {
      const columns = columnsOf(id)
      if (columns) note(columns, ledger)
    }
    times[next] = clock.now()
    next = (next + 1) % maxSamples
    taken = Math.min(taken + 1, maxSamples)
    timer = system === 'stopped' ? undefined : clock.setTimeout(sample, samplePeriodMs)
  }

  sample()

  return {
    after(since) {
      const slots: number[] = []
      for (let i = taken; i > 0; i -= 1) {
        const slot = (next - i + maxSamples) % maxSamples
        if (times[slot]! > since) slots.push(slot)
      }
      const read = (column: Column): (number | null)[] =>
        slots.map((slot) => (Number.isNaN(column[slot]) ? null : column[slot]!))
      return {
        period_ms: samplePeriodMs,
        at: slots.map((slot) => Math.round(times[slot]!)),
        exporters: Object.fromEntries(
          [...exporters].map(([id, { delivered, waiting, dropped }]) => [
            id,
            {
              delivered: read(delivered),
              waiting: read(waiting),
              dropped: Object.fromEntries([...dropped].map(([reason, column]) => [reason, read(column)])),
            },
          ]),
        ),
      }
    },
    close() {
      clock.clearTimeout(timer)
    },
  }
}
