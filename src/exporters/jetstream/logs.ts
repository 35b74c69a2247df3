import { type ConfigOf, defineExporter, type ExporterDefinition, type ExporterSchema } from '../exporter.ts'
import { type Packing, packedBy } from '../otel/packing.ts'
import { logs } from '../otel/signal.ts'
import { type LogItem, otelLogs } from '../otel-logs/index.ts'
import { otelLogsSchema } from '../otel-logs/schema.ts'
import { severityProblem } from '../otel-logs/severity.ts'
import { connectionProblems, jetstreamKeys } from './connection-keys.ts'
import { publishings, shownPublished } from './publishing.ts'
import type { RequestClient } from './requests.ts'

/** The keys of the jetstream_logs exporter, beside those that every exporter has. */
export const jetstreamLogsSchema = {
  queue_size: otelLogsSchema.queue_size,
  batch_size: otelLogsSchema.batch_size,
  flush_interval: otelLogsSchema.flush_interval,
  ...jetstreamKeys(logs),
  service_name: otelLogsSchema.service_name,
  resource_attributes: otelLogsSchema.resource_attributes,
  severities: otelLogsSchema.severities,
  body: otelLogsSchema.body,
  max_attributes: otelLogsSchema.max_attributes,
  max_attribute_length: otelLogsSchema.max_attribute_length,
} as const satisfies ExporterSchema

/** The configuration keys of the exporter type `jetstream_logs`. */
export type JetStreamLogsSchema = typeof jetstreamLogsSchema

type Inner = ExporterDefinition<RequestClient, Packing, LogItem, JetStreamLogsSchema, 'otel_logs'>

function problemsOf(config: ConfigOf<JetStreamLogsSchema>): readonly (readonly [string, string])[] {
  const problem = severityProblem(config.severities)
  const others = connectionProblems(config)
  return problem === undefined ? others : [...others, ['severities', problem]]
}

/** Like `jetstream`, for the log records that the `otel_logs` exporter makes. */
export function jetstreamLogs(): ExporterDefinition<
  unknown,
  unknown,
  unknown,
  JetStreamLogsSchema,
  'jetstream_logs'
> {
  const publishingOf = publishings()
  return defineExporter<RequestClient, Packing, LogItem, JetStreamLogsSchema, 'jetstream_logs'>({
    ...(otelLogs() as unknown as Inner),
    type: 'jetstream_logs',
    schema: jetstreamLogsSchema,
    validate: problemsOf,
    open: async (config, context) => {
      const { openRequestClient } = await import('./requests.ts')
      return packedBy(await openRequestClient(config, context, publishingOf(context.state)), context.state)
    },
    probe: (client, { deadline, clock }) => client.probe(deadline - clock.now()),
    describe: (_, state) => shownPublished(publishingOf(state)),
  })
}
