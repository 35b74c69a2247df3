import { measurementValue, type TelemetryEvent } from '../../../bus/event.ts'
import { messageOf } from '../../../errors.ts'
import type { Sink } from '../../exporter.ts'
import type { MetricItem } from '../item.ts'
import { tagSet } from '../names.ts'
import {
  type Context,
  configure,
  contextFor,
  contextOf,
  type DeclaredNames,
  isEmpty,
  planFor,
  type State,
} from './contexts.ts'
import { mostValues, takeValues } from './window.ts'

type MetricSink = Sink<State, MetricItem>

/** A value that waits in a context; a count leaves nothing behind. */
const bytesOfEvent = 16

/** Where one measurement went. */
type Applied =
  | { readonly to: Context; readonly part: 'series' | 'values' }
  | 'refused'
  | 'limited'
  | 'failed'
  | undefined

/**
 * Sums one event up. It is held until the item leaves that has its first measurement; the values of a duration
 * rather than the count, if it has both. An event none of whose measurements could be used is dropped: `refused`,
 * `metric_limit` or, where a declared metric's own function threw, `failed`. One with none at all is `ignored`.
 */
export function ingest(event: TelemetryEvent, sink: MetricSink): void {
  const { state } = sink
  if (sink.config !== state.config) configure(state, sink.config)
  const { fields, metadataStart } = event
  let count: unknown
  let duration: unknown
  for (let i = 0; i < metadataStart; i += 2) {
    if (fields[i] === 'count') count = fields[i + 1]
    else if (fields[i] === 'duration_ms') duration = fields[i + 1]
  }
  if (count === undefined && duration === undefined && state.declared.length === 0) return
  // First, since without room the event has been dropped, and must not be summed up as well.
  if (!sink.hold(bytesOfEvent)) return
  const plan = planFor(state, event.name)
  const limit = sink.config.max_contexts as number
  const wasEmpty = isEmpty(state)

  const results: Applied[] = []
  const wantsCount = count !== undefined && plan.infersCount
  const wantsDuration = duration !== undefined && plan.infersDuration
  if (wantsCount || wantsDuration) {
    const usable = (wantsCount && isAmount(count)) || (wantsDuration && isAmount(duration))
    const context = usable ? contextOf(state, plan, event, limit) : undefined
    if (wantsDuration) results.push(add(state, context, duration, observe))
    if (wantsCount) results.push(add(state, context, count, increase))
  }
  for (const declared of plan.declared) results.push(measure(state, declared, event, limit))
  settle(results, sink, wasEmpty)
}

const isAmount = (value: unknown): value is number =>
  typeof value === 'number' && value >= 0 && value < Number.POSITIVE_INFINITY

function add(
  state: State,
  context: Context | undefined,
  value: unknown,
  apply: (context: Context, value: number) => Applied,
): Applied {
  const result = !isAmount(value) ? 'refused' : context ? apply(context, value) : 'limited'
  if (result === 'refused') state.refused++
  if (result === 'limited') state.limited++
  return result
}

function observe(to: Context, value: number): Applied {
  to.values.push(value)
  return { to, part: 'values' }
}

function increase(to: Context, value: number): Applied {
  const sum = (to.count ?? 0) + value
  if (!Number.isFinite(sum)) return 'refused'
  to.count = sum
  return { to, part: 'series' }
}

function measure(
  state: State,
  { metric, names }: DeclaredNames,
  event: TelemetryEvent,
  limit: number,
): Applied {
  try {
    if (metric.keep && !metric.keep(event.metadata, event.measurements)) return undefined
    if (metric.drop?.(event.metadata, event.measurements)) return undefined
    const { measurement } = metric
    const measured =
      measurement === undefined
        ? 1
        : typeof measurement === 'string'
          ? measurementValue(event, measurement)
          : measurement(event.measurements, event.metadata)
    if (measured === undefined) return undefined
    const value = typeof measured === 'number' ? measured * metric.factor : Number.NaN
    if (!Number.isFinite(value) || (value < 0 && metric.type !== 'gauge')) {
      state.refused++
      return 'refused'
    }
    const values = metric.tagValues ? metric.tagValues(event.metadata) : event.metadata
    const tags = tagSet(metric.tags.map((tag) => [tag, values[tag]] as const))
    const context = contextFor(state, names, tags, limit)
    if (!context) {
      state.limited++
      return 'limited'
    }
    if (metric.kind === 'distribution') return observe(context, value)
    if (metric.kind !== 'lastValue') return increase(context, value)
    context.gauge = value
    return { to: context, part: 'series' }
  } catch (thrown) {
    state.failed++
    state.lastFailure = `${names.series}: ${messageOf(thrown)}`.slice(0, 500)
    return 'failed'
  }
}

function settle(results: readonly Applied[], sink: MetricSink, wasEmpty: boolean): void {
  const { state } = sink
  let weighed = false
  for (const result of results) {
    if (typeof result !== 'object') continue
    if (!weighed) {
      weighed = true
      if (wasEmpty) state.since = sink.monotonic
      if (result.part === 'values') result.to.valuesWeight++
      else result.to.seriesWeight++
    }
    if (result.part === 'values' && result.to.values.length >= mostValues) {
      const { item, weight } = takeValues(result.to, Math.floor(sink.now / 1000))
      sink.item(item, weight, item.bytes)
    }
  }
  if (weighed) return
  if (results.includes('refused')) sink.drop('refused')
  else if (results.includes('limited')) sink.drop('metric_limit')
  else if (results.includes('failed')) sink.drop('failed')
  else sink.drop('ignored')
}
