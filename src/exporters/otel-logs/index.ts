import type { TelemetryEvent } from '../../bus/event.ts'
import { bytesOf } from '../../bus/snapshot.ts'
import { defineExporter, type ExporterDefinition, type Sink } from '../exporter.ts'
import { certificateProblems } from '../otel/connection-keys.ts'
import { compacting, createSlabs, type Slabs } from '../otel/encode/slabs.ts'
import type { EncodedItem } from '../otel/encoded-item.ts'
import type { NativeClient } from '../otel/native-client.ts'
import { type Packing, packedBy, packItems, unpackItems } from '../otel/packing.ts'
import type { RestoredItem } from '../otel/restored-item.ts'
import { logs } from '../otel/signal.ts'
import { writeLogRecord } from './log-record.ts'
import { type OtelLogsConfig, type OtelLogsSchema, otelLogsSchema } from './schema.ts'
import { type LogSettings, logSettings } from './settings.ts'
import { severityProblem } from './severity.ts'

/** State of an otel_logs exporter; outlives its clients. */
interface LogState extends Packing {
  /** Where records are encoded, at once. */
  readonly slabs: Slabs
  /** Settings of the configuration that was in force at the latest event. */
  settings: LogSettings | undefined
}

/** A log record in the queue: of this process, or read from disk. */
export type LogItem = EncodedItem | RestoredItem
type LogSink = Sink<LogState, LogItem, OtelLogsConfig>

function settingsOf({ state, config }: LogSink): LogSettings {
  if (state.settings?.config !== config) state.settings = logSettings(config)
  return state.settings
}

function ingestLog(event: TelemetryEvent, sink: LogSink): void {
  const { slabs } = sink.state
  writeLogRecord(slabs.open(bytesOf(event)), event, sink.now, settingsOf(sink))
  const record = slabs.take()
  if (!sink.item(record, 1, record.end - record.start)) slabs.release(record)
}

/** The OTLP exporter of logs: each event is a log record. Loads what it needs when it first opens. */
export function otelLogs(): ExporterDefinition<unknown, unknown, unknown, OtelLogsSchema, 'otel_logs'> {
  return defineExporter<NativeClient, LogState, LogItem, OtelLogsSchema, 'otel_logs'>({
    type: 'otel_logs',
    schema: otelLogsSchema,
    validate: (config) => {
      const problem = severityProblem(config.severities)
      return problem === undefined
        ? certificateProblems(config)
        : [...certificateProblems(config), ['severities', problem]]
    },
    state: () => ({ slabs: createSlabs(), settings: undefined, encoder: undefined }),
    open: async (config, context) => {
      const { openNativeClient } = await import('../otel/native-client.ts')
      return packedBy(await openNativeClient(config, context, logs), context.state)
    },
    ingest: ingestLog,
    forget: ({ slabs }) => slabs.clear(),
    sizeOf: ({ start, end }) => end - start,
    requestBytes: (client) => client.requestBytes,
    pack: packItems,
    unpack: unpackItems,
    export: (client, batch, context) => {
      context.state.encoder = client.encoder
      return compacting(batch, () => client.export(batch, context))
    },
    close: (client) => client.close(),
    probe: (client, context) => client.export([], context),
  })
}
