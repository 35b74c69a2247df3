import { troublesOf } from '../../metrics/aggregate.ts'
import { assertDistinct, type DeclaredMetric } from '../../metrics/declared.ts'
import { sharedNames } from '../../metrics/redeclare.ts'
import { defineExporter, type ExporterDefinition } from '../exporter.ts'
import { certificateProblems } from '../otel/connection-keys.ts'
import type { MetricsClient } from './client.ts'
import { type CollectionItem, largestPiece } from './collection.ts'
import { ingest } from './ingest.ts'
import { identityOf, instrumentName } from './names.ts'
import { packItems, spoolProblems, unpackItems } from './packing.ts'
import { type OtelMetricsSchema, otelMetricsSchema } from './settings.ts'
import { createState, forget, type State } from './state.ts'
import { takeCollection } from './tick.ts'

/** Options of `otelMetrics()`. */
export interface OtelMetricsOptions<Type extends string = string> {
  /** Metrics beside those inferred from `count` and `duration_ms`. */
  readonly metrics?: readonly DeclaredMetric[]
  /** The name of the type in configurations. Default: `otel_metrics`. */
  readonly type?: Type
}

/**
 * The OTLP exporter of metrics, over HTTP as protobuf: the sum `<event>` from `count`, the histogram
 * `<event>.duration` from `duration_ms`, and what is declared. Loads what it needs when it first opens.
 * @throws TelemetryError `METRIC_INVALID` when two declared metrics would share a name.
 */
export function otelMetrics<const Type extends string = 'otel_metrics'>(
  options: OtelMetricsOptions<Type> = {},
): ExporterDefinition<unknown, unknown, unknown, OtelMetricsSchema, Type> {
  const { metrics = [], type = 'otel_metrics' as Type } = options
  const namesOf = ({ plainText }: DeclaredMetric) => [identityOf(instrumentName(plainText))]
  assertDistinct(metrics, namesOf)
  const taken = metrics.flatMap(namesOf)
  return defineExporter<MetricsClient, State, CollectionItem, OtelMetricsSchema, Type>({
    type,
    schema: otelMetricsSchema,
    validate: (config) => [
      ...certificateProblems(config),
      ...sharedNames(config.metrics, namesOf, taken),
      ...spoolProblems(config),
    ],
    state: ({ clock }) => createState(metrics, clock),
    open: async (config, context) => {
      const { openMetricsClient } = await import('./client.ts')
      const client = await openMetricsClient(config, context)
      context.state.requests ??= client.requests
      return client
    },
    ignoresTime: true,
    readsScope: ({ exemplars }) => exemplars,
    ingest,
    tick: takeCollection,
    forget,
    sizeOf: largestPiece,
    requestBytes: (client) => client.requestBytes,
    pack: packItems,
    unpack: unpackItems,
    export: async (client, batch, context) => {
      context.state.requests = client.requests
      const { exportCollections } = await import('./export.ts')
      return exportCollections(client, batch, context)
    },
    close: (client) => client.close(),
    probe: (client, context) => client.post({ bytes: Buffer.alloc(0) }, [], context),
    describe: (client, state) => ({
      ...(client?.proxy && { proxy: client.proxy }),
      metrics: state.families.length,
      series: state.totalSeries,
      ...troublesOf(state),
      ...(state.rejectedPoints > 0 && {
        rejectedPoints: state.rejectedPoints,
        lastRejection: state.lastRejection,
      }),
    }),
  })
}
