/** What an exporter is doing, as shown outside: a tag of its chart. */
export type ExporterState =
  | 'disabled'
  | 'opening'
  | 'retrying'
  | 'serving'
  | 'replacing'
  | 'draining'
  | 'stopped'
  | 'restarting'
  | 'failed'

/** What a breaker is doing, as shown outside: a tag of its chart. */
export type BreakerState = 'closed' | 'open' | 'half_open' | 'forced_open' | 'disabled'

/** What a spool is doing, as shown outside: a tag of its chart. */
export type SpoolState = 'off' | 'opening' | 'ready' | 'full' | 'failing' | 'closing'
