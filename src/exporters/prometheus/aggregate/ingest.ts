import type { TelemetryEvent } from '../../../bus/event.ts'
import { measurementValue } from '../../../bus/event.ts'
import { messageOf } from '../../../errors.ts'
import type { Sink } from '../../exporter.ts'
import type { DeclaredMetric } from '../declared.ts'
import type { LabelSet } from '../names.ts'
import { labelSet } from '../names.ts'
import { withOutcome } from '../outcome.ts'
import type { Family } from './families.ts'
import { histogramSeries, numberSeries, observe } from './families.ts'
import type { Bound } from './intern.ts'
import { find, place } from './intern.ts'
import type { DeclaredFamily, Plan, State } from './state.ts'
import { configure, inferCounter, inferHistogram, labelsFor, planFor } from './state.ts'

// What became of an event's measurements, as flags: it may have several.
const applied = 1
const refused = 2
const limited = 4
const failed = 8

/**
 * Applies one event to the aggregates. An event counts as delivered when any of its measurements was applied,
 * and when it has none for us; else as dropped: `refused`, `metric_limit` or, where a declared metric's own
 * function threw, `failed`. Each refused measurement shows in the status, whatever became of its event.
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
  if (count === undefined && duration === undefined && state.declared.length === 0) return

  const plan = state.plans.get(event.name) ?? planFor(state, event.name)
  const bound = find(plan.tree, event, state.rule.skipped)
  let outcome = 0
  if (count !== undefined && plan.infersCounter) outcome |= addCount(state, plan, bound, event, count)
  if (duration !== undefined && plan.infersHistogram) {
    outcome |= addDuration(state, plan, bound, event, duration)
  }
  for (const declared of plan.declared) outcome |= measure(state, declared, event)

  if (outcome === applied) {
    state.revision++
    return
  }
  if (outcome !== 0) state.revision++
  if (outcome & applied || outcome === 0) return
  sink.drop(outcome & refused ? 'refused' : outcome & limited ? 'metric_limit' : 'failed')
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
  bound: Bound | undefined,
  event: TelemetryEvent,
  count: unknown,
): number {
  if (typeof count !== 'number' || !(count >= 0 && count < Infinity)) return refuse(state)
  let series = bound?.counter
  if (series === undefined) {
    plan.counter ??= inferCounter(state, event.name)
    const family = plan.counter
    if (!family) return limit(state)
    series = numberSeries(family, labelsFor(state, event), state.settings)
    const at = bound ?? (series === family.overflow ? undefined : remember(state, plan, event))
    if (at) at.counter = series
  }
  const sum = series.value + count
  // An infinite counter would never show an increase again.
  if (sum === Infinity) return refuse(state)
  series.value = sum
  return applied
}

function addDuration(
  state: State,
  plan: Plan,
  bound: Bound | undefined,
  event: TelemetryEvent,
  milliseconds: unknown,
): number {
  if (typeof milliseconds !== 'number' || !(milliseconds >= 0 && milliseconds < Infinity))
    return refuse(state)
  plan.histogram ??= inferHistogram(state, plan.operation?.name ?? event.name)
  const family = plan.histogram
  if (!family) return limit(state)
  let series = bound?.histogram
  if (series === undefined) {
    const labels = labelsFor(state, event)
    const all = plan.operation === undefined ? labels : withOutcome(labels, plan.operation.outcome)
    series = histogramSeries(family, all, state.settings)
    const at = bound ?? (series === family.overflow ? undefined : remember(state, plan, event))
    if (at) at.histogram = series
  }
  const seconds = milliseconds / 1000
  if (series.sum + seconds === Infinity) return refuse(state)
  observe(family, series, seconds)
  return applied
}

const remember = (state: State, plan: Plan, event: TelemetryEvent): Bound | undefined =>
  place(plan.tree, event, state.rule, 16 * state.settings.maxSeries + 1024)

function measure(state: State, { metric, family }: DeclaredFamily, event: TelemetryEvent): number {
  try {
    if (metric.keep && !metric.keep(event.metadata, event.measurements)) return 0
    if (metric.drop?.(event.metadata, event.measurements)) return 0
    const value = measured(metric, event)
    if (value === undefined) return 0
    if (typeof value !== 'number' || !Number.isFinite(value * metric.factor)) return refuse(state)
    return record(state, metric, family, event, value * metric.factor)
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
  metric: DeclaredMetric,
  family: Family,
  event: TelemetryEvent,
  value: number,
): number {
  if (family.type !== 'gauge' && value < 0) return refuse(state)
  const labels = tagsOf(metric, event)
  if (family.type === 'histogram') {
    const series = histogramSeries(family, labels, state.settings)
    if (series.sum + value === Infinity) return refuse(state)
    observe(family, series, value)
    return applied
  }
  const series = numberSeries(family, labels, state.settings)
  const next = metric.kind === 'lastValue' ? value : series.value + value
  if (!Number.isFinite(next)) return refuse(state)
  series.value = next
  return applied
}

function tagsOf(metric: DeclaredMetric, event: TelemetryEvent): LabelSet {
  const values = metric.tagValues ? metric.tagValues(event.metadata) : event.metadata
  return labelSet(metric.tags.map((tag) => [tag, values[tag]] as const))
}
