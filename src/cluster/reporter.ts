import { randomUUID } from 'node:crypto'
import type { Clock } from '../clock.ts'

/** A part of what has changed: `sums` are added up for good, `live` is true while its reporter is there. */
export interface Changes {
  readonly sums: readonly object[]
  readonly live: readonly object[]
}

/** A numbered report. Sent again as it is until it is acknowledged, so that it counts once. */
export interface Report extends Changes {
  readonly seq: number
}

/** Who reports. */
export interface Reporting {
  readonly id: string
  readonly label: string
  readonly pid: number
}

/** The reports that a group has from a reporter. Outlives clients, since an exporter may be disabled for a while. */
export interface Shipping {
  /** Id of the reporter in the group. */
  id: string
  lineage: string | undefined
  /** The number of the last report made. */
  seq: number
  pending: Report | undefined
}

export const newShipping = (): Shipping => ({
  id: randomUUID(),
  lineage: undefined,
  seq: 0,
  pending: undefined,
})

/** Where changes come from. */
export interface Source {
  /** Yields the changes since the last call, in parts. A part counts as handed over once it is yielded. */
  changes(shipping: Shipping): AsyncIterable<Changes>
  /** Forgets all handed-over sums, because the hub that had them is gone: the next call yields everything. */
  forgetSums(shipping: Shipping): void
  /** As `forgetSums`, of what is live. */
  forgetLive(shipping: Shipping): void
}

/** Takes a report. Resolves when it is acknowledged, rejects when it may not have arrived. */
export type Deliver = (report: Report) => Promise<void>

export interface Reporter {
  /** Reports to this hub from now on. `seq`: the last report of ours that it has. */
  connect(deliver: Deliver, lineage: string, seq: number): void
  disconnect(): void
  /** Resolves when all that has changed before is acknowledged; rejects when the connection is lost. */
  report(): Promise<void>
  close(): void
}

/** How often a reporter reports by itself. */
const intervalMs = 1000

export function createReporter(source: Source, shipping: Shipping, clock: Clock): Reporter {
  let deliver: Deliver | undefined
  let running: Promise<void> | undefined
  let next: Promise<void> | undefined
  let timer: unknown

  const settle = async (to: Deliver): Promise<void> => {
    if (!shipping.pending) return
    await to(shipping.pending)
    shipping.pending = undefined
  }

  const run = async (): Promise<void> => {
    const to = deliver
    if (!to) throw new Error('there is no hub')
    await settle(to)
    for await (const part of source.changes(shipping)) {
      shipping.pending = { seq: ++shipping.seq, ...part }
      if (deliver !== to) throw new Error('the hub is gone')
      await settle(to)
    }
  }

  const start = (): Promise<void> => {
    running = run().finally(() => {
      running = undefined
    })
    return running
  }

  const report = (): Promise<void> => {
    if (!running) return start()
    // The run under way may be past what has changed since.
    next ??= running
      .catch(() => {})
      .then(() => {
        next = undefined
        return start()
      })
    return next
  }

  const tick = (): void => {
    timer = clock.setTimeout(() => {
      if (deliver && !running) report().catch(() => {})
      tick()
    }, intervalMs)
  }
  tick()

  return {
    connect(to, lineage, seq) {
      const isContinued = shipping.lineage === lineage || shipping.lineage === undefined
      if (!isContinued || seq < shipping.seq - (shipping.pending ? 1 : 0)) {
        Object.assign(shipping, newShipping())
        source.forgetSums(shipping)
      }
      shipping.lineage = lineage
      source.forgetLive(shipping)
      deliver = to
    },
    disconnect() {
      deliver = undefined
    },
    report,
    close: () => clock.clearTimeout(timer),
  }
}
