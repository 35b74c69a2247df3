/** Why an event was not delivered: a closed list. Each is explained in docs/ledger.md. */
export const dropReasons = [
  'queue_full',
  'retries_exhausted',
  'max_age',
  'rejected',
  'misdirected',
  'too_large',
  'shutdown',
  'disabled',
  'ignored',
  'refused',
  'failed',
  'not_a_span',
  'no_correlation_id',
  'unmatched_end',
  'superseded',
  'expired',
  'span_limit',
  'sampled_out',
  'metric_limit',
] as const

export type DropReason = (typeof dropReasons)[number]

/** Weights in telemetry events. `accepted = delivered + Σ dropped + Σ pending`, whenever it is read. */
export interface LedgerStatus {
  readonly accepted: number
  readonly delivered: number
  readonly dropped: Readonly<Partial<Record<DropReason, number>>>
  readonly pending: {
    /** In the bus's inbox. */
    readonly buffered: number
    /** Kept by the driver: starts of open spans, aggregates. */
    readonly held: number
    readonly queued: number
    readonly in_flight: number
  }
  /** Outside the identity: weight whose attempt may have arrived although it was sent again or dropped. */
  readonly ambiguous: number
}
