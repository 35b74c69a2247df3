/** The kinds of telemetry that a backend takes. */
export type OtlpSignal = 'traces' | 'logs' | 'metrics'

/** Where OTLP/HTTP has them, below a base URL. */
export const signalPaths: Readonly<Record<OtlpSignal, string>> = {
  traces: '/v1/traces',
  logs: '/v1/logs',
  metrics: '/v1/metrics',
}

/** Names of the counts of rejected items in a partial success, in OTLP/JSON. */
export const rejectedNames: Readonly<Record<OtlpSignal, string>> = {
  traces: 'rejectedSpans',
  logs: 'rejectedLogRecords',
  metrics: 'rejectedDataPoints',
}
