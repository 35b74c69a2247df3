import type { Registry } from 'prom-client'
import { assertDistinct, type DeclaredMetric } from '../../metrics/declared.ts'
import { sharedNames } from '../../metrics/redeclare.ts'
import { defineExporter, type PullExporterDefinition } from '../exporter.ts'
import { ingest } from './aggregate/ingest.ts'
import { configure, createState, type State } from './aggregate/state.ts'
import { open, type PrometheusClient } from './client.ts'
import { familyNames, occupiedNames } from './names.ts'
import { healthNames } from './page/health.ts'
import { join } from './page/registry.ts'
import { type PrometheusSchema, prometheusSchema } from './settings.ts'
import { describe } from './status.ts'

/** The options of {@link prometheus}, given in code. All others are configuration keys. */
export interface PrometheusOptions<Type extends string = string> {
  /** prom-client's registry that the metrics join; what else is in it is on the page too. Default: one of its own. */
  readonly registry?: Registry
  /** Metrics beside those inferred from `count` and `duration_ms`. */
  readonly metrics?: readonly DeclaredMetric[]
  /** The name of the type in configurations. Default: `prometheus`. */
  readonly type?: Type
}

/**
 * Metrics for Prometheus to scrape: counters from `count`, histograms from `duration_ms`, and what is declared.
 * @throws TelemetryError `METRIC_INVALID` when two declared metrics would share a name.
 */
export function prometheus<const Type extends string = 'prometheus'>(
  options: PrometheusOptions<Type> = {},
): PullExporterDefinition<unknown, unknown, PrometheusSchema, Type> {
  const { registry, metrics = [], type = 'prometheus' as Type } = options
  const namesOf = ({ type, text }: DeclaredMetric) => occupiedNames(type, familyNames(type, text))
  assertDistinct(metrics, namesOf, healthNames)
  const taken = [...healthNames, ...metrics.flatMap(namesOf)]
  const definition: PullExporterDefinition<PrometheusClient, State, PrometheusSchema, Type> = {
    type,
    schema: prometheusSchema,
    validate: (config) => sharedNames(config.metrics, namesOf, taken),
    configure: (config, _, { state }) => configure(state, config),
    state: () => {
      const state = createState(metrics, registry, healthNames)
      if (registry) join(state, registry)
      return state
    },
    open,
    ignoresTime: true,
    readsScope: ({ exemplars }) => exemplars,
    ingest,
    release: (client) => client.release(),
    close: (client, { deadline }) => client.close(deadline),
    describe,
  }
  defineExporter(definition)
  return definition
}
