import type { BackendReport, WorkEvent } from './events.ts'

/**
 * The methods of the unit, the data side of one exporter, that a machine may call. Every method is total: it never
 * throws and never waits. None returns a fact: facts arrive as events. Work that can fail is an invoked promise actor
 * (see the `actors` of each machine).
 */
export interface UnitPort {
  readonly id: string
  /** True for an exporter that is scraped (Prometheus): it asks for no permits. */
  readonly pulled: boolean

  /** From now on the delivery chart is told of changes. */
  listen(listener: (event: WorkEvent) => void): void
  /** The delivery chart has nothing to do: send it the work that there is, now or as soon as there is some. */
  look(): void
  /** Everything that waits now is due, and no backoff of telemachine delays it. */
  requestFlush(): void
  /** The permit is no longer valid: attempts in flight finish, and nothing more is sent. */
  endWave(): void
  /** Ends the running flushes as incomplete: their events cannot be delivered now. */
  failFlush(): void
  /** Another endpoint serves, which owes nothing to the failures of the last one; null: none does. */
  serve(endpoint: number | null): void

  subscribe(): void
  unsubscribe(): void
  /** Makes the candidate the client; the old client retires. */
  swap(): void
  /** Drops the candidate; the next retirement closes it. */
  discard(): void
  /** The staged configuration comes into force. */
  commit(): void
  /** The staged configuration is forgotten. */
  abort(): void
  /** Drops what has waited too long. */
  tick(): void
  /** Aborts what is in flight; each lease is settled or requeued in the ledger. */
  cut(): void
  /** Drops and counts all pending events. */
  abandon(reason: 'disabled' | 'shutdown'): void
  /** Earlier crashes no longer count. */
  forgive(): void
  noteError(error: unknown): void
}

/** The unit as the system knows it: it outlives the actors that drive it. */
export interface UnitHandle {
  readonly id: string
  readonly pulled: boolean
  /**
   * The port for the actors of one life. Lives are numbered upwards; calls through the port of an earlier one
   * change nothing.
   */
  life(epoch: number): UnitPort
  /** An actor of this exporter has crashed with `error`. */
  noteCrash(error: unknown): void
}

/** The methods of the data side of a spool that its machine may call. Every method is total. */
export interface SpoolPort {
  readonly id: string
  /** Files may be written from now on. */
  allow(): void
  /** No further file is written. */
  forbid(): void
  noteError(error: unknown): void
}

/** The output of an actor that exports: one result per batch, in the order they ended. */
export type WaveReport = BackendReport

/** One batch, as a probe; all that is due at once; or further batches too, as they become due, while all goes well. */
export type WaveScope = 'probe' | 'once' | 'series'

/** The output of fencing: how many crashes count against the restart intensity, the latest included. */
export interface FenceReport {
  readonly crashes: number
}

/** Rejected by the `open` actor: how long to wait before the next try. */
export interface OpenFailure {
  readonly retryInMs: number
}
