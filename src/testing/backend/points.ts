import type { DecodedResource, DecodedScope } from '../otlp/messages.ts'
import type {
  DecodedExponentialHistogramPoint,
  DecodedHistogramPoint,
  DecodedMetricsRequest,
  DecodedNumberPoint,
  DecodedTemporality,
} from '../otlp/metrics-messages.ts'

/** A data point as the test backend keeps it, with the resource and scope of its request. */
export type ReceivedPoint = {
  readonly metric: string
  readonly description: string
  readonly unit: string
  /** The aggregation temporality as OTLP numbers it; 0 for a gauge. */
  readonly temporality: DecodedTemporality
  readonly resource: DecodedResource | null
  readonly scope: DecodedScope | null
} & (
  | { readonly kind: 'gauge' | 'sum'; readonly isMonotonic: boolean; readonly point: DecodedNumberPoint }
  | { readonly kind: 'histogram'; readonly point: DecodedHistogramPoint }
  | { readonly kind: 'exponential_histogram'; readonly point: DecodedExponentialHistogramPoint }
)

/** The data points of a request, in its order. */
export function pointsOf({ resourceMetrics }: DecodedMetricsRequest): ReceivedPoint[] {
  const points: ReceivedPoint[] = []
  for (const { resource, scopeMetrics } of resourceMetrics)
    for (const { scope, metrics } of scopeMetrics)
      for (const { name: metric, description, unit, ...data } of metrics) {
        const about = { metric, description, unit, resource, scope }
        const { gauge, sum, histogram, exponentialHistogram } = data
        for (const point of gauge?.dataPoints ?? [])
          points.push({ ...about, kind: 'gauge', temporality: 0, isMonotonic: false, point })
        for (const point of sum?.dataPoints ?? []) {
          const { aggregationTemporality: temporality, isMonotonic } = sum!
          points.push({ ...about, kind: 'sum', temporality, isMonotonic, point })
        }
        for (const point of histogram?.dataPoints ?? [])
          points.push({ ...about, kind: 'histogram', temporality: histogram!.aggregationTemporality, point })
        for (const point of exponentialHistogram?.dataPoints ?? []) {
          const { aggregationTemporality: temporality } = exponentialHistogram!
          points.push({ ...about, kind: 'exponential_histogram', temporality, point })
        }
      }
  return points
}

/** Total of a metric: the sum of its values, and for histograms their number. */
export interface MetricTotal {
  readonly sum: number
  readonly count: number
}

/**
 * Returns the totals of the data points of a metric, by their attributes as JSON with sorted keys. Deltas are added
 * up, one that arrived twice twice; of a cumulative stream, that is a start time and its attributes, the latest point
 * counts; of a gauge too.
 */
export function metricTotals(points: readonly ReceivedPoint[], metric: string): Map<string, MetricTotal> {
  const totals = new Map<string, MetricTotal>()
  const latest = new Map<
    string,
    { readonly key: string; readonly time: bigint; readonly total: MetricTotal }
  >()
  const add = (key: string, { sum, count }: MetricTotal): void => {
    const before = totals.get(key) ?? { sum: 0, count: 0 }
    totals.set(key, { sum: before.sum + sum, count: before.count + count })
  }
  for (const received of points) {
    if (received.metric !== metric) continue
    const { kind, temporality, point } = received
    const sorted = Object.entries(point.attributes).sort(([a], [b]) => (a < b ? -1 : 1))
    const key = JSON.stringify(Object.fromEntries(sorted))
    const total =
      'count' in point
        ? { sum: point.sum ?? 0, count: Number(point.count) }
        : { sum: Number(point.asDouble ?? point.asInt ?? 0), count: 0 }
    if (temporality === 1) add(key, total)
    else {
      const stream = kind === 'gauge' ? key : `${point.startTimeUnixNano} ${key}`
      const known = latest.get(stream)
      if (!known || known.time <= point.timeUnixNano)
        latest.set(stream, { key, time: point.timeUnixNano, total })
    }
  }
  for (const { key, total } of latest.values()) add(key, total)
  return totals
}
