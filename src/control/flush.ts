import type { Bus } from '../bus/bus.ts'
import type { Clock } from '../clock.ts'
import type { Unit } from '../delivery/unit.ts'
import type { Control } from './control.ts'

/** The parts of a telemetry system that a flush passes through. */
export interface Flushed {
  readonly bus: Bus
  readonly units: ReadonlyMap<string, Unit>
  readonly clock: Clock
  readonly control: () => Control | undefined
}

/** Resolves with true when all that was emitted before is settled in these exporters; with false after this time. */
export async function flushExporters(
  { bus, units, clock, control }: Flushed,
  exporters: readonly string[],
  timeoutMs: number,
): Promise<boolean> {
  bus.flush()
  const flushes = exporters.map((id) => units.get(id)?.flushed())
  control()?.flush(exporters)
  const timer = clock.setTimeout(() => {
    for (const flush of flushes) flush?.giveUp()
  }, timeoutMs)
  const outcomes = await Promise.all(flushes.map((flush) => flush?.settled))
  clock.clearTimeout(timer)
  // Events emitted before the start have not reached an exporter yet.
  return !outcomes.includes(false) && bus.status().buffered === 0
}
