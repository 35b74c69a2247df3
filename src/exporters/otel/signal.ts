/** A kind of telemetry that OTLP carries: the names it has in URLs, variables and messages. */
export interface Signal {
  /** The part of variables, as in `OTEL_EXPORTER_OTLP_<variable>_ENDPOINT`. */
  readonly variable: 'TRACES' | 'LOGS' | 'METRICS'
  /** The path of its requests below a base URL, without a slash at its beginning. */
  readonly path: string
  /** Name of the items of a request, in the plural. */
  readonly items: string
  /** The exporter type that sends it, which messages advise to configure. */
  readonly type: string
}

export const traces: Signal = { variable: 'TRACES', path: 'v1/traces', items: 'spans', type: 'otel' }
export const logs: Signal = { variable: 'LOGS', path: 'v1/logs', items: 'log records', type: 'otel_logs' }
export const metrics: Signal = {
  variable: 'METRICS',
  path: 'v1/metrics',
  items: 'data points',
  type: 'otel_metrics',
}
