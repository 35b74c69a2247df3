import type { Config, ConfigOf, ExporterSchema } from '../exporter.ts'
import { declaredMetrics, durationBuckets, labelKeys, readKeys } from '../metric-keys.ts'

/** The exporter's own configuration keys, and what aggregation reads of them. */
export const prometheusSchema = {
  host: {
    format: 'host',
    default: '127.0.0.1',
    change: 'replace',
    doc: 'Address the page is served on. The default, 127.0.0.1, is reached from this machine only: in a container it cannot be scraped from outside. 0.0.0.0 (or ::) is reached from everywhere.',
  },
  port: {
    format: 'port',
    default: 9464,
    nullable: true,
    change: 'rebuild',
    doc: 'Port of the page. 0 takes any free one, shown in the status. null: no server; mount `metricsHandler(telemetry)` in one of yours. A change opens the new port before it closes the old.',
  },
  path: { format: 'path', default: '/metrics', change: 'hot', doc: 'Path of the page.' },
  allowed_hosts: {
    format: 'labels',
    default: [],
    change: 'hot',
    doc: 'Names, besides localhost and IP addresses, that a Host header may carry while `host` is loopback: those of a proxy on this machine that passes them on.',
  },
  cluster: {
    format: 'boolean',
    default: true,
    change: 'replace',
    doc: 'Workers of one node:cluster primary (PM2: cluster mode) and worker threads of one process that have the same host and port share one page, with the sums of all. false: each has a page of its own, and they contend for the port.',
  },
  default_metrics: {
    format: 'boolean',
    default: false,
    change: 'hot',
    doc: "Adds prom-client's metrics of the Node.js process. They are gathered from the first time on, shown while true.",
  },
  ...labelKeys('labels', 'only if named here in full'),
  max_metrics: {
    format: 'integer',
    default: 1000,
    min: 0,
    max: 100_000,
    unit: 'families',
    change: 'hot',
    doc: 'Metric families. What would need one more is dropped, counted `metric_limit`.',
  },
  max_series: {
    format: 'integer',
    default: 2000,
    min: 0,
    max: 1_000_000,
    unit: 'label sets',
    change: 'hot',
    doc: 'Label sets per metric. One more series, otel_metric_overflow="true", takes the rest: nothing is lost but the labels.',
  },
  max_total_series: {
    format: 'integer',
    default: 20_000,
    min: 0,
    max: 10_000_000,
    unit: 'label sets',
    change: 'hot',
    doc: 'Label sets of all metrics together, with the same overflow in each metric that would need more.',
  },
  max_metric_bytes: {
    format: 'integer',
    default: 512 * 1024,
    min: 1024,
    max: 1024 * 1024 * 1024,
    unit: 'bytes',
    change: 'hot',
    doc: 'Size of one metric on the page, with the same overflow. An event makes at most two metrics of its own, 1 MiB.',
  },
  max_page_bytes: {
    format: 'integer',
    default: 64 * 1024 * 1024,
    min: 1024,
    max: 4 * 1024 * 1024 * 1024,
    unit: 'bytes',
    change: 'hot',
    doc: 'Size of all metrics on the page together, with the same overflow.',
  },
  buckets: {
    ...durationBuckets,
    doc: 'Upper bounds of duration histograms. A histogram keeps those it was made with.',
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
    doc: 'Adds to counters and buckets, on a page in OpenMetrics, the trace and span id of the latest event that they counted within a sampled span. Costs looking for the active span per event.',
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
