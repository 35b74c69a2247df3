import { TelemetryError } from '../../errors.ts'
import { troublesOf } from '../../metrics/aggregate.ts'
import { assertDistinct, type DeclaredMetric } from '../../metrics/declared.ts'
import { sharedNames } from '../../metrics/redeclare.ts'
import { defineExporter, type ExporterDefinition } from '../exporter.ts'
import type { HeadersMemory } from '../http/headers-function.ts'
import { createState, forgetContexts, type State } from './aggregate/contexts.ts'
import { ingest } from './aggregate/ingest.ts'
import { handOver } from './aggregate/window.ts'
import type { ApiKeyFunction } from './api-key.ts'
import { type DatadogClient, exportItems } from './client.ts'
import { hasArrived, type MetricItem } from './item.ts'
import { metricName } from './names.ts'
import { packItems, unpackItems } from './packing.ts'
import { type DatadogSchema, datadogDefaults, datadogSchema, validate } from './schema.ts'

/** The options of {@link datadog}, given in code. All others are configuration keys. */
export interface DatadogOptions<Type extends string = string> {
  /** Metrics beside those inferred from `count` and `duration_ms`; `lastValue()` is a gauge. */
  readonly metrics?: readonly DeclaredMetric[]
  /**
   * Obtains the API key instead of `api_key`, for the transport `agentless`: before the first batch, before it expires,
   * after a 401 or 403, and when the destination changes.
   */
  readonly apiKey?: ApiKeyFunction
  /** The name of the type in configurations. Default: `datadog`. */
  readonly type?: Type
}

/**
 * Metrics for Datadog: `<event>.count` from `count`, the distribution `<event>.duration_ms` from `duration_ms`, and
 * what is declared; to its API, or to a local agent.
 * @throws TelemetryError `METRIC_INVALID` when two declared metrics would share a name, `EXPORTER_DEFINITION_INVALID`
 * when `apiKey` is not a function.
 */
export function datadog<const Type extends string = 'datadog'>(
  options: DatadogOptions<Type> = {},
): ExporterDefinition<unknown, unknown, unknown, DatadogSchema, Type> {
  const { metrics = [], type = 'datadog' as Type, apiKey } = options
  if (apiKey !== undefined && typeof apiKey !== 'function')
    throw new TelemetryError('EXPORTER_DEFINITION_INVALID', 'datadog({ apiKey }) must be a function')
  const obtainedBy = { apiKey, memories: new WeakMap<State, HeadersMemory>() }
  const namesOf = ({ text }: DeclaredMetric) => [metricName(text)]
  assertDistinct(metrics, namesOf)
  const taken = metrics.flatMap(namesOf)
  return defineExporter<DatadogClient, State, MetricItem, DatadogSchema, Type>({
    type,
    schema: datadogSchema,
    defaults: datadogDefaults,
    validate: (config) => [
      ...validate(config, apiKey !== undefined),
      ...sharedNames(config.metrics, namesOf, taken),
    ],
    state: () => createState(metrics),
    // Each loads what it needs when it is first used.
    open: async (config, context) => {
      if (config.transport === 'dogstatsd') {
        const { openDogStatsd } = await import('./dogstatsd.ts')
        return openDogStatsd(config)
      }
      const { openAgentless } = await import('./agentless.ts')
      return openAgentless(config, context, obtainedBy)
    },
    ignoresTime: true,
    ignoresScope: true,
    ingest,
    tick: handOver,
    forget: forgetContexts,
    // An item that has arrived is not sent again, so it fits a request of any size.
    sizeOf: (item) => (hasArrived(item) ? 0 : item.bytes),
    pack: packItems,
    unpack: unpackItems,
    export: exportItems,
    close: (client) => client.close(),
    probe: async (client, context) => (await client.probe?.(context)) ?? { type: 'delivered' },
    describe: (client, state) => ({
      ...client?.facts,
      contexts: state.contexts + state.overflows,
      ...troublesOf(state),
      ...(state.lastRefusal !== undefined && { lastRefusal: state.lastRefusal }),
    }),
  })
}
