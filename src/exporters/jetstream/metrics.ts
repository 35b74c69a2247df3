import { type ConfigOf, defineExporter, type ExporterDefinition, type ExporterSchema } from '../exporter.ts'
import { connectionKeys } from '../otel/connection-keys.ts'
import { metrics } from '../otel/signal.ts'
import type { CollectionItem } from '../otel-metrics/collection.ts'
import { type OtelMetricsOptions, otelMetrics } from '../otel-metrics/index.ts'
import { spoolProblems } from '../otel-metrics/packing.ts'
import { type OtelMetricsSchema, otelMetricsSchema } from '../otel-metrics/settings.ts'
import type { State } from '../otel-metrics/state.ts'
import { connectionProblems, jetstreamKeys } from './connection-keys.ts'
import { publishings, shownPublished } from './publishing.ts'
import type { CollectionClient } from './requests.ts'

/** The keys without those of an HTTP connection, which a stream does not have. */
type Aggregation = Omit<OtelMetricsSchema, 'enabled' | keyof ReturnType<typeof connectionKeys>>

const overHttp = connectionKeys(metrics, '')
const aggregation = Object.fromEntries(
  Object.entries(otelMetricsSchema).filter(([key]) => key !== 'enabled' && !Object.hasOwn(overHttp, key)),
) as Aggregation

/** The keys of the jetstream_metrics exporter, beside those that every exporter has. */
export const jetstreamMetricsSchema = {
  ...aggregation,
  ...jetstreamKeys(metrics),
} satisfies ExporterSchema

/** The configuration keys of the exporter type `jetstream_metrics`. */
export type JetStreamMetricsSchema = typeof jetstreamMetricsSchema

type Inner = ExporterDefinition<
  CollectionClient,
  State,
  CollectionItem,
  JetStreamMetricsSchema,
  'otel_metrics'
>

/** Like `jetstream`, for the metrics that the `otel_metrics` exporter makes, and of those that are declared. */
export function jetstreamMetrics(
  options: Pick<OtelMetricsOptions, 'metrics'> = {},
): ExporterDefinition<unknown, unknown, unknown, JetStreamMetricsSchema, 'jetstream_metrics'> {
  const publishingOf = publishings()
  const inner = otelMetrics(options) as unknown as Inner
  return defineExporter<CollectionClient, State, CollectionItem, JetStreamMetricsSchema, 'jetstream_metrics'>(
    {
      ...inner,
      type: 'jetstream_metrics',
      schema: jetstreamMetricsSchema,
      validate: (config: ConfigOf<JetStreamMetricsSchema>) => [
        ...connectionProblems(config),
        ...spoolProblems(config),
      ],
      open: async (config, context) => {
        const { openCollectionClient } = await import('./requests.ts')
        const client = await openCollectionClient(config, context, publishingOf(context.state))
        context.state.requests ??= client.requests
        return client
      },
      probe: (client, { deadline, clock }) => client.probe(deadline - clock.now()),
      describe: (client, state) => ({
        ...inner.describe?.(client, state),
        ...shownPublished(publishingOf(state)),
      }),
    },
  )
}
