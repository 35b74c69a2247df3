import {
  counter,
  type DeclaredMetric,
  distribution,
  type GaugeRule,
  lastValue,
  sum,
  type Unit,
} from './declared.ts'

/** The types of metrics that a configuration may declare. */
export const tableTypes = ['counter', 'sum', 'last_value', 'distribution'] as const

/** A metric declared in a configuration, in `[[telemetry.<exporter>.metrics]]`. */
export interface MetricTable {
  /** Glob of the names of the events that it measures. */
  readonly event: string
  /** The type of the metric, as `counter()`, `sum()`, `lastValue()` and `distribution()` declare it in code. */
  readonly type: (typeof tableTypes)[number]
  /** The family's name, made legal. Default: the event, then the measurement, then the unit. Needed with a glob. */
  readonly name?: string
  /** The measurement's key; a counter has none. */
  readonly measurement?: string
  /** Metadata keys that become labels, even if the exporter's label lists exclude them. Default: none. */
  readonly tags?: readonly string[]
  /** Upper bounds of a distribution in the unit shown, ascending. Default: the exporter's `buckets`. */
  readonly buckets?: readonly number[]
  /** The value's unit, or a pair that converts: `["millisecond", "second"]`. */
  readonly unit?: Unit | readonly [from: Unit, to: Unit]
  /** The family's help text. */
  readonly description?: string
  /** False for a sum whose values may be negative. Default: true. */
  readonly monotonic?: boolean
  /** How a gauge of several workers becomes one on a shared page of Prometheus. Default: `last`, of a sum `sum`. */
  readonly across_workers?: GaugeRule
}

/** Declares what a valid table says, as code would. */
export function metricOf(table: MetricTable): DeclaredMetric {
  const { event, type, across_workers: acrossWorkers, ...options } = table
  switch (type) {
    case 'counter':
      return counter(event, options)
    case 'sum':
      return sum(event, {
        ...options,
        measurement: options.measurement!,
        ...(acrossWorkers && acrossWorkers !== 'last' && { acrossWorkers }),
      })
    case 'last_value':
      return lastValue(event, {
        ...options,
        measurement: options.measurement!,
        ...(acrossWorkers && { acrossWorkers }),
      })
    case 'distribution':
      return distribution(event, { ...options, measurement: options.measurement! })
  }
}
