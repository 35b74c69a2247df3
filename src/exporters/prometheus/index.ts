import type { Registry } from 'prom-client'
import type { HttpServer } from '../../http-server/server.ts'
import { assertDistinct, type DeclaredMetric } from '../../metrics/declared.ts'
import { sharedNames } from '../../metrics/redeclare.ts'
import { defineExporter, type OpenContext, type PullExporterDefinition } from '../exporter.ts'
import { ingest } from './aggregate/ingest.ts'
import { configure, createState, type State } from './aggregate/state.ts'
import { offerPage } from './metrics-handler.ts'
import { familyNames, occupiedNames } from './names.ts'
import { createPageHandler, servedAt } from './page/handler.ts'
import { healthNames } from './page/health.ts'
import { createSlices } from './page/page.ts'
import { join } from './page/registry.ts'
import { createPages } from './page/source.ts'
import { type PrometheusConfig, type PrometheusSchema, prometheusSchema } from './settings.ts'
import { describe } from './status.ts'

export { metricsHandler } from './metrics-handler.ts'

/** The options of {@link prometheus}, given in code. All others are configuration keys. */
export interface PrometheusOptions<Type extends string = string> {
  /** prom-client's registry that the metrics join; what else is in it is on the page too. Default: one of its own. */
  readonly registry?: Registry
  /** Metrics beside those inferred from `count` and `duration_ms`. */
  readonly metrics?: readonly DeclaredMetric[]
  /** The name configurations call it by. Default: `prometheus`. */
  readonly type?: Type
}

export interface PrometheusClient {
  /** Undefined when there is no port: the page is on somebody else's server, by `metricsHandler`. */
  readonly server: HttpServer | undefined
  readonly path: () => string
  close(deadline: number): Promise<void>
}

/** How long answers under way may take when the server closes. */
const maxFarewellMs = 2000

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
    release: ({ server }) => server?.release(),
    close: (client, { deadline }) => client.close(deadline),
    describe,
  }
  defineExporter(definition)
  return definition
}

async function open(
  config: PrometheusConfig,
  context: OpenContext<State, PrometheusConfig>,
): Promise<PrometheusClient> {
  const { state, logger, clock, signal, catchUp, status } = context
  const [promClient, { openHttpServer }] = await Promise.all([
    import('prom-client'),
    import('../../http-server/server.ts'),
  ])
  if (!state.registry) join(state, new promClient.Registry())
  // Under a living client the configuration changes; should it ever be unreadable, the one it opened with serves.
  const current = (): PrometheusConfig => {
    try {
      return context.current() ?? config
    } catch {
      return config
    }
  }
  const path = () => current().path
  const allowedHosts = () => current().allowed_hosts
  const slice = createSlices()
  const page = createPages({ state, promClient, clock, logger, current, catchUp, status, slice })
  const handler = createPageHandler({ page, slice, clock, logger })
  const { host, port } = config
  const server =
    port === null
      ? undefined
      : await openHttpServer({
          ...{ host, port, signal, clock, logger },
          handler: servedAt(handler, { host, path, allowedHosts }),
        })
  const client: PrometheusClient = {
    ...{ server, path },
    close: async (deadline) => server?.close(Math.min(maxFarewellMs, deadline - clock.now())),
  }
  offerPage(client, handler)
  return client
}
