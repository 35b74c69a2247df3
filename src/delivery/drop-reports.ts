import { type Clock, elapsed } from '../clock.ts'
import type { DropReason } from '../exporters/drop-reasons.ts'
import type { Logger } from '../logger.ts'

/** One line in the log per reason in this time. */
const quietMs = 60_000

/** Advice for each kind of loss. Other drop reasons are intended, and appear in the ledger only. */
const advice: Partial<Record<DropReason, string>> = {
  queue_full:
    'the backend is slower than the events, or away: see lastError in the status, or raise queue_size and queue_bytes',
  retries_exhausted: 'the backend fails on these batches while it takes others: see lastError in the status',
  max_age: 'they waited longer than max_age',
  rejected: 'the backend does not want this data: see lastError in the status',
  misdirected: 'wrong credentials or address: correct headers or endpoint',
  too_large: 'one item is larger than a request may be: raise max_request_bytes, or shorten what is emitted',
  shutdown: 'they could not be delivered before the deadline of stop()',
  refused: 'a measurement must be a finite number that is not negative',
  failed: 'the exporter threw while it took them: see lastError in the status',
  no_correlation_id: 'a start event needs correlation_id or request_id in its metadata; span() gives one',
  expired: 'the end of the span was not emitted within span_ttl',
  span_limit: 'more than max_active_spans are open',
  spool_full: 'the spool on disk is full as well: see lastError in the status, or raise max_bytes of spool',
  spool_corrupt: 'files of the spool on disk were not what their names say: see its folder quarantine',
  metric_limit: 'more than max_metrics metrics: names should not carry ids',
}

/** Collects drops, announces them together and logs losses, so that a flood of drops is no flood of reports. */
export interface DropReports {
  note(reason: DropReason, count: number): void
  announce(): void
}

export function createDropReports({
  id,
  clock,
  logger,
  announce,
}: {
  id: string
  clock: Clock
  logger: Logger
  announce: (reason: DropReason, count: number) => void
}): DropReports {
  const counts = new Map<DropReason, number>()
  const unlogged = new Map<DropReason, number>()
  const loggedAt = new Map<DropReason, number>()

  const log = (reason: DropReason, count: number): void => {
    const hint = advice[reason]
    if (hint === undefined) return
    const total = (unlogged.get(reason) ?? 0) + count
    const now = elapsed(clock)
    if (now - (loggedAt.get(reason) ?? Number.NEGATIVE_INFINITY) < quietMs) {
      unlogged.set(reason, total)
      return
    }
    loggedAt.set(reason, now)
    unlogged.delete(reason)
    logger.warn({ exporter: id, reason, count: total }, `events were dropped: ${hint}`)
  }

  return {
    note: (reason, count) => void counts.set(reason, (counts.get(reason) ?? 0) + count),
    announce() {
      for (const [reason, count] of counts) {
        announce(reason, count)
        log(reason, count)
      }
      counts.clear()
    },
  }
}
