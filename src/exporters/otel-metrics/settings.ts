import type { Config, ConfigOf, ExporterSchema } from '../exporter.ts'
import { exporterKeys, pushKeys } from '../keys.ts'
import { declaredMetrics, durationBuckets, labelKeys, readKeys } from '../metric-keys.ts'
import { common, connectionKeys, resourceKeys } from '../otel/connection-keys.ts'
import { metrics } from '../otel/signal.ts'
import { milliseconds, protocolVariables, sdkDisabled, signalExporter } from '../otel/variables.ts'

const word = (text: string): string => text.trim().toLowerCase()

/** `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE`. */
function temporality(text: string): string {
  const said = word(text)
  if (said !== 'cumulative' && said !== 'delta' && said !== 'lowmemory')
    throw new Error('must be cumulative, delta or lowmemory')
  return said
}

const aggregations: Readonly<Record<string, string>> = {
  explicit_bucket_histogram: 'explicit',
  base2_exponential_bucket_histogram: 'exponential',
}

/** `OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION`. */
function histogram(text: string): string {
  const said = word(text)
  if (!Object.hasOwn(aggregations, said)) throw new Error(`must be ${Object.keys(aggregations).join(' or ')}`)
  return aggregations[said] as string
}

/** `OTEL_METRICS_EXEMPLAR_FILTER`. */
function exemplarFilter(text: string): boolean {
  const said = word(text)
  if (said !== 'trace_based' && said !== 'always_off')
    throw new Error('must be trace_based or always_off: exemplars are of sampled spans only')
  return said === 'trace_based'
}

const { endpoint, ...connection } = connectionKeys(metrics, 'OTEL_METRIC_EXPORT_TIMEOUT')

/** The keys of the otel_metrics exporter, beside those that every exporter has. */
export const otelMetricsSchema = {
  enabled: common(
    exporterKeys.enabled,
    { name: 'OTEL_SDK_DISABLED', read: sdkDisabled },
    { name: 'OTEL_METRICS_EXPORTER', read: signalExporter(metrics) },
  ),
  flush_interval: {
    ...pushKeys.flush_interval!,
    default: 0.1,
    doc: 'How long a collection may wait for others before it is sent. `interval` says how often one is made.',
  },
  endpoint: { ...endpoint, env: [...endpoint.env, ...protocolVariables(metrics)] },
  ...connection,
  ...resourceKeys,
  interval: {
    format: 'seconds',
    default: 60,
    min: 1,
    max: 86_400,
    unit: 's',
    change: 'hot',
    doc: 'How often a collection is made, to the second. `flush()` and `stop()` make one at once.',
    env: [{ name: 'OTEL_METRIC_EXPORT_INTERVAL', read: milliseconds }],
  },
  temporality: {
    format: ['cumulative', 'delta', 'lowmemory'],
    default: 'cumulative',
    change: 'hot',
    doc: 'What the data points of counters and histograms are: `cumulative`, sums since their start; `delta`, sums since the last collection. `lowmemory` is the same as `delta`. A sum that is not monotonic is always cumulative. A change restarts all sums.',
    env: [{ name: 'OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE', read: temporality }],
  },
  histogram: {
    format: ['explicit', 'exponential'],
    default: 'explicit',
    change: 'hot',
    doc: 'Buckets of histograms: `explicit` uses the bounds of `buckets` or of their declaration; `exponential` chooses its own, at most 160. A change restarts all sums.',
    env: [{ name: 'OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION', read: histogram }],
  },
  buckets: {
    ...durationBuckets,
    doc: 'Upper bounds of explicit histograms of durations. A histogram keeps the bounds with which it was created.',
  },
  metrics: declaredMetrics('attributes'),
  exemplars: {
    format: 'boolean',
    default: false,
    change: 'hot',
    doc: 'Adds to data points the trace and span id of events that they counted within a sampled span: of a histogram with explicit buckets the latest of each bucket, of an exponential one at most 20, of others one. Off by default, because looking for the active span costs time per event.',
    env: [{ name: 'OTEL_METRICS_EXEMPLAR_FILTER', read: exemplarFilter }],
  },
  ...labelKeys('attributes', 'only if named here in full'),
  max_metrics: {
    format: 'integer',
    default: 1000,
    min: 0,
    max: 100_000,
    unit: 'metrics',
    change: 'hot',
    doc: 'Largest number of metrics. An event that would make one more is dropped, counted `metric_limit`.',
  },
  max_series: {
    format: 'integer',
    default: 2000,
    min: 1,
    max: 1_000_000,
    unit: 'attribute sets',
    change: 'hot',
    doc: 'Largest number of sets of attributes per metric. The last one, otel.metric.overflow=true, takes the rest: only their attributes are lost.',
  },
  max_total_series: {
    format: 'integer',
    default: 20_000,
    min: 0,
    max: 10_000_000,
    unit: 'attribute sets',
    change: 'hot',
    doc: 'Largest number of sets of attributes of all metrics together, with the same overflow in each metric that would need more.',
  },
} as const satisfies ExporterSchema

/** The keys of the otel_metrics exporter, as `ConfigOf` reads them. */
export type OtelMetricsSchema = typeof otelMetricsSchema

/** The configuration of an otel_metrics exporter. */
export type OtelMetricsConfig = ConfigOf<OtelMetricsSchema>

/** The keys that aggregation reads. */
const aggregated = [
  ...(['temporality', 'histogram', 'buckets', 'metrics', 'exemplars', 'labels', 'labels_deny'] as const),
  ...(['max_metrics', 'max_series', 'max_total_series'] as const),
] as const

export type Settings = Pick<OtelMetricsConfig, (typeof aggregated)[number]>
export type SeriesLimits = Pick<Settings, 'max_series' | 'max_total_series'>

/** A configuration's settings; a key it lacks has its default. */
export const readSettings = (config: Config): Settings => readKeys(otelMetricsSchema, aggregated, config)
