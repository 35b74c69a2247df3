import type { TelemetryEvent } from '../../bus/event.ts'
import type { Config } from '../exporter.ts'
import type { DeclaredMetric } from '../prometheus/declared.ts'
import { type MetricItem, metricItem } from './item.ts'
import { measuredName, metricName, overflowTags, tagSet, tagText } from './names.ts'
import { labelRule } from './schema.ts'

/** One metric name (or the count and the duration of one event) with one set of tags, summed up for one window. */
export interface Context {
  readonly names: MetricNames
  readonly tags: readonly string[]
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
  /** The same by metric and metadata as emitted: finds them without making tags. A cache of this window. */
  readonly found: Map<string, Context>
  readonly overflow: Map<string, Context>
  config: Config | undefined
  allows: (key: string) => boolean
  /** Answers of `allows`, remembered: a bounded share of them. */
  readonly allowed: Map<string, boolean>
  /** Clock milliseconds of the first event of this window. */
  since: number
  /** The latest timestamp given to a window, in epoch seconds. */
  timestamp: number
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
/** A segment of so many values goes to the queue at once, where the bounds of the queue hold. */
export const mostValues = 500
/** Timestamps run ahead of the clock when it is flushed more than once a second; Datadog takes ten minutes. */
const furthestAhead = 300

export function createState(metrics: readonly DeclaredMetric[]): State {
  const declared = metrics.map((metric) => {
    const name = metricName(metric.text)
    return { metric, names: { series: name, distribution: name } }
  })
  return {
    ...{ declared, plans: new Map(), contexts: new Map(), found: new Map(), overflow: new Map() },
    ...{ config: undefined, allows: () => true, allowed: new Map(), since: 0, timestamp: 0 },
    ...{ refused: 0, limited: 0, overflowed: 0, overflowing: undefined },
    ...{ failed: 0, lastFailure: undefined, lastRefusal: undefined },
  }
}

/** Takes a configuration over. Contexts under way keep their tags. */
export function configure(state: State, config: Config): void {
  state.config = config
  state.allows = labelRule(config)
  state.allowed.clear()
  state.found.clear()
}

export function planFor(state: State, eventName: string): Plan {
  const known = state.plans.get(eventName)
  if (known) return known
  if (state.plans.size >= mostRemembered) state.plans.clear()
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
  }
  state.plans.set(eventName, plan)
  return plan
}

/** The context of the event's own metrics; undefined when there is no room even for the overflow. */
export function contextOf(
  state: State,
  names: MetricNames,
  event: TelemetryEvent,
  limit: number,
): Context | undefined {
  const { fields, metadataStart } = event
  let id = names.series
  for (let i = metadataStart; i < fields.length; i += 2) {
    const value = tagText(fields[i + 1])
    if (value === undefined || !isAllowed(state, fields[i] as string)) continue
    id += `\0${fields[i]}\0${value}`
  }
  const known = state.found.get(id)
  if (known) return known
  const pairs: [string, unknown][] = []
  for (let i = metadataStart; i < fields.length; i += 2) {
    const key = fields[i] as string
    if (isAllowed(state, key)) pairs.push([key, fields[i + 1]])
  }
  const context = contextFor(state, names, tagSet(pairs), limit)
  // Many spellings lead to one context: rather forget than grow.
  if (context && context.tags !== overflowTags) {
    if (state.found.size >= 2 * limit + 1024) state.found.clear()
    state.found.set(id, context)
  }
  return context
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
    const context = createContext(names, tags)
    state.contexts.set(id, context)
    return context
  }
  state.overflowed++
  state.overflowing = names.series
  const overflow = state.overflow.get(names.series)
  if (overflow) return overflow
  if (state.overflow.size >= mostOverflows) return undefined
  const context = createContext(names, overflowTags)
  state.overflow.set(names.series, context)
  return context
}

function isAllowed(state: State, key: string): boolean {
  let allowed = state.allowed.get(key)
  if (allowed === undefined) {
    allowed = state.allows(key)
    if (state.allowed.size < mostRemembered) state.allowed.set(key, allowed)
  }
  return allowed
}

const createContext = (names: MetricNames, tags: readonly string[]): Context => ({
  ...{ names, tags, count: undefined, gauge: undefined },
  ...{ values: [], seriesWeight: 0, valuesWeight: 0 },
})

export const isEmpty = (state: State): boolean => state.contexts.size === 0 && state.overflow.size === 0

export function forgetContexts(state: State): void {
  state.contexts.clear()
  state.found.clear()
  state.overflow.clear()
}

/**
 * The time of what leaves now, in epoch seconds: never that of an earlier window, since of two points of one context
 * and time Datadog keeps one.
 */
export function nextTimestamp(state: State, now: number): number {
  const seconds = Math.floor(now / 1000)
  state.timestamp = Math.min(Math.max(seconds, state.timestamp + 1), seconds + furthestAhead)
  return state.timestamp
}

/** Takes everything out of the window, those without values first. */
export function takeItems(
  state: State,
  timestamp: number,
  interval: number,
): { readonly item: MetricItem; readonly weight: number }[] {
  const taken: { item: MetricItem; weight: number }[] = []
  const withValues: { item: MetricItem; weight: number }[] = []
  for (const contexts of [state.contexts, state.overflow]) {
    for (const context of contexts.values()) {
      const weight = context.seriesWeight + context.valuesWeight
      const item = itemOf(context, timestamp, interval)
      if (item) (item.distribution ? withValues : taken).push({ item, weight })
    }
  }
  forgetContexts(state)
  return taken.concat(withValues)
}

function itemOf(context: Context, timestamp: number, interval: number): MetricItem | undefined {
  const { names, tags, count, gauge, values } = context
  const value = count ?? gauge
  if (value === undefined && values.length === 0) return undefined
  return metricItem({
    ...{ tags, timestamp, interval },
    series:
      value === undefined
        ? undefined
        : { metric: names.series, type: count === undefined ? 'gauge' : 'count', value },
    distribution: values.length === 0 ? undefined : { metric: names.distribution, values },
  })
}

/** Takes the values alone out of a context that has many. */
export function takeValues(
  context: Context,
  timestamp: number,
): { readonly item: MetricItem; readonly weight: number } {
  const { names, tags, values, valuesWeight } = context
  context.values = []
  context.valuesWeight = 0
  const distribution = { metric: names.distribution, values }
  return {
    item: metricItem({ tags, timestamp, interval: 1, series: undefined, distribution }),
    weight: valuesWeight,
  }
}
