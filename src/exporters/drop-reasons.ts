/** All reasons for which an event can be dropped. docs/ledger.md explains each. */
export const dropReasons = [
  'queue_full',
  'retries_exhausted',
  'max_age',
  'rejected',
  'misdirected',
  'returned',
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
  'spool_full',
  'spool_corrupt',
] as const

/** Why an exporter dropped an event, as the ledger names it. */
export type DropReason = (typeof dropReasons)[number]
