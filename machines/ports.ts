import type { BreakerSettings, ExportResult } from './events.ts'

/**
 * What a machine may ask of the unit, the data side of one exporter. Every method is total: it never throws
 * and never waits. Work that can fail is an invoked promise actor (see the `actors` of each machine).
 */
export interface UnitPort {
  readonly id: string
  /** Pulled from outside (Prometheus): it asks for no permits. */
  readonly pulled: boolean
  /** As the configuration in force says. */
  enabled(): boolean
  /** Takes over a batch the bus handed out; a batch it has already taken is ignored. */
  ingest(events: readonly unknown[]): void
  subscribe(): void
  unsubscribe(): void

  hasClient(): boolean
  hasRetiring(): boolean
  /** Makes the candidate the client; the old client retires. */
  swap(): void
  /** Gives up the candidate; it is closed by the next retirement. */
  discard(): void

  /** The staged configuration comes into force. */
  commit(): void
  /** The staged configuration is forgotten. */
  abort(): void

  hasWork(): boolean
  /** A batch should go now: full, asked for by a flush, or old enough. */
  batchDue(): boolean
  msUntilDue(): number
  /** A failed batch waits for its backoff or Retry-After. */
  mustCool(): boolean
  msUntilRetry(): number
  msUntilReopen(): number
  msToDrain(): number

  requestFlush(): void
  /** Upkeep: expiry of what waits too long. */
  tick(): void
  /** Aborts what is in flight; each lease is settled or requeued in the ledger. */
  cut(): void
  /** What is still pending is dropped and counted. */
  abandon(reason: 'disabled' | 'shutdown'): void

  noteError(error: unknown): void
  breakerSettings(): BreakerSettings
  now(): number
}

/** What a promise actor that exports tells its machine: one result per batch, in the order they ended. */
export interface WaveReport {
  readonly results: readonly ExportResult[]
}
