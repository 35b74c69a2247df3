import { type Backend, createBackend, metricTotals } from '../../src/testing/index.ts'

/** Two places for all three signals: OTLP/HTTP receivers on loopback that decode what arrives. */
export interface Receivers {
  readonly a: Backend
  readonly b: Backend
  /** What a metric amounts to over its attributes, by the data points that both have decoded. */
  total(metric: string): number
  open(): Promise<void>
  close(): Promise<void>
}

export function createReceivers(): Receivers {
  // Counted, and the latest kept: the service may run for days. Of cumulative sums the latest says it all.
  const a = createBackend({ limit: 1_000 })
  const b = createBackend({ limit: 1_000 })
  return {
    a,
    b,
    total: (metric) =>
      [...metricTotals([...a.points, ...b.points], metric).values()].reduce((all, { sum }) => all + sum, 0),
    async open() {
      await Promise.all([a.listen(), b.listen()])
    },
    async close() {
      await Promise.all([a.close(), b.close()])
    },
  }
}

/** The keys that send all three signals to a receiver. */
export const endpointsOf = ({ url, logsUrl, metricsUrl }: Backend) => ({
  'telemetry.otel.endpoint': url,
  'telemetry.otel_logs.endpoint': logsUrl,
  'telemetry.otel_metrics.endpoint': metricsUrl,
})
