import { createSystemClock } from '../../../src/clock.ts'
import { createIntake } from '../../../src/delivery/intake.ts'
import { createLedger } from '../../../src/delivery/ledger.ts'
import type { Config } from '../../../src/exporters/exporter.ts'
import { createEncoder } from '../../../src/exporters/otel/encode/encode.ts'
import type { EncodedItem } from '../../../src/exporters/otel/encoded-item.ts'
import { otelLogs } from '../../../src/exporters/otel-logs/index.ts'
import type { TelemetryEvent } from '../../../src/index.ts'
import { type DecodedLogRecord, decodeLogsRequest } from '../../../src/testing/index.ts'
import { quietLogger } from '../../support/quiet-logger.ts'

export const origin = {
  resource: { attributes: { 'service.name': 'shop' }, schemaUrl: 'https://opentelemetry.io/schemas/1.36.0' },
  scope: { name: 'telemachine', version: '0.1.0' },
}

/** When events come to the exporter, in epoch milliseconds. */
export const observedAt = 1_700_000_001_000

/** The request that the exporter makes of events, and what of them it dropped. */
export function requestOf(events: readonly TelemetryEvent[], changes: Config = {}) {
  const definition = otelLogs()
  const defaults = Object.entries(definition.schema).map(([key, { default: value }]) => [key, value])
  const config = { ...Object.fromEntries(defaults), ...changes }
  const clock = { ...createSystemClock(), now: () => observedAt }
  const items: EncodedItem[] = []
  const intake = createIntake({
    definition,
    state: definition.state?.({ id: 'otel_logs', clock, logger: quietLogger }),
    ledger: createLedger(() => {}),
    clock,
    config: () => config,
    enqueue: (item) => items.push(item as EncodedItem) > 0,
    makeRoom: () => true,
    onError: (error) => {
      throw error
    },
  })
  intake.ingest([...events], 0)
  return createEncoder(origin).encode(items)
}

/** The records of events, decoded. */
export const recordsOf = (
  events: readonly TelemetryEvent[],
  changes: Config = {},
): readonly DecodedLogRecord[] =>
  decodeLogsRequest(requestOf(events, changes)).resourceLogs[0]!.scopeLogs[0]!.logRecords
