import { type Aggregate, type Declared, emptyAggregate, type Part } from '../../../metrics/aggregate.ts'
import type { DeclaredMetric } from '../../../metrics/declared.ts'
import { admit, type Family, type Series } from '../../../metrics/families.ts'
import { type LabelSettings, labelRule } from '../../../metrics/labels.ts'
import { forgetPlans } from '../../../metrics/plan-cache.ts'
import { redeclare } from '../../../metrics/redeclare.ts'
import type { MetricTable } from '../../../metrics/tables.ts'
import type { Config } from '../../exporter.ts'
import { layoutOf, measuredName, metricName, overflowTag } from '../names.ts'

/**
 * One metric name (or the count and the duration of one event) with one set of tags, summed up for one window. Its
 * labels are the tags. The tree of labels may still lead to it when its window is over.
 */
export interface Context extends Series {
  readonly names: MetricNames
  count: number | undefined
  gauge: number | undefined
  values: number[]
  /** Events settled by the count or gauge, and events settled by the values: those leave sooner when there are many. */
  seriesWeight: number
  valuesWeight: number
}

/** Metric names of the parts of a context. */
export interface MetricNames {
  readonly series: string
  readonly distribution: string
}

/** The sums of one exporter. Outlives every client. */
export interface State extends Aggregate<Context> {
  /** The families that have contexts in this window. */
  readonly families: Map<string, Family<Context>>
  maxContexts: number
  /** Contexts of this window, without those that overflow. */
  contexts: number
  overflows: number
  /** The context that settles the current event, by its values or else by its count or gauge. */
  settledBy: Context | undefined
  settledByValues: boolean
  /** Contexts that the event at hand has filled with values. */
  readonly full: Context[]
  /** Monotonic milliseconds of the first event of this window; undefined before it. */
  since: number | undefined
  /** The latest timestamps given to windows, in epoch seconds, oldest first. */
  readonly timestamps: Set<number>
  overflowed: number
  /** The metric that met `max_contexts` last. */
  overflowing: string | undefined
  /** The latest message of the backend about values it refused in a request that it took. */
  lastRefusal: string | undefined
}

/** Contexts beyond `max_contexts`, one for each metric that overflows. */
const maxOverflows = 1000

export function createState(metrics: readonly DeclaredMetric[]): State {
  const state: State = {
    ...emptyAggregate<Context>(),
    ...{ families: new Map(), maxContexts: 0, contexts: 0, overflows: 0 },
    ...{ settledBy: undefined, settledByValues: false, full: [] },
    ...{ since: undefined, timestamps: new Set() },
    ...{ overflowed: 0, overflowing: undefined, lastRefusal: undefined },
  }
  for (const metric of metrics) state.declared.push(declare(state, metric))
  return state
}

function declare(state: State, metric: DeclaredMetric): Declared<Context> {
  const name = metricName(metric.text)
  const layout = layoutOf(metric.tags.map((key, offset) => ({ key, name: key, offset })))
  // Each window has families of its own.
  const seriesOf = (text: string) => familyCalled(state, { series: name, distribution: name }).seriesOf(text)
  return { metric, layout, family: { name, series: new Map(), overflow: undefined, seriesOf } }
}

/** Takes a configuration over. Contexts under way keep their tags. */
export function configure(state: State, config: Config): void {
  state.labelRule = labelRule(config as unknown as LabelSettings, (key) => key, false)
  state.maxContexts = config.max_contexts as number
  state.maxRemembered = 16 * state.maxContexts + 1024
  // The sums of a removed metric are sent with its window.
  redeclare(state, (config.metrics ?? []) as readonly MetricTable[], {
    declare: (metric) => declare(state, metric),
    withdraw: () => {},
    describe: () => {},
  })
  forgetPlans(state)
}

const parts = { count: 'count', duration: 'duration_ms' } as const

export const inferredName = (_: State, part: Part, eventName: string): string =>
  measuredName(eventName, parts[part])

/** The count and the duration of an event are in one context. */
export const familyOf = (state: State, _: Part, eventName: string): Family<Context> =>
  familyCalled(state, {
    series: measuredName(eventName, parts.count),
    distribution: measuredName(eventName, parts.duration),
  })

/** The family of this window; it is kept once it has a context. */
function familyCalled(state: State, names: MetricNames): Family<Context> {
  const known = state.families.get(names.series)
  if (known) return known
  const make = (text: string): Context => {
    state.families.set(names.series, family)
    return {
      ...{ names, text, window: state.window, count: undefined, gauge: undefined },
      ...{ values: [], seriesWeight: 0, valuesWeight: 0 },
    }
  }
  const room = {
    limitFor: () => (state.contexts < state.maxContexts ? undefined : 'max_contexts'),
    make: (text: string) => {
      state.contexts++
      return make(text)
    },
    makeOverflow: () => {
      if (state.overflows >= maxOverflows) return undefined
      state.overflows++
      return make(overflowTag)
    },
  }
  const family: Family<Context> = {
    ...{ name: names.series, series: new Map(), overflow: undefined },
    seriesOf(text) {
      const context = admit(family, text, room)
      // The count and the duration of an event overflow together.
      if (context === family.overflow && (context === undefined || context !== state.settledBy)) {
        state.overflowed++
        state.overflowing = names.series
      }
      return context
    },
  }
  return family
}

/** Ends the window: what is measured from now on begins new contexts. */
export function forgetContexts(state: State): void {
  state.families.clear()
  for (const plan of state.plans.values()) {
    plan.count = undefined
    plan.duration = undefined
  }
  state.contexts = 0
  state.overflows = 0
  state.since = undefined
  state.window++
}
