import type { AnyMachineSnapshot } from 'xstate'

/** The state of an exporter as shown outside: a tag of its chart. */
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

/** The state of a breaker as shown outside: a tag of its chart. */
export type BreakerState = 'closed' | 'open' | 'half_open' | 'forced_open' | 'disabled'

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

/** The state of a spool as shown outside: a tag of its chart. */
export type SpoolState = 'off' | 'opening' | 'ready' | 'full' | 'failing' | 'closing'
