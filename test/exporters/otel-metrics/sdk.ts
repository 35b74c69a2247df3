import type { Attributes } from '@opentelemetry/api'
import { ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer'
import { resourceFromAttributes } from '@opentelemetry/resources'
import {
  AggregationTemporality,
  AggregationType,
  MeterProvider,
  MetricReader,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics'
import type { DecodedMetric } from '../../../src/testing/index.ts'
import { decodeMetricsRequest } from '../../../src/testing/index.ts'

/** Collects when it is told to. */
class ManualReader extends MetricReader {
  protected override async onShutdown(): Promise<void> {}
  protected override async onForceFlush(): Promise<void> {}
}

/** A measurement by one of the four kinds of instrument. */
export interface Measurement {
  readonly kind: 'sum' | 'updown' | 'gauge' | 'histogram'
  readonly value: number
  readonly attributes: Attributes
}

export interface SdkOptions {
  readonly temporality: 'cumulative' | 'delta'
  readonly histogram: 'explicit' | 'exponential'
  readonly buckets: readonly number[]
  readonly limit?: number
}

/** OpenTelemetry's SDK with one instrument per kind, called like it. */
export function createSdk({ temporality, histogram, buckets, limit }: SdkOptions) {
  const reader = new ManualReader({
    aggregationTemporalitySelector: (type) =>
      temporality === 'delta' && type !== 'UP_DOWN_COUNTER'
        ? AggregationTemporality.DELTA
        : AggregationTemporality.CUMULATIVE,
    ...(limit !== undefined && { cardinalitySelector: () => limit }),
  })
  const provider = new MeterProvider({
    resource: resourceFromAttributes({ 'service.name': 'shop' }),
    readers: [reader],
    views: [
      {
        instrumentName: 'histogram',
        aggregation:
          histogram === 'exponential'
            ? { type: AggregationType.EXPONENTIAL_HISTOGRAM }
            : { type: AggregationType.EXPLICIT_BUCKET_HISTOGRAM, options: { boundaries: [...buckets] } },
      },
    ],
  })
  const meter = provider.getMeter('telemachine', '1')
  const instruments = {
    sum: meter.createCounter('sum', { description: 'The sum of * events.', unit: 'By' }),
    updown: meter.createUpDownCounter('updown', { description: 'The sum of * events.' }),
    gauge: meter.createGauge('gauge', { description: 'The lastValue of * events.', unit: '%' }),
    histogram: meter.createHistogram('histogram', {
      description: 'The distribution of * events.',
      unit: 's',
    }),
  }
  const provided = async (): Promise<ResourceMetrics> => (await reader.collect()).resourceMetrics
  return {
    record({ kind, value, attributes }: Measurement): void {
      const instrument = instruments[kind]
      if ('add' in instrument) instrument.add(value, attributes)
      else instrument.record(value, attributes)
    },
    provided,
    /** What its serializer makes of a collection. */
    async collect(): Promise<readonly DecodedMetric[]> {
      return metricsIn(ProtobufMetricsSerializer.serializeRequest(await provided())!)
    },
    shutdown: () => provider.shutdown(),
  }
}

/** The metrics of a request with one resource and one scope at most. */
export const metricsIn = (bytes: Uint8Array): readonly DecodedMetric[] =>
  decodeMetricsRequest(bytes).resourceMetrics.flatMap(({ scopeMetrics }) =>
    scopeMetrics.flatMap(({ metrics }) => metrics),
  )

/** Sorted by name and attributes, without times: clocks differ. */
export const comparable = (metrics: readonly DecodedMetric[]): unknown =>
  metrics
    .map(({ sum, gauge, histogram, exponentialHistogram, ...metric }) => ({
      ...metric,
      sum: sum && { ...sum, dataPoints: points(sum.dataPoints) },
      gauge: gauge && { dataPoints: points(gauge.dataPoints) },
      histogram: histogram && { ...histogram, dataPoints: points(histogram.dataPoints) },
      exponentialHistogram: exponentialHistogram && {
        ...exponentialHistogram,
        dataPoints: points(exponentialHistogram.dataPoints),
      },
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))

interface Timed {
  readonly attributes: Readonly<Record<string, unknown>>
  readonly startTimeUnixNano: bigint
  readonly timeUnixNano: bigint
}

const points = (all: readonly Timed[]): unknown =>
  all
    .map(({ startTimeUnixNano: _, timeUnixNano: __, attributes, ...point }) => {
      const sorted = Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1))
      return { ...point, attributes: sorted }
    })
    .map((point) => [JSON.stringify(point.attributes), point] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
