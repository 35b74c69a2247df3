import type { TelemetryEvent } from '../../../bus/event.ts'
import type { Config } from '../../exporter.ts'
import type { DeclaredMetric } from '../../prometheus/declared.ts'
import { measuredName, metricName, overflowTags } from '../names.ts'
import { labelRule } from '../schema.ts'
import { findLeaf, placeLeaf, type TagTree, tagTree } from './tag-tree.ts'

/** One metric name (or the count and the duration of one event) with one set of tags, summed up for one window. */
export interface Context {
  readonly names: MetricNames
  readonly tags: readonly string[]
  /** The window it belongs to: a tree of tags may still lead to it when that is over. */
  readonly window: number
  count: number | undefined
  gauge: number | undefined
  values: number[]
  /** Events settled by the count or gauge, and events settled by the values: those leave sooner when there are many. */
  seriesWeight: number
  valuesWeight: number
}

/** What the parts of a context are called. */
export interface MetricNames {
  readonly series: string
  readonly distribution: string
}

/** What is done with the events of one name. */
export interface Plan {
  readonly names: MetricNames
  readonly declared: readonly DeclaredNames[]
  /** False: a declared metric of that very name measures this event in its own way. */
  readonly infersCount: boolean
  readonly infersDuration: boolean
  readonly tree: TagTree<Context>
}

export interface DeclaredNames {
  readonly metric: DeclaredMetric
  readonly names: MetricNames
}

/** What one exporter has summed up. Outlives every client. */
export interface State {
  readonly declared: readonly DeclaredNames[]
  readonly plans: Map<string, Plan>
  /** The contexts of this window, by metric and tags. */
  readonly contexts: Map<string, Context>
  readonly overflow: Map<string, Context>
  config: Config | undefined
  allows: (key: string) => boolean
  /** Keys that `allows` refused, remembered: a bounded share of them. */
  readonly skipped: Set<string>
  /** Nodes in the trees of all plans. */
  nodes: number
  /** Counts windows. */
  window: number
  /** Monotonic milliseconds of the first event of this window. */
  since: number
  /** The latest timestamps given to windows, in epoch seconds, oldest first. */
  readonly timestamps: Set<number>
  /** Measurements, not events: an event may have a good count and a bad duration. */
  refused: number
  limited: number
  overflowed: number
  /** The metric that met `max_contexts` last. */
  overflowing: string | undefined
  failed: number
  lastFailure: string | undefined
  /** What the backend said last about values that it refused although it took the request. */
  lastRefusal: string | undefined
}

const mostRemembered = 4096
/** Contexts beyond `max_contexts`, one for each metric that overflows. */
const mostOverflows = 1000

export function createState(metrics: readonly DeclaredMetric[]): State {
  const declared = metrics.map((metric) => {
    const name = metricName(metric.text)
    return { metric, names: { series: name, distribution: name } }
  })
  return {
    ...{ declared, plans: new Map(), contexts: new Map(), overflow: new Map() },
    ...{ config: undefined, allows: () => true, skipped: new Set(), nodes: 0, window: 0 },
    ...{ since: 0, timestamps: new Set<number>() },
    ...{ refused: 0, limited: 0, overflowed: 0, overflowing: undefined },
    ...{ failed: 0, lastFailure: undefined, lastRefusal: undefined },
  }
}

/** Takes a configuration over. Contexts under way keep their tags. */
export function configure(state: State, config: Config): void {
  state.config = config
  state.allows = labelRule(config)
  state.skipped.clear()
  forgetPlans(state)
}

function forgetPlans(state: State): void {
  state.plans.clear()
  state.nodes = 0
}

export function planFor(state: State, eventName: string): Plan {
  const known = state.plans.get(eventName)
  if (known) return known
  if (state.plans.size >= mostRemembered) forgetPlans(state)
  const names = {
    series: measuredName(eventName, 'count'),
    distribution: measuredName(eventName, 'duration_ms'),
  }
  const declared = state.declared.filter(({ metric }) => metric.matches(eventName))
  const plan: Plan = {
    names,
    declared,
    infersCount: !declared.some((one) => one.names.series === names.series),
    infersDuration: !declared.some((one) => one.names.series === names.distribution),
    tree: tagTree(),
  }
  state.plans.set(eventName, plan)
  return plan
}

/** The context of the event's own metrics; undefined when there is no room even for the overflow. */
export function contextOf(
  state: State,
  { tree, names }: Plan,
  event: TelemetryEvent,
  limit: number,
): Context | undefined {
  const leaf = findLeaf(tree, event, state.skipped) ?? newLeaf(state, tree, event, limit)
  if (leaf.found?.window === state.window) return leaf.found
  const context = contextFor(state, names, leaf.tags, limit)
  if (context?.tags !== overflowTags) leaf.found = context
  return context
}

function newLeaf(state: State, tree: TagTree<Context>, event: TelemetryEvent, limit: number) {
  // Ids and spellings without end lead to few contexts by many paths: begin anew rather than grow.
  if (state.nodes > 16 * limit + 1024) forgetPlans(state)
  const { leaf, grown } = placeLeaf(tree, event, (key) => isAllowed(state, key))
  state.nodes += grown
  return leaf
}

/** The context of a metric and its tags, made if there is room. */
export function contextFor(
  state: State,
  names: MetricNames,
  tags: readonly string[],
  limit: number,
): Context | undefined {
  const id = `${names.series}\0${tags.join('\0')}`
  const known = state.contexts.get(id)
  if (known) return known
  if (state.contexts.size < limit) {
    const context = createContext(state, names, tags)
    state.contexts.set(id, context)
    return context
  }
  state.overflowed++
  state.overflowing = names.series
  const overflow = state.overflow.get(names.series)
  if (overflow) return overflow
  if (state.overflow.size >= mostOverflows) return undefined
  const context = createContext(state, names, overflowTags)
  state.overflow.set(names.series, context)
  return context
}

function isAllowed(state: State, key: string): boolean {
  if (state.skipped.has(key)) return false
  const allowed = state.allows(key)
  if (!allowed && state.skipped.size < mostRemembered) state.skipped.add(key)
  return allowed
}

const createContext = ({ window }: State, names: MetricNames, tags: readonly string[]): Context => ({
  ...{ names, tags, window, count: undefined, gauge: undefined },
  ...{ values: [], seriesWeight: 0, valuesWeight: 0 },
})

export const isEmpty = (state: State): boolean => state.contexts.size === 0 && state.overflow.size === 0

export function forgetContexts(state: State): void {
  state.contexts.clear()
  state.overflow.clear()
  state.window++
}
