import type { TelemetryEvent } from '../../../bus/event.ts'
import { measurementValue, metadataValue } from '../../../bus/event.ts'
import { messageOf } from '../../../errors.ts'
import type { Sink } from '../../exporter.ts'
import type { DeclaredMetric } from '../declared.ts'
import { labelsText } from '../names.ts'
import { type Operation, withOutcome } from '../outcome.ts'
import type { Family, HistogramSeries, LabelSource, NumberSeries } from './families.ts'
import { histogramSeries, limitFor, numberSeries, observe } from './families.ts'
import { type Layout, labelSetOf, textOf } from './layout.ts'
import type { Leaf, Shape } from './shapes.ts'
import { find, leastLength, place, shapeOf } from './shapes.ts'
import type { DeclaredFamily, Plan, State } from './state.ts'
import { configure, inferCounter, inferHistogram, planFor } from './state.ts'

// What became of an event's measurements, as flags: it may have several.
const applied = 1
const refused = 2
const limited = 4
const failed = 8

/**
 * Applies one event to the aggregates. An event counts as delivered when any of its measurements was applied; else as
 * dropped: `ignored` when it has none for us, `refused`, `metric_limit` or, where a declared metric's own function
 * threw, `failed`. Each refused measurement shows in the status, whatever became of its event.
 */
export function ingest(event: TelemetryEvent, sink: Sink<State>): void {
  const { state } = sink
  if (sink.config !== state.config) configure(state, sink.config)
  const { fields, metadataStart } = event
  let count: unknown
  let duration: unknown
  for (let i = 0; i < metadataStart; i += 2) {
    const key = fields[i]
    if (key === 'count') count = fields[i + 1]
    else if (key === 'duration_ms') duration = fields[i + 1]
  }
  if (count === undefined && duration === undefined && state.declared.length === 0) {
    sink.drop('ignored')
    return
  }

  const plan = state.plans.get(event.name) ?? planFor(state, event.name)
  let outcome = 0
  if (count !== undefined || duration !== undefined) {
    const shape = shapeOf(plan.shapes, event, state)
    const leaf = find(shape, event)
    if (count !== undefined && plan.infersCounter) outcome |= addCount(state, plan, shape, leaf, event, count)
    if (duration !== undefined && plan.infersHistogram)
      outcome |= addDuration(state, plan, shape, leaf, event, duration)
  }
  for (const declared of plan.declared) outcome |= measure(state, declared, event)

  if (outcome & applied) return
  sink.drop(
    outcome & refused ? 'refused' : outcome & limited ? 'metric_limit' : outcome === 0 ? 'ignored' : 'failed',
  )
}

function refuse(state: State): number {
  state.refused++
  return refused
}

function limit(state: State): number {
  state.limited++
  return limited
}

function addCount(
  state: State,
  plan: Plan,
  shape: Shape,
  leaf: Leaf | undefined,
  event: TelemetryEvent,
  count: unknown,
): number {
  if (typeof count !== 'number' || !(count >= 0 && count < Infinity)) return refuse(state)
  const series = leaf?.counter ?? counterOf(state, plan, shape, event)
  if (series === undefined) return limit(state)
  const sum = series.value + count
  // An infinite counter would never show an increase again.
  if (sum === Infinity) return refuse(state)
  series.value = sum
  return applied
}

function addDuration(
  state: State,
  plan: Plan,
  shape: Shape,
  leaf: Leaf | undefined,
  event: TelemetryEvent,
  milliseconds: unknown,
): number {
  if (typeof milliseconds !== 'number' || !(milliseconds >= 0 && milliseconds < Infinity))
    return refuse(state)
  const series = leaf?.histogram ?? histogramOf(state, plan, shape, event)
  if (series === undefined) return limit(state)
  const seconds = milliseconds / 1000
  if (series.sum + seconds === Infinity) return refuse(state)
  observe(plan.histogram!, series, seconds)
  return applied
}

/** The counter of labels that have none in the tree yet; undefined at `max_metrics`. */
function counterOf(state: State, plan: Plan, shape: Shape, event: TelemetryEvent): NumberSeries | undefined {
  plan.counter ??= inferCounter(state, event.name)
  const family = plan.counter
  if (!family || overflows(state, family, shape, shape.counters, event)) return family?.overflow
  const series = numberSeries(family, labelsOf(state, shape, event), state)
  const leaf = series === family.overflow ? undefined : place(shape, event, state)
  if (leaf) {
    leaf.counter = series
    shape.counters++
  }
  return series
}

/** As {@link counterOf}. */
function histogramOf(
  state: State,
  plan: Plan,
  shape: Shape,
  event: TelemetryEvent,
): HistogramSeries | undefined {
  const { operation } = plan
  plan.histogram ??= inferHistogram(state, operation?.name ?? event.name)
  const family = plan.histogram
  if (!family || overflows(state, family, shape, shape.histograms, event)) return family?.overflow
  const labels = labelsOf(state, shape, event)
  const all = operation === undefined ? labels : outcomeSource(labels, operation.outcome)
  const series = histogramSeries(family, all, state)
  const leaf = series === family.overflow ? undefined : place(shape, event, state)
  if (leaf) {
    leaf.histogram = series
    shape.histograms++
  }
  return series
}

/** Whether this event is sure to overflow, which is cheaper to know than its labels. */
function overflows(
  state: State,
  family: Family,
  shape: Shape,
  placed: number,
  event: TelemetryEvent,
): boolean {
  if (!family.overflow) return false
  const length = leastLength(shape, event, placed, family.series.size)
  return length >= 0 && limitFor(family, length, state) !== undefined
}

/** The labels of an event that has no place yet. */
function labelsOf(state: State, shape: Shape, event: TelemetryEvent): LabelSource {
  if (state.labels === undefined || state.labelled !== event) {
    state.labels = sourceOf(shape, event.fields, event.metadataStart)
    state.labelled = event
  }
  return state.labels
}

function outcomeSource(labels: LabelSource, outcome: Operation['outcome']): LabelSource {
  const set = withOutcome(labels.set(), outcome)
  return { text: labelsText(set), size: set.names.length, set: () => set }
}

const sourceOf = (layout: Layout, values: readonly unknown[], start: number): LabelSource => ({
  text: textOf(layout, values, start),
  size: layout.labels.length,
  set: () => labelSetOf(layout, values, start),
})

function measure(state: State, declared: DeclaredFamily, event: TelemetryEvent): number {
  const { metric, family } = declared
  try {
    if (metric.keep && !metric.keep(event.metadata, event.measurements)) return 0
    if (metric.drop?.(event.metadata, event.measurements)) return 0
    const value = measured(metric, event)
    if (value === undefined) return 0
    if (typeof value !== 'number' || !Number.isFinite(value * metric.factor)) return refuse(state)
    return record(state, declared, event, value * metric.factor)
  } catch (thrown) {
    state.failed++
    state.lastFailure = `${family.name}: ${messageOf(thrown)}`.slice(0, 500)
    return failed
  }
}

function measured({ measurement }: DeclaredMetric, event: TelemetryEvent): unknown {
  if (measurement === undefined) return 1
  return typeof measurement === 'string'
    ? measurementValue(event, measurement)
    : measurement(event.measurements, event.metadata)
}

function record(
  state: State,
  { metric, family, layout }: DeclaredFamily,
  event: TelemetryEvent,
  value: number,
): number {
  if (family.type !== 'gauge' && value < 0) return refuse(state)
  const labels = sourceOf(layout, tagsOf(metric, event), 0)
  if (family.type === 'histogram') {
    const series = histogramSeries(family, labels, state)
    if (series.sum + value === Infinity) return refuse(state)
    observe(family, series, value)
    return applied
  }
  const series = numberSeries(family, labels, state)
  const next = metric.kind === 'lastValue' ? value : series.value + value
  if (!Number.isFinite(next)) return refuse(state)
  series.value = next
  return applied
}

function tagsOf({ tags, tagValues }: DeclaredMetric, event: TelemetryEvent): readonly unknown[] {
  if (!tagValues) return tags.map((tag) => metadataValue(event, tag))
  const values = tagValues(event.metadata)
  return tags.map((tag) => values[tag])
}
