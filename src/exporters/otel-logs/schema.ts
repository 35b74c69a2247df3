import type { ConfigOf, ExporterSchema } from '../exporter.ts'
import { exporterKeys, pushKeys } from '../keys.ts'
import { common, connectionKeys, resourceKeys } from '../otel/connection-keys.ts'
import { limitKeys } from '../otel/limit-keys.ts'
import { logs } from '../otel/signal.ts'
import {
  milliseconds,
  protocolVariables,
  sdkDisabled,
  signalExporter,
  wholeNumber,
} from '../otel/variables.ts'

const { endpoint, ...connection } = connectionKeys(logs, 'OTEL_BLRP_EXPORT_TIMEOUT')

/** The keys of the otel_logs exporter, beside those that every exporter has. */
export const otelLogsSchema = {
  enabled: common(
    exporterKeys.enabled,
    { name: 'OTEL_SDK_DISABLED', read: sdkDisabled },
    { name: 'OTEL_LOGS_EXPORTER', read: signalExporter(logs) },
  ),
  queue_size: common(pushKeys.queue_size, { name: 'OTEL_BLRP_MAX_QUEUE_SIZE', read: wholeNumber }),
  batch_size: common(pushKeys.batch_size, { name: 'OTEL_BLRP_MAX_EXPORT_BATCH_SIZE', read: wholeNumber }),
  flush_interval: common(pushKeys.flush_interval, { name: 'OTEL_BLRP_SCHEDULE_DELAY', read: milliseconds }),
  endpoint: { ...endpoint, env: [...endpoint.env, ...protocolVariables(logs)] },
  ...connection,
  ...resourceKeys,
  severities: {
    format: 'tags',
    default: { '*.error': 'error', '*.exception': 'error' },
    change: 'hot',
    doc: 'Severities by globs of event names, such as `{ "*.error" = "error", "*.start" = "debug" }`; the first that matches decides. A severity is `trace`, `debug`, `info`, `warn`, `error` or `fatal`, also with 2, 3 or 4 appended, or a number from 1 to 24. The metadata `severity` of an event is stronger. An event without either has no severity.',
  },
  body: {
    format: 'name',
    default: null,
    nullable: true,
    change: 'hot',
    doc: 'The metadata that becomes the body of the log record, such as `message`, instead of an attribute. None: records have no body.',
  },
  ...limitKeys('log record', 'LOGRECORD'),
} as const satisfies ExporterSchema

/** The keys of the otel_logs exporter, as `ConfigOf` reads them. */
export type OtelLogsSchema = typeof otelLogsSchema

/** The configuration of an otel_logs exporter. */
export type OtelLogsConfig = ConfigOf<OtelLogsSchema>
