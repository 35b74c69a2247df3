import { type ConfigOf, defineExporter, type ExporterDefinition, type ExporterSchema } from '../exporter.ts'
import { otel } from '../otel/index.ts'
import type { SpanState } from '../otel/ingest.ts'
import { packedBy } from '../otel/packing.ts'
import { otelSchema } from '../otel/schema.ts'
import { traces } from '../otel/signal.ts'
import type { SpanItem } from '../otel/span-item.ts'
import { connectionProblems, jetstreamKeys } from './connection-keys.ts'
import { publishings, shownPublished } from './publishing.ts'
import type { RequestClient } from './requests.ts'

/** The keys of the jetstream exporter, beside those that every exporter has. */
export const jetstreamSchema = {
  queue_size: otelSchema.queue_size,
  batch_size: otelSchema.batch_size,
  flush_interval: otelSchema.flush_interval,
  ...jetstreamKeys(traces),
  service_name: otelSchema.service_name,
  resource_attributes: otelSchema.resource_attributes,
  sampling_rate: otelSchema.sampling_rate,
  max_active_spans: otelSchema.max_active_spans,
  span_ttl: otelSchema.span_ttl,
  max_attributes: otelSchema.max_attributes,
  max_attribute_length: otelSchema.max_attribute_length,
} as const satisfies ExporterSchema

/** The configuration keys of the exporter type `jetstream`. */
export type JetStreamSchema = typeof jetstreamSchema

type Inner = ExporterDefinition<RequestClient, SpanState, SpanItem, JetStreamSchema, 'otel'>

/**
 * Publishes the spans that the `otel` exporter makes to a stream of NATS JetStream, encoded as OTLP requests. A batch is
 * delivered when the stream has stored it. Needs the package `@nats-io/transport-node`.
 */
export function jetstream(): ExporterDefinition<unknown, unknown, unknown, JetStreamSchema, 'jetstream'> {
  const publishingOf = publishings()
  const inner = otel() as unknown as Inner
  return defineExporter<RequestClient, SpanState, SpanItem, JetStreamSchema, 'jetstream'>({
    ...inner,
    type: 'jetstream',
    schema: jetstreamSchema,
    validate: (config: ConfigOf<JetStreamSchema>) => connectionProblems(config),
    open: async (config, context) => {
      const { openRequestClient } = await import('./requests.ts')
      return packedBy(await openRequestClient(config, context, publishingOf(context.state)), context.state)
    },
    probe: (client, { deadline, clock }) => client.probe(deadline - clock.now()),
    describe: (client, state) => ({
      ...inner.describe?.(client, state),
      ...shownPublished(publishingOf(state)),
    }),
  })
}
