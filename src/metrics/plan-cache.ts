import type { TelemetryEvent } from '../bus/event.ts'

/** The cache of event shapes of an exporter of metrics: see `Aggregate`. */
export interface PlanCache {
  remembered: number
  maxRemembered: number
  labelled: TelemetryEvent | undefined
  readonly plans: { clear(): void }
}

/** Forgets what depends on the configuration; no series is lost. */
export function forgetPlans(state: PlanCache): void {
  state.plans.clear()
  state.remembered = 0
  state.labelled = undefined
}

/** Counts the entries of plans, which are cleared beyond the bound: permuted keys lead to one series by many paths. */
export function remember(state: PlanCache, weight: number): void {
  state.remembered += weight
  if (state.remembered > state.maxRemembered) forgetPlans(state)
}
