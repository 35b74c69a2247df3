import { measurementValue, metadataValue, type TelemetryEvent } from '../bus/event.ts'
import { messageOf } from '../errors.ts'
import { type Aggregate, type Declared, type Part, type Plan, planFor, type Settings } from './aggregate.ts'
import type { DeclaredMetric } from './declared.ts'
import type { Family, Series } from './families.ts'
import { findLeaf, type Leaf, leastLength, placeLeaf, type Shape, shapeOf } from './label-tree.ts'
import type { Layout, NamedKey } from './labels.ts'

/** As much of an exporter's sink as every exporter of metrics needs. */
export interface MetricSink<State> {
  readonly state: State
  readonly config: Settings
  drop(reason: 'ignored' | 'refused' | 'metric_limit' | 'failed'): void
}

/** The part of aggregation that differs between exporters of metrics. */
export interface Backend<
  State extends Aggregate<S>,
  S extends Series,
  EventSink extends MetricSink<State> = MetricSink<State>,
> {
  /** Takes a changed configuration over, and forgets the plans if they depend on what changed. */
  configure(state: State, config: Settings): void
  /** Asks for room for an event that has measurements. False: the event has been dropped. */
  hold?(sink: EventSink): boolean
  readonly layoutOf: (named: readonly NamedKey[]) => Layout
  /** The name of the family that `familyOf` would make. */
  inferredName(state: State, part: Part, eventName: string): string
  /** Finds or makes the family of an event's `count` or `duration_ms`; undefined at a limit of families. */
  familyOf(state: State, part: Part, eventName: string): Family<S> | undefined
  /** Adds labels that only one part of the event has. */
  partLabels?(state: State, part: Part, eventName: string, text: string): string
  /** Inferred durations are divided by this many milliseconds. */
  readonly durationUnitMs: number
  /** Adds a finite value to a series. False: the sum would not be finite, and the series is as it was. */
  add(series: S, value: number, state: State, event: TelemetryEvent): boolean
  /** As `add`, for the latest value of a gauge. */
  set(series: S, value: number, state: State, event: TelemetryEvent): boolean
  /** As `add`, for a value of a distribution. */
  observe(series: S, value: number, state: State, event: TelemetryEvent): boolean
  /** Called after an event if any of its measurements was applied. */
  applied?(sink: EventSink): void
}

// Results for the measurements of an event, as flags: an event may have several.
const applied = 1
const refused = 2
const limited = 4
const failed = 8

/**
 * Makes the `ingest` of an exporter of metrics. If none of an event's measurements could be applied, the event is
 * dropped: `ignored` when it has none for us, `refused`, `metric_limit` or, where a declared metric's own function
 * threw, `failed`. Each refused measurement shows in the status, whatever became of its event.
 */
export function createIngest<
  State extends Aggregate<S>,
  S extends Series,
  EventSink extends MetricSink<State> = MetricSink<State>,
>(backend: Backend<State, S, EventSink>): (event: TelemetryEvent, sink: EventSink) => void {
  const newPlan = (state: State, eventName: string): Plan<S> =>
    planFor(state, eventName, (part) => backend.inferredName(state, part, eventName))

  /** The series of labels that have none in the tree, or one of an earlier window; undefined at a limit. */
  function seriesFor(
    state: State,
    plan: Plan<S>,
    part: Part,
    shape: Shape<S>,
    leaf: Leaf<S> | undefined,
    event: TelemetryEvent,
  ): S | undefined {
    plan[part] ??= backend.familyOf(state, part, event.name)
    const family = plan[part]
    if (!family) return undefined
    const { overflow, isFull } = family
    if (overflow && isFull?.(leastLength(shape, event, shape.placed[part], family.series.size)))
      return overflow
    const series = family.seriesOf(leaf?.[part]?.text ?? labelsOf(state, part, shape, event))
    const place = series === family.overflow ? undefined : (leaf ?? placeLeaf(shape, event, state))
    if (place) {
      place[part] = series
      shape.placed[part]++
    }
    return series
  }

  function labelsOf(state: State, part: Part, shape: Shape<S>, event: TelemetryEvent): string {
    if (state.labelled !== event) {
      state.labels = shape.layout(event.fields, event.metadataStart)
      state.labelled = event
    }
    return backend.partLabels?.(state, part, event.name, state.labels) ?? state.labels
  }

  function measure(state: State, { metric, family, layout }: Declared<S>, event: TelemetryEvent): number {
    try {
      if (metric.keep && !metric.keep(event.metadata, event.measurements)) return 0
      if (metric.drop?.(event.metadata, event.measurements)) return 0
      const measured = measuredValue(metric, event)
      if (measured === undefined) return 0
      const value = typeof measured === 'number' ? measured * metric.factor : Number.NaN
      if (!Number.isFinite(value) || (value < 0 && metric.type !== 'gauge')) return refuse(state)
      const series = family.seriesOf(layout(tagsOf(metric, event), 0))
      if (metric.kind === 'distribution') return apply(state, series, value, event, backend.observe)
      return apply(state, series, value, event, metric.kind === 'lastValue' ? backend.set : backend.add)
    } catch (thrown) {
      state.failed++
      state.lastFailure = `${family.name}: ${messageOf(thrown)}`.slice(0, 500)
      return failed
    }
  }

  return (event, sink) => {
    const { state } = sink
    if (sink.config !== state.config) {
      state.config = sink.config
      backend.configure(state, sink.config)
    }
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
    // First, since without room the event has been dropped, and must not be summed up as well.
    if (backend.hold && !backend.hold(sink)) return

    const plan = state.plans.get(event.name) ?? newPlan(state, event.name)
    let outcome = 0
    if (count !== undefined || duration !== undefined) {
      const shape = shapeOf(plan.shapes, event, state, backend.layoutOf)
      const leaf = findLeaf(shape, event)
      if (count !== undefined && plan.infersCount) {
        if (isAmount(count)) {
          let series = leaf?.count
          if (series?.window !== state.window) series = seriesFor(state, plan, 'count', shape, leaf, event)
          outcome |= apply(state, series, count, event, backend.add)
        } else outcome |= refuse(state)
      }
      if (duration !== undefined && plan.infersDuration) {
        if (isAmount(duration)) {
          let series = leaf?.duration
          if (series?.window !== state.window) series = seriesFor(state, plan, 'duration', shape, leaf, event)
          outcome |= apply(state, series, duration / backend.durationUnitMs, event, backend.observe)
        } else outcome |= refuse(state)
      }
    }
    for (const declared of plan.declared) outcome |= measure(state, declared, event)

    if (outcome & applied) backend.applied?.(sink)
    else if (outcome & refused) sink.drop('refused')
    else if (outcome & limited) sink.drop('metric_limit')
    else sink.drop(outcome === 0 ? 'ignored' : 'failed')
  }
}

const isAmount = (value: unknown): value is number =>
  typeof value === 'number' && value >= 0 && value < Number.POSITIVE_INFINITY

function apply<State extends { refused: number; limited: number }, S>(
  state: State,
  series: S | undefined,
  value: number,
  event: TelemetryEvent,
  change: (series: S, value: number, state: State, event: TelemetryEvent) => boolean,
): number {
  if (series === undefined) {
    state.limited++
    return limited
  }
  return change(series, value, state, event) ? applied : refuse(state)
}

function refuse(state: { refused: number }): number {
  state.refused++
  return refused
}

function measuredValue({ measurement }: DeclaredMetric, event: TelemetryEvent): unknown {
  if (measurement === undefined) return 1
  return typeof measurement === 'string'
    ? measurementValue(event, measurement)
    : measurement(event.measurements, event.metadata)
}

function tagsOf({ tags, tagValues }: DeclaredMetric, event: TelemetryEvent): readonly unknown[] {
  if (!tagValues) return tags.map((tag) => metadataValue(event, tag))
  const values = tagValues(event.metadata)
  return tags.map((tag) => values[tag])
}
