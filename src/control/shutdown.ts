import type { Bus } from '../bus/bus.ts'
import { type Clock, elapsed } from '../clock.ts'
import type { ConfigStore } from '../config/contract.ts'
import type { Unit } from '../delivery/unit.ts'
import { settledWithin } from '../waiting.ts'
import type { Changes } from './changes.ts'
import type { Control } from './control.ts'

/** How long past its deadline a stop waits for clients to close. */
const closeGraceMs = 150

/** Share of a stop's time that is kept for writing undelivered events to disk, and its maximum. */
const parkingShare = 0.3
const maxParkingMs = 2_000

/** The parts that end with a telemetry system. */
export interface Ending {
  readonly bus: Bus
  readonly store: ConfigStore
  readonly changes: Pick<Changes, 'stop'>
  readonly units: ReadonlyMap<string, Unit>
  readonly clock: Clock
  /** The start, which may be under way. */
  readonly launching: Promise<unknown> | undefined
  readonly control: () => Control | undefined
}

/**
 * Order of shutdown: the bus takes no more, configuration stands still, exporters drain and close. Resolves with the
 * number of events that no exporter has had.
 */
export async function shutDown(ending: Ending, timeoutMs: number): Promise<number> {
  const { bus, store, changes, units, clock, launching, control } = ending
  const deadline = elapsed(clock) + timeoutMs
  const withGrace = (work: Promise<unknown>): Promise<void> =>
    settledWithin(clock, deadline + closeGraceMs - elapsed(clock), work)
  bus.flush()
  const lost = bus.close()
  const storeStopped = store.stop()
  changes.stop()
  await settledWithin(clock, timeoutMs, launching)
  const reserved = [...units.values()].some((unit) => unit.spool() !== undefined)
    ? Math.min(timeoutMs * parkingShare, maxParkingMs)
    : 0
  await control()?.stop(Math.max(deadline - reserved - elapsed(clock), 0))
  // Clients that exceed the deadline are abandoned.
  const exporters = [...units.values()]
  await withGrace(Promise.all(exporters.map((unit) => unit.close())))
  await Promise.all(exporters.map((unit) => unit.idle()))
  for (const unit of exporters) unit.abandon('shutdown')
  await withGrace(Promise.all(exporters.map((unit) => unit.parked())))
  await withGrace(Promise.all(exporters.map((unit) => unit.endSpool())))
  await storeStopped
  await withGrace(store.reportStopped())
  return lost
}
