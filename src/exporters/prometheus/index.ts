import type { Registry } from 'prom-client'
import { TelemetryError } from '../../errors.ts'
import type { HttpServer } from '../../http-server/server.ts'
import { defineExporter, type OpenContext, type PullExporterDefinition } from '../exporter.ts'
import { occupiedNames } from './aggregate/families.ts'
import { ingest } from './aggregate/ingest.ts'
import type { State } from './aggregate/state.ts'
import { createState } from './aggregate/state.ts'
import type { DeclaredMetric } from './declared.ts'
import { offerPage } from './metrics-handler.ts'
import { createPageHandler, servedAt } from './page/handler.ts'
import { healthNames } from './page/health.ts'
import { createSlices } from './page/page.ts'
import { join } from './page/registry.ts'
import { createPages } from './page/source.ts'
import { type PrometheusConfig, type PrometheusSchema, prometheusSchema } from './settings.ts'
import { describe } from './status.ts'

export type {
  DeclaredMetric,
  DistributionOptions,
  MeasuredOptions,
  MetricOptions,
  SumOptions,
  Unit,
} from './declared.ts'
export { counter, distribution, lastValue, sum } from './declared.ts'
export { metricsHandler } from './metrics-handler.ts'

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
  assertDistinct(metrics)
  const definition: PullExporterDefinition<PrometheusClient, State, PrometheusSchema, Type> = {
    type,
    schema: prometheusSchema,
    state: () => {
      const state = createState(metrics, registry, healthNames)
      if (registry) join(state, registry)
      return state
    },
    open,
    ignoresTime: true,
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

function assertDistinct(metrics: readonly DeclaredMetric[]): void {
  const taken = new Set(healthNames)
  for (const metric of metrics) {
    for (const name of occupiedNames(metric.type, metric)) {
      if (taken.has(name)) {
        throw new TelemetryError(
          'METRIC_INVALID',
          `the declared metric ${metric.name} needs the name ${name}, which is taken`,
        )
      }
    }
    for (const name of occupiedNames(metric.type, metric)) taken.add(name)
  }
}
