import { type ConfigOf, defineExporter, type ExporterDefinition, type ExporterSchema } from '../exporter.ts'
import { metrics } from '../otel/signal.ts'
import type { MetricsClient } from '../otel-metrics/client.ts'
import type { CollectionItem } from '../otel-metrics/collection.ts'
import { type OtelMetricsOptions, otelMetrics } from '../otel-metrics/index.ts'
import { spoolProblems } from '../otel-metrics/packing.ts'
import { type OtelMetricsSchema, otelMetricsSchema } from '../otel-metrics/settings.ts'
import type { State } from '../otel-metrics/state.ts'
import { connectionProblems, jetstreamKeys } from './connection-keys.ts'
import { publishings, shownPublished } from './publishing.ts'

/** Keys of an HTTP connection that a stream does not have. */
const overHttp = [
  ...([
    'enabled',
    'endpoint',
    'headers',
    'headers_file',
    'proxy',
    'no_proxy',
    'compression',
    'timeout',
  ] as const),
  ...(['certificate', 'client_certificate', 'client_key'] as const),
] as const satisfies readonly (keyof OtelMetricsSchema)[]

type Aggregation = Omit<OtelMetricsSchema, (typeof overHttp)[number]>

const aggregation = Object.fromEntries(
  Object.entries(otelMetricsSchema).filter(([key]) => !(overHttp as readonly string[]).includes(key)),
) as Aggregation

/** The keys of the jetstream_metrics exporter, beside those that every exporter has. */
export const jetstreamMetricsSchema = {
  ...aggregation,
  ...jetstreamKeys(metrics),
} satisfies ExporterSchema

/** The configuration keys of the exporter type `jetstream_metrics`. */
export type JetStreamMetricsSchema = typeof jetstreamMetricsSchema

type Client = MetricsClient & { probe(timeoutMs: number): ReturnType<MetricsClient['post']> }
type Inner = ExporterDefinition<Client, State, CollectionItem, JetStreamMetricsSchema, 'otel_metrics'>

/** As `jetstream`, of the metrics that the `otel_metrics` exporter makes, and of those that are declared. */
export function jetstreamMetrics(
  options: Pick<OtelMetricsOptions, 'metrics'> = {},
): ExporterDefinition<unknown, unknown, unknown, JetStreamMetricsSchema, 'jetstream_metrics'> {
  const publishingOf = publishings()
  const inner = otelMetrics(options) as unknown as Inner
  return defineExporter<Client, State, CollectionItem, JetStreamMetricsSchema, 'jetstream_metrics'>({
    ...inner,
    type: 'jetstream_metrics',
    schema: jetstreamMetricsSchema,
    validate: (config: ConfigOf<JetStreamMetricsSchema>) => [
      ...connectionProblems(config),
      ...spoolProblems(config),
    ],
    open: async (config, context) => {
      const { openCollectionClient } = await import('./collection-client.ts')
      const client = await openCollectionClient(config, context, publishingOf(context.state))
      context.state.requests ??= client.requests
      return client
    },
    probe: (client, { deadline, clock }) => client.probe(deadline - clock.now()),
    describe: (client, state) => ({
      ...inner.describe?.(client, state),
      ...shownPublished(publishingOf(state)),
    }),
  })
}
