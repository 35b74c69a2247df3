import assert from 'node:assert/strict'
import { createTelemetry, type OtelMetricsOptions, otelMetrics } from '../../../src/index.ts'
import { createSimulatedClock } from '../../../src/testing/simulated.ts'
import { quietLogger } from '../../support/quiet-logger.ts'

/** An otel_metrics exporter in a telemetry system on simulated time. */
export async function startMetrics(
  init: Readonly<Record<string, unknown>>,
  { env = {}, ...options }: OtelMetricsOptions & { env?: Record<string, string> } = {},
) {
  const clock = createSimulatedClock()
  const telemetry = createTelemetry({
    types: [otelMetrics(options)],
    config: {
      env,
      init: {
        // Simulated time flies past real answers: no attempt is to be cut, and sent twice.
        otel_metrics: { event_patterns: ['job.*'], timeout: 3600, drain_timeout: 3600, ...init },
      },
    },
    clock,
    logger: quietLogger,
    drainOnExit: false,
  })
  await telemetry.start()
  const status = () => telemetry.status().exporters.otel_metrics!
  return {
    ...{ telemetry, clock, status },
    ledger: () => status().ledger,
    put: (key: string, value: unknown) => telemetry.config.put(`telemetry.otel_metrics.${key}`, value),
    /**
     * Waits until all that was emitted is settled, while simulated time passes, but for that of an attempt: time would fly
     * past answers of a busy machine, and what is tried again would always be a later collection.
     */
    async settled(stepMs = 500): Promise<void> {
      const pending = () => status().ledger.pending
      const isAnswered = (): boolean => pending().in_flight === 0
      for (;;) {
        await clock.until(isAnswered, { timeoutMs: 60_000 })
        const { buffered, held, queued } = pending()
        if (buffered + held + queued === 0) return
        await clock.advance(stepMs)
      }
    },
    /** Flushes while the simulated time stands still. */
    async flush(): Promise<void> {
      assert.equal((await telemetry.flush({ timeoutMs: 5000 })).complete, true)
    },
  }
}

export type RunningMetrics = Awaited<ReturnType<typeof startMetrics>>
