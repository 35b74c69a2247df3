import { glob } from '../bus/glob.ts'
import { TelemetryError } from '../errors.ts'

/** Metrics declared in code, in the manner of Elixir's telemetry_metrics. */

type Measurements = Readonly<Record<string, number>>
type Metadata = Readonly<Record<string, unknown>>

export const units = {
  second: { of: 'second', size: 1 },
  millisecond: { of: 'second', size: 1e-3 },
  microsecond: { of: 'second', size: 1e-6 },
  nanosecond: { of: 'second', size: 1e-9 },
  byte: { of: 'byte', size: 1 },
  kilobyte: { of: 'byte', size: 1e3 },
  megabyte: { of: 'byte', size: 1e6 },
  kibibyte: { of: 'byte', size: 1024 },
  mebibyte: { of: 'byte', size: 1024 ** 2 },
  ratio: { of: 'ratio', size: 1 },
  percent: { of: 'ratio', size: 1e-2 },
} as const

/** A unit that a declared metric may name or convert. */
export type Unit = keyof typeof units

/** The options of every declared metric. */
export interface MetricOptions {
  /** The family's name, made legal. Default: the event, then the measurement, then the unit. Needed with a glob. */
  readonly name?: string
  /** The family's help text. */
  readonly description?: string
  /** Metadata keys that become labels, even if the exporter's label lists exclude them. Default: none. */
  readonly tags?: readonly string[]
  /** Returns the metadata from which `tags` are taken. Default: the metadata of the event. */
  readonly tagValues?: (metadata: Metadata) => Readonly<Record<string, unknown>>
  /** A filter: only events for which it returns true are measured. */
  readonly keep?: (metadata: Metadata, measurements: Measurements) => boolean
  /** A filter: events for which it returns true are not measured. */
  readonly drop?: (metadata: Metadata, measurements: Measurements) => boolean
}

/** The options of every declared metric that measures a value. */
export interface MeasuredOptions extends MetricOptions {
  /**
   * The measurement's key, or a function that returns the value. If the value is undefined, the metric does not
   * change.
   */
  readonly measurement: string | ((measurements: Measurements, metadata: Metadata) => number | undefined)
  /** The value's unit, put into the name as Prometheus does; a pair converts: `['millisecond', 'second']`. */
  readonly unit?: Unit | readonly [from: Unit, to: Unit]
}

export const gaugeRules = ['sum', 'min', 'max', 'last', 'worker'] as const

/**
 * How a gauge of several workers or threads becomes one on a page that they share: their sum, the least or greatest
 * value, the latest one, or one series for each, with a label `worker`. All but `last` forget a worker that has
 * ended.
 */
export type GaugeRule = (typeof gaugeRules)[number]

/** The options of {@link lastValue}. */
export interface LastValueOptions extends MeasuredOptions {
  /** Default `last`: the value that a single process with all events would show. */
  readonly acrossWorkers?: GaugeRule
}

/** The options of {@link sum}. */
export interface SumOptions extends MeasuredOptions {
  /** For a gauge (`monotonic: false`) only; not `last`. Default `sum`. */
  readonly acrossWorkers?: Exclude<GaugeRule, 'last'>
  /** False: values may be negative, and the family is a gauge. Default true: a counter that refuses them. */
  readonly monotonic?: boolean
}

/** The options of {@link distribution}. */
export interface DistributionOptions extends MeasuredOptions {
  /** Upper bounds in the unit shown, ascending. Default: the exporter's `buckets`. */
  readonly buckets?: readonly number[]
}

/** The type of a metric, in the terms of Prometheus. */
export type MetricType = 'counter' | 'gauge' | 'histogram'

/**
 * A metric declared with {@link counter}, {@link sum}, {@link lastValue} or {@link distribution}. Make it with
 * these functions.
 */
export interface DeclaredMetric {
  readonly kind: 'counter' | 'sum' | 'lastValue' | 'distribution'
  readonly type: MetricType
  /** The name before it is made legal: each backend has rules of its own. */
  readonly text: string
  /** As `text`, without the unit unless the declaration names the metric: for backends that have a field for units. */
  readonly plainText: string
  /** The unit of the values as they are shown. */
  readonly unit: Unit | undefined
  readonly description: string
  readonly matches: (eventName: string) => boolean
  /** Undefined: every event counts one. */
  readonly measurement: MeasuredOptions['measurement'] | undefined
  /** Factor by which a measured value is multiplied. */
  readonly factor: number
  /** For a gauge: how the values of several workers become one. */
  readonly acrossWorkers: GaugeRule | undefined
  readonly buckets: readonly number[] | undefined
  readonly tags: readonly string[]
  readonly tagValues: MetricOptions['tagValues']
  readonly keep: MetricOptions['keep']
  readonly drop: MetricOptions['drop']
}

/** Declares a counter, `<name>_total`, of the events that match `pattern` (a glob). */
export const counter = (pattern: string, options: MetricOptions = {}): DeclaredMetric =>
  declare('counter', 'counter', pattern, options)

/** Declares a sum of a measurement: the counter `<name>_total`, or a gauge if it is not monotonic. */
export const sum = (pattern: string, options: SumOptions): DeclaredMetric =>
  declare('sum', options?.monotonic === false ? 'gauge' : 'counter', pattern, options)

/** Declares a gauge: the measurement of the latest event. */
export const lastValue = (pattern: string, options: LastValueOptions): DeclaredMetric =>
  declare('lastValue', 'gauge', pattern, options)

/** Declares a histogram of a measurement that is never negative. */
export const distribution = (pattern: string, options: DistributionOptions): DeclaredMetric =>
  declare('distribution', 'histogram', pattern, options)

/** Whether values of a unit can be shown in another. */
export const isConvertible = (from: Unit, to: Unit): boolean => units[from].of === units[to].of

/** Whether a pattern may match more than one event, so that it names no metric. */
export const hasWildcards = (pattern: string): boolean => /[*?[]/.test(pattern)

/** Throws a TelemetryError `METRIC_INVALID`: a declaration is the program's, wrong before anything runs. */
function declare(
  kind: DeclaredMetric['kind'],
  type: MetricType,
  pattern: string,
  options: MetricOptions & Partial<DistributionOptions> & { readonly acrossWorkers?: GaugeRule },
): DeclaredMetric {
  const invalid = (what: string): never => {
    throw new TelemetryError('METRIC_INVALID', `${kind}(${JSON.stringify(pattern)}): ${what}`)
  }
  if (typeof pattern !== 'string' || pattern === '') invalid('the event pattern must be a non-empty string')
  const { measurement, buckets, name, tags, tagValues, keep, drop } = options ?? {}
  if (kind !== 'counter' && typeof measurement !== 'string' && typeof measurement !== 'function') {
    invalid('`measurement` must be a key or a function')
  }
  const [from, to] = typeof options.unit === 'object' ? options.unit : [options.unit, options.unit]
  for (const unit of [from, to]) {
    if (unit !== undefined && !Object.hasOwn(units, unit)) invalid(`unknown unit ${JSON.stringify(unit)}`)
  }
  if (from && to && !isConvertible(from, to)) invalid(`${from} cannot be converted to ${to}`)
  if (buckets && !areBuckets(buckets)) invalid('`buckets` must be ascending finite numbers, at most 1000')
  if (name === undefined && hasWildcards(pattern)) invalid('a pattern with wildcards needs a `name`')
  for (const key of ['tagValues', 'keep', 'drop'] as const) {
    if (options[key] !== undefined && typeof options[key] !== 'function')
      invalid(`\`${key}\` must be a function`)
  }
  const acrossWorkers =
    type === 'gauge' ? (options.acrossWorkers ?? (kind === 'sum' ? 'sum' : 'last')) : undefined
  if (options.acrossWorkers !== undefined && !isRule(kind, acrossWorkers))
    invalid('`acrossWorkers` is "sum", "min", "max", "worker" or, for lastValue(), "last", of a gauge only')
  const text = name ?? inferredName(pattern, measurement, from, to)
  const plainText = name ?? nameWithoutUnit(pattern, measurement, from, '.')
  return {
    ...{
      kind,
      type,
      text,
      plainText,
      unit: to,
      measurement,
      buckets,
      acrossWorkers,
      tags: [...(tags ?? [])],
      tagValues,
      keep,
      drop,
    },
    description: options.description || `The ${kind} of ${pattern} events.`,
    matches: glob(pattern),
    factor: from && to ? units[from].size / units[to].size : 1,
  }
}

/**
 * Checks that no two metrics occupy the same name.
 * @param namesOf all names that a metric occupies at the backend.
 * @param reserved names that no metric may occupy.
 * @throws TelemetryError `METRIC_INVALID`.
 */
export function assertDistinct(
  metrics: readonly DeclaredMetric[],
  namesOf: (metric: DeclaredMetric) => readonly string[],
  reserved: Iterable<string> = [],
): void {
  const taken = new Set(reserved)
  for (const metric of metrics) {
    const names = namesOf(metric)
    const other = names.find((name) => taken.has(name))
    if (other !== undefined) {
      const message = `the declared metric ${metric.text} needs the name ${other}, which is taken`
      throw new TelemetryError('METRIC_INVALID', message)
    }
    for (const name of names) taken.add(name)
  }
}

const isRule = (kind: DeclaredMetric['kind'], rule: unknown): boolean =>
  (gaugeRules as readonly unknown[]).includes(rule) && (kind === 'lastValue' || rule !== 'last')

/** Ascending finite numbers, 1 to 1000 of them. */
const areBuckets = (value: unknown): value is readonly number[] =>
  Array.isArray(value) &&
  value.length > 0 &&
  value.length <= 1000 &&
  value.every((bound, i) => Number.isFinite(bound) && (i === 0 || bound > value[i - 1]))

/** `http.request` + `duration_ms` in seconds is `http_request_duration_seconds`. */
function inferredName(
  pattern: string,
  measurement: MeasuredOptions['measurement'] | undefined,
  from: Unit | undefined,
  to: Unit | undefined,
): string {
  const text = nameWithoutUnit(pattern, measurement, from, '_')
  return to && !text.endsWith(`${to}s`) ? `${text}_${to === 'ratio' ? to : `${to}s`}` : text
}

function nameWithoutUnit(
  pattern: string,
  measurement: MeasuredOptions['measurement'] | undefined,
  from: Unit | undefined,
  separator: string,
): string {
  if (typeof measurement !== 'string') return pattern
  return `${pattern}${separator}${from ? withoutUnit(measurement, from) : measurement}`
}

const abbreviations: Readonly<Partial<Record<Unit, string>>> = {
  ...{ second: 's', millisecond: 'ms', microsecond: 'us', nanosecond: 'ns' },
  ...{ byte: 'b', kilobyte: 'kb', megabyte: 'mb', percent: 'pct' },
}

function withoutUnit(measurement: string, unit: Unit): string {
  for (const end of [`_${unit}s`, `_${unit}`, `_${abbreviations[unit]}`]) {
    if (measurement.endsWith(end) && measurement.length > end.length) return measurement.slice(0, -end.length)
  }
  return measurement
}
