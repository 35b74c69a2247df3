import {
  type DecodedAttributes,
  type DecodedResource,
  type DecodedScope,
  field,
  keyValue,
  type Message,
  message,
  optional,
  requestMessage,
} from './messages.ts'

/** A measurement that fell into a data point, with the span it was made in. */
export interface DecodedExemplar {
  readonly timeUnixNano: bigint
  readonly filteredAttributes: DecodedAttributes
  /** Lower-case hex; empty outside a span. */
  readonly traceId: string
  readonly spanId: string
  readonly asDouble: number | null
  readonly asInt: number | bigint | null
}

/** Fields of every data point of a metric. */
export interface DecodedPoint {
  readonly attributes: DecodedAttributes
  readonly startTimeUnixNano: bigint
  readonly timeUnixNano: bigint
  readonly flags: number
  readonly exemplars: readonly DecodedExemplar[]
}

/** A value of a gauge or a sum: one of the two is not null. */
export interface DecodedNumberPoint extends DecodedPoint {
  readonly asDouble: number | null
  readonly asInt: number | bigint | null
}

/** A data point of a histogram with explicit bounds. */
export interface DecodedHistogramPoint extends DecodedPoint {
  readonly count: number | bigint
  readonly sum: number | null
  readonly bucketCounts: readonly (number | bigint)[]
  readonly explicitBounds: readonly number[]
  readonly min: number | null
  readonly max: number | null
}

/** Buckets of an exponential histogram, on one side of zero. */
export interface DecodedExponentialBuckets {
  readonly offset: number
  readonly bucketCounts: readonly (number | bigint)[]
}

/** A data point of an exponential histogram. */
export interface DecodedExponentialHistogramPoint extends DecodedPoint {
  readonly count: number | bigint
  readonly sum: number | null
  readonly scale: number
  readonly zeroCount: number | bigint
  readonly positive: DecodedExponentialBuckets
  readonly negative: DecodedExponentialBuckets
  readonly min: number | null
  readonly max: number | null
  readonly zeroThreshold: number
}

/** 0 unspecified, 1 delta, 2 cumulative. */
export type DecodedTemporality = 0 | 1 | 2

/** One of its kinds is not null. */
export interface DecodedMetric {
  readonly name: string
  readonly description: string
  readonly unit: string
  readonly gauge: { readonly dataPoints: readonly DecodedNumberPoint[] } | null
  readonly sum: {
    readonly dataPoints: readonly DecodedNumberPoint[]
    readonly aggregationTemporality: DecodedTemporality
    readonly isMonotonic: boolean
  } | null
  readonly histogram: {
    readonly dataPoints: readonly DecodedHistogramPoint[]
    readonly aggregationTemporality: DecodedTemporality
  } | null
  readonly exponentialHistogram: {
    readonly dataPoints: readonly DecodedExponentialHistogramPoint[]
    readonly aggregationTemporality: DecodedTemporality
  } | null
}

/** The metrics of one instrumentation scope. */
export interface DecodedScopeMetrics {
  readonly scope: DecodedScope | null
  readonly metrics: readonly DecodedMetric[]
  readonly schemaUrl: string
}

/** The metrics of one resource. */
export interface DecodedResourceMetrics {
  readonly resource: DecodedResource | null
  readonly scopeMetrics: readonly DecodedScopeMetrics[]
  readonly schemaUrl: string
}

/** A decoded OTLP request of metrics. */
export interface DecodedMetricsRequest {
  readonly resourceMetrics: readonly DecodedResourceMetrics[]
}

const exemplar = message('Exemplar', [
  field(2, 'timeUnixNano', 'fixed64'),
  optional(3, 'asDouble', 'double'),
  field(4, 'spanId', 'spanId'),
  field(5, 'traceId', 'traceId'),
  optional(6, 'asInt', 'sfixed64'),
  field(7, 'filteredAttributes', keyValue, 'attributes'),
])

const numberPoint = message('NumberDataPoint', [
  field(2, 'startTimeUnixNano', 'fixed64'),
  field(3, 'timeUnixNano', 'fixed64'),
  optional(4, 'asDouble', 'double'),
  field(5, 'exemplars', exemplar, 'list'),
  optional(6, 'asInt', 'sfixed64'),
  field(7, 'attributes', keyValue, 'attributes'),
  field(8, 'flags', 'uint32'),
])

const histogramPoint = message('HistogramDataPoint', [
  field(2, 'startTimeUnixNano', 'fixed64'),
  field(3, 'timeUnixNano', 'fixed64'),
  field(4, 'count', 'count64'),
  optional(5, 'sum', 'double'),
  field(6, 'bucketCounts', 'count64', 'packed'),
  field(7, 'explicitBounds', 'double', 'packed'),
  field(8, 'exemplars', exemplar, 'list'),
  field(9, 'attributes', keyValue, 'attributes'),
  field(10, 'flags', 'uint32'),
  optional(11, 'min', 'double'),
  optional(12, 'max', 'double'),
])

const exponentialBuckets = message(
  'Buckets',
  [field(1, 'offset', 'sint32'), field(2, 'bucketCounts', 'uint64', 'packed')],
  { neverNull: true },
)

const exponentialHistogramPoint = message('ExponentialHistogramDataPoint', [
  field(1, 'attributes', keyValue, 'attributes'),
  field(2, 'startTimeUnixNano', 'fixed64'),
  field(3, 'timeUnixNano', 'fixed64'),
  field(4, 'count', 'count64'),
  optional(5, 'sum', 'double'),
  field(6, 'scale', 'sint32'),
  field(7, 'zeroCount', 'count64'),
  field(8, 'positive', exponentialBuckets),
  field(9, 'negative', exponentialBuckets),
  field(10, 'flags', 'uint32'),
  field(11, 'exemplars', exemplar, 'list'),
  optional(12, 'min', 'double'),
  optional(13, 'max', 'double'),
  field(14, 'zeroThreshold', 'double'),
])

const pointsOf = (name: string, point: Message): Message =>
  message(name, [
    field(1, 'dataPoints', point, 'list'),
    ...(name === 'Gauge' ? [] : [field(2, 'aggregationTemporality', 'temporality')]),
    ...(name === 'Sum' ? [field(3, 'isMonotonic', 'bool')] : []),
  ])

const metric = message(
  'Metric',
  [
    field(1, 'name', 'string'),
    field(2, 'description', 'string'),
    field(3, 'unit', 'string'),
    field(5, 'gauge', pointsOf('Gauge', numberPoint)),
    field(7, 'sum', pointsOf('Sum', numberPoint)),
    field(9, 'histogram', pointsOf('Histogram', histogramPoint)),
    field(10, 'exponentialHistogram', pointsOf('ExponentialHistogram', exponentialHistogramPoint)),
  ],
  { required: ['name'] },
)

export const metricsRequest = requestMessage('ExportMetricsServiceRequest', 'Metrics', 'metrics', metric)
