import type { DropReason } from '../exporters/drop-reasons.ts'

/** Weights in telemetry events. `accepted = delivered + Σ dropped + Σ pending`, whenever it is read. */
export interface LedgerStatus {
  readonly accepted: number
  readonly delivered: number
  readonly dropped: Readonly<Partial<Record<DropReason, number>>>
  readonly pending: {
    /** Events in the inbox, which the driver has not seen yet. */
    readonly buffered: number
    /** Events that the driver keeps: starts of open spans, aggregates. */
    readonly held: number
    readonly queued: number
    readonly in_flight: number
    /** Events that are only on disk. Present only if the exporter has had a spool. */
    readonly spooled?: number
  }
  /** Events that may have arrived although they were sent again or dropped. They are not part of the sum. */
  readonly ambiguous: number
  /**
   * Part of `accepted`: events that an earlier run of the program left on disk. Present only if the exporter has had
   * a spool.
   */
  readonly restored?: number
}

/**
 * The counters of one exporter. What is pending is read from where it waits, so the identity is a check, not a
 * definition.
 */
export interface Ledger {
  /** Events handed to the driver. */
  readonly ingested: number
  readonly delivered: number
  readonly held: number
  readonly inFlight: number
  readonly ambiguous: number
  readonly restored: number
  readonly dropped: Readonly<Partial<Record<DropReason, number>>>
  ingest(weight: number): void
  /** Takes over what an earlier life of the process left. */
  restore(weight: number): void
  hold(weight: number): void
  release(weight: number): void
  lease(weight: number): void
  unlease(weight: number): void
  deliver(weight: number): void
  /**
   * `self`: nothing but self-telemetry, whose loss is counted and not announced, or two exporters would feed each
   * other.
   */
  drop(reason: DropReason, weight: number, self?: boolean): void
  addAmbiguous(weight: number): void
}

export function createLedger(announce: (reason: DropReason, weight: number) => void): Ledger {
  const dropped: Partial<Record<DropReason, number>> = {}
  const ledger = {
    ingested: 0,
    delivered: 0,
    held: 0,
    inFlight: 0,
    ambiguous: 0,
    restored: 0,
    dropped,
    ingest: (weight: number) => {
      ledger.ingested += weight
    },
    restore: (weight: number) => {
      ledger.ingested += weight
      ledger.restored += weight
    },
    hold: (weight: number) => {
      ledger.held += weight
    },
    release: (weight: number) => {
      ledger.held -= weight
    },
    lease: (weight: number) => {
      ledger.inFlight += weight
    },
    unlease: (weight: number) => {
      ledger.inFlight -= weight
    },
    deliver: (weight: number) => {
      ledger.delivered += weight
    },
    drop: (reason: DropReason, weight: number, self = false) => {
      if (weight <= 0) return
      dropped[reason] = (dropped[reason] ?? 0) + weight
      if (!self) announce(reason, weight)
    },
    addAmbiguous: (weight: number) => {
      ledger.ambiguous += weight
    },
  }
  return ledger
}
