import assert from 'node:assert/strict'
import { createTelemetry, type DatadogOptions, datadog, type Telemetry } from '../../../src/index.ts'
import type { Logger } from '../../../src/logger.ts'
import { createSimulatedClock, type SimulatedClock } from '../../../src/testing/simulated.ts'
import { quietLogger } from '../../support/quiet-logger.ts'

/** A Datadog exporter in a telemetry system on simulated time. */
export interface SimulatedDatadog {
  readonly telemetry: Telemetry
  readonly clock: SimulatedClock
  ledger(): ReturnType<Telemetry['status']>['exporters'][string]['ledger']
  /** Flushes while the simulated time stands still. */
  flush(): Promise<void>
}

export async function startDatadog(
  init: Readonly<Record<string, unknown>>,
  options: DatadogOptions & { env?: Record<string, string>; logger?: Logger } = {},
): Promise<SimulatedDatadog> {
  const clock = createSimulatedClock()
  const { env = {}, logger = quietLogger, ...own } = options
  const telemetry = createTelemetry({
    types: [datadog(own)],
    config: { env, init: { datadog: { event_patterns: ['job.*', 'queue.*', 'http.*'], ...init } } },
    clock,
    logger,
    drainOnExit: false,
  })
  await telemetry.start()
  return {
    telemetry,
    clock,
    ledger: () => telemetry.status().exporters.datadog!.ledger,
    async flush() {
      const report = telemetry.flush({ timeoutMs: 5000 })
      assert.equal((await report).complete, true)
    },
  }
}
