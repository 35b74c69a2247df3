import type { TelemetryEvent } from '../bus/event.ts'
import type { DeclaredMetric } from './declared.ts'
import type { Family, Series } from './families.ts'
import type { Shape } from './label-tree.ts'
import type { LabelRule, Layout } from './labels.ts'
import { forgetPlans } from './plan-cache.ts'
import type { MetricTable } from './tables.ts'

/** The configuration of the exporter. */
export type Settings = Readonly<Record<string, unknown>>

/** The state that every exporter of metrics keeps, for series of any kind. Outlives the exporter's clients. */
export interface Aggregate<S extends Series> {
  readonly declared: Declared<S>[]
  /** The metrics in `declared` that come from the configuration; the others come from code. */
  readonly configured: Map<string, Declared<S>>
  /** The tables that `configured` was made of. */
  tables: readonly MetricTable[]
  /** By event name; a cache, so it may be emptied at any time. */
  readonly plans: Map<string, Plan<S>>
  /** How many shapes and label sets the plans remember, and the bound beyond which they are cleared. */
  remembered: number
  maxRemembered: number
  config: Settings | undefined
  labelRule: LabelRule
  /** Counts windows: series of an earlier one have been handed over. Always 0 where series are cumulative. */
  window: number
  /** The event whose labels were made last, and their text: its count and its duration have the same. */
  labelled: TelemetryEvent | undefined
  labels: string
  /** Measurements, not events: an event may have a good count and a bad duration. */
  refused: number
  limited: number
  /** Errors thrown by functions of declared metrics, and the latest one. */
  failed: number
  lastFailure: string | undefined
}

export interface Declared<S extends Series> {
  readonly metric: DeclaredMetric
  readonly family: Family<S>
  /** How the values of its tags become labels. */
  readonly layout: Layout
}

/** The measurements that metrics are inferred from: `count`, and `duration_ms`. */
export type Part = 'count' | 'duration'

/** The instructions for the events of one name. */
export interface Plan<S extends Series> {
  readonly declared: readonly Declared<S>[]
  readonly shapes: Shape<S>[]
  /** False: a declared metric of that very name measures this event in its own way. */
  readonly infersCount: boolean
  readonly infersDuration: boolean
  count: Family<S> | undefined
  duration: Family<S> | undefined
}

const maxPlans = 4096

export const emptyAggregate = <S extends Series>(): Aggregate<S> => ({
  ...{
    declared: [],
    configured: new Map(),
    tables: [],
    plans: new Map(),
    remembered: 0,
    maxRemembered: 0,
    config: undefined,
    labelRule: () => undefined,
  },
  ...{
    window: 0,
    labelled: undefined,
    labels: '',
    refused: 0,
    limited: 0,
    failed: 0,
    lastFailure: undefined,
  },
})

/** Returns the counts of measurements that were not taken, for the status; zero counts are left out. */
export const troublesOf = <S extends Series>({
  overflowed,
  overflowing,
  refused,
  limited,
  failed,
  lastFailure,
}: Aggregate<S> & { readonly overflowed: number; readonly overflowing: string | undefined }) => ({
  ...(overflowed > 0 && { overflowed, overflowing }),
  ...(refused > 0 && { refused }),
  ...(limited > 0 && { limited }),
  ...(failed > 0 && { failed, lastFailure }),
})

export function planFor<S extends Series>(
  state: Aggregate<S>,
  eventName: string,
  inferredName: (part: Part) => string,
): Plan<S> {
  if (state.plans.size >= maxPlans) forgetPlans(state)
  const declared = state.declared.filter(({ metric }) => metric.matches(eventName))
  const infers = (part: Part): boolean => !declared.some(({ family }) => family.name === inferredName(part))
  const plan: Plan<S> = {
    ...{ declared, shapes: [], count: undefined, duration: undefined },
    ...{ infersCount: infers('count'), infersDuration: infers('duration') },
  }
  state.plans.set(eventName, plan)
  return plan
}
