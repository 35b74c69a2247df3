import type { Config, ConfigOf, ExporterSchema } from '../exporter.ts'
import { declaredMetrics, durationBuckets, labelKeys, readKeys } from '../metric-keys.ts'

/** The exporter's own configuration keys, and what aggregation reads of them. */
export const prometheusSchema = {
  host: {
    format: 'host',
    default: '127.0.0.1',
    change: 'replace',
    doc: 'Address on which the page is served. The default, 127.0.0.1, can only be reached from this machine: in a container it cannot be scraped from outside. 0.0.0.0 (or ::) can be reached from everywhere.',
  },
  port: {
    format: 'port',
    default: 9464,
    nullable: true,
    change: 'rebuild',
    doc: 'Port of the page. With 0 any free port is used, and the status shows it. With null there is no server: mount `metricsHandler(telemetry)` in your own. A change opens the new port before it closes the old.',
  },
  path: { format: 'path', default: '/metrics', change: 'hot', doc: 'Path of the page.' },
  allowed_hosts: {
    format: 'labels',
    default: [],
    change: 'hot',
    doc: 'Names, besides localhost and IP addresses, that a Host header may have while `host` is loopback, such as the names that a proxy on this machine passes on.',
  },
  cluster: {
    format: 'boolean',
    default: true,
    change: 'replace',
    doc: 'Workers of one node:cluster primary (PM2: cluster mode) and worker threads of one process that have the same host and port share one page, with the sums of all. false: each has a page of its own, and needs a port of its own.',
  },
  default_metrics: {
    format: 'boolean',
    default: false,
    change: 'hot',
    doc: "Adds prom-client's metrics of the Node.js process. They are collected from the first time that this is true, and shown while it is true.",
  },
  ...labelKeys('labels', 'only if named here in full'),
  max_metrics: {
    format: 'integer',
    default: 1000,
    min: 0,
    max: 100_000,
    unit: 'families',
    change: 'hot',
    doc: 'Largest number of metrics. An event that would make one more is dropped, counted `metric_limit`.',
  },
  max_series: {
    format: 'integer',
    default: 2000,
    min: 0,
    max: 1_000_000,
    unit: 'label sets',
    change: 'hot',
    doc: 'Largest number of label sets per metric. One more series, otel_metric_overflow="true", takes the rest: only their labels are lost.',
  },
  max_total_series: {
    format: 'integer',
    default: 20_000,
    min: 0,
    max: 10_000_000,
    unit: 'label sets',
    change: 'hot',
    doc: 'Largest number of label sets of all metrics together, with the same overflow in each metric that would need more.',
  },
  max_metric_bytes: {
    format: 'integer',
    default: 512 * 1024,
    min: 1024,
    max: 1024 * 1024 * 1024,
    unit: 'bytes',
    change: 'hot',
    doc: 'Largest size of one metric on the page, with the same overflow. An event makes at most two inferred metrics, so 1 MiB by default.',
  },
  max_page_bytes: {
    format: 'integer',
    default: 64 * 1024 * 1024,
    min: 1024,
    max: 4 * 1024 * 1024 * 1024,
    unit: 'bytes',
    change: 'hot',
    doc: 'Largest size of all metrics on the page together, with the same overflow.',
  },
  buckets: {
    ...durationBuckets,
    doc: 'Upper bounds of duration histograms. A histogram keeps the bounds with which it was created.',
  },
  metrics: declaredMetrics('labels'),
  outcome_label: {
    format: 'boolean',
    default: false,
    change: 'hot',
    doc: 'Makes one histogram of the durations of an operation: X_duration_seconds with a label outcome, "success" or "error", instead of X_success_duration_seconds and X_error_duration_seconds.',
  },
  exemplars: {
    format: 'boolean',
    default: false,
    change: 'hot',
    doc: 'Adds to counters and buckets, on a page in OpenMetrics, the trace and span id of the latest event that they counted within a sampled span. Off by default, because looking for the active span costs time per event.',
  },
  health: {
    format: 'boolean',
    default: true,
    change: 'hot',
    doc: "Shows telemachine's own health on the page: ledgers, queues, breakers, configuration.",
  },
} as const satisfies ExporterSchema

/** The configuration keys of the exporter type `prometheus`. */
export type PrometheusSchema = typeof prometheusSchema

/** The configuration of a prometheus exporter. */
export type PrometheusConfig = ConfigOf<PrometheusSchema>

/** The keys that limit series. */
const limits = ['max_series', 'max_metric_bytes', 'max_total_series', 'max_page_bytes'] as const

/** The keys that aggregation reads. */
const aggregated = [
  ...(['labels', 'labels_deny', 'buckets', 'metrics', 'outcome_label', 'exemplars', 'max_metrics'] as const),
  ...limits,
] as const

export type SeriesLimits = Pick<PrometheusConfig, (typeof limits)[number]>
export type Settings = Pick<PrometheusConfig, (typeof aggregated)[number]>

/** A configuration's settings; a key it lacks has its default. */
export const readSettings = (config: Config): Settings => readKeys(prometheusSchema, aggregated, config)
