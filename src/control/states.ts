import type { AnyMachineSnapshot } from 'xstate'
import type { BreakerState, ExporterState } from '../../machines/shown-states.ts'

export type { BreakerState, ExporterState }

/** The one tag of a chart's state. */
function shownState<State extends string>(
  snapshot: Pick<AnyMachineSnapshot, 'tags'>,
  otherwise: State,
): State {
  for (const tag of snapshot.tags) return tag as State
  return otherwise
}

/** A chart that has died is about to be respawned. */
export const exporterState = (exporter: Pick<AnyMachineSnapshot, 'tags' | 'status'>): ExporterState =>
  exporter.status === 'error' ? 'restarting' : shownState<ExporterState>(exporter, 'disabled')

export const breakerState = (breaker: Pick<AnyMachineSnapshot, 'tags'>): BreakerState =>
  shownState<BreakerState>(breaker, 'closed')
