import { defineExporter, type ExporterDefinition } from '../exporter.ts'
import type { DeclaredMetric } from '../prometheus/declared.ts'
import { openAgentless } from './agentless.ts'
import { handOver, ingest } from './aggregate.ts'
import { type DatadogClient, exportItems } from './client.ts'
import { createState, forgetContexts, type State } from './contexts.ts'
import { openDogStatsd } from './dogstatsd.ts'
import type { MetricItem } from './item.ts'
import { datadogDefaults, datadogSchema, validate } from './schema.ts'

export interface DatadogOptions {
  /** Metrics beside those inferred from `count` and `duration_ms`; `lastValue()` is a gauge. */
  readonly metrics?: readonly DeclaredMetric[]
  /** The name configurations call it by. Default: `datadog`. */
  readonly type?: string
}

/**
 * Metrics for Datadog: `<event>.count` from `count`, the distribution `<event>.duration_ms` from `duration_ms`, and
 * what is declared; to its API, or to a local agent.
 */
export function datadog(options: DatadogOptions = {}): ExporterDefinition<DatadogClient, State, MetricItem> {
  const { metrics = [], type = 'datadog' } = options
  return defineExporter<DatadogClient, State, MetricItem>({
    type,
    schema: datadogSchema,
    defaults: datadogDefaults,
    validate,
    state: () => createState(metrics),
    open: (config, context) =>
      config.transport === 'dogstatsd' ? openDogStatsd(config) : openAgentless(config, context),
    ingest,
    tick: handOver,
    forget: forgetContexts,
    sizeOf: (item) => item.bytes,
    export: exportItems,
    close: (client) => client.close(),
    describe: (client, state) => ({
      ...client?.facts,
      contexts: state.contexts.size + state.overflow.size,
      ...(state.overflowed > 0 && { overflowed: state.overflowed, overflowing: state.overflowing }),
      ...(state.refused > 0 && { refused: state.refused }),
      ...(state.limited > 0 && { limited: state.limited }),
      ...(state.failed > 0 && { failed: state.failed, lastFailure: state.lastFailure }),
      ...(state.lastRefusal !== undefined && { lastRefusal: state.lastRefusal }),
    }),
  })
}
