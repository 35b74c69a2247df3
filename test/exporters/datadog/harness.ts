import assert from 'node:assert/strict'
import { createTelemetry, type DatadogOptions, datadog, type Telemetry } from '../../../src/index.ts'
import type { Logger } from '../../../src/logger.ts'
import { createSimulatedClock, type SimulatedClock } from '../../../src/testing/simulated.ts'

const quiet = (): void => {}
export const silent: Logger = { debug: quiet, info: quiet, warn: quiet, error: quiet }

export interface Running {
  readonly telemetry: Telemetry
  readonly clock: SimulatedClock
  ledger(): ReturnType<Telemetry['status']>['exporters'][string]['ledger']
  /** Flushes while the simulated time stands still. */
  flush(): Promise<void>
}

export async function run(
  init: Readonly<Record<string, unknown>>,
  options: DatadogOptions & { env?: Record<string, string>; logger?: Logger } = {},
): Promise<Running> {
  const clock = createSimulatedClock()
  const { env = {}, logger = silent, ...own } = options
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

/** Semantics, section 9: it adds up whenever it is read. */
export function assertBalanced({ ledger }: Running): void {
  const { accepted, delivered, dropped, pending } = ledger()
  const sum = (parts: object): number =>
    Object.values(parts as Record<string, number>).reduce((total, part) => total + part, 0)
  assert.equal(accepted, delivered + sum(dropped) + sum(pending))
}
