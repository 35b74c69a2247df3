import type { HttpServer } from '../../http-server/server.ts'
import type { OpenContext } from '../exporter.ts'
import type { State } from './aggregate/state.ts'
import { createPageHandler, offerPage, servedAt } from './page/handler.ts'
import { createSlices } from './page/page.ts'
import { join } from './page/registry.ts'
import { createPages } from './page/source.ts'
import type { PrometheusConfig } from './settings.ts'

export interface PrometheusClient {
  /** Undefined when there is no port: the page is on somebody else's server, by `metricsHandler`. */
  readonly server: HttpServer | undefined
  readonly path: () => string
  close(deadline: number): Promise<void>
}

/** How long answers under way may take when the server closes. */
const maxFarewellMs = 2000

/** Opens the page, on a port of its own unless `port` is null. */
export async function open(
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
