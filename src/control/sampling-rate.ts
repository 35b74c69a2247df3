import type { Unit } from '../delivery/unit.ts'

/** Highest `sampling_rate` of any enabled exporter, for the sampled flag of traces that begin here; 1 without one. */
export function highestSamplingRate(units: Iterable<Unit>): number {
  let highest = -1
  for (const unit of units) {
    const { sampling_rate: rate } = unit.config()
    if (typeof rate === 'number' && unit.enabled() && rate > highest) highest = rate
  }
  return highest < 0 ? 1 : highest
}
