import { isMainThread } from 'node:worker_threads'
import type { Group } from '../../cluster/group-contract.ts'
import { messageOf, TelemetryError } from '../../errors.ts'
import type { HttpServer } from '../../http-server/server.ts'
import type { OpenContext } from '../exporter.ts'
import type { State } from './aggregate/state.ts'
import { isPortTaken } from './cluster/page-server.ts'
import { createSharedPage } from './cluster/shared-page.ts'
import { createPageHandler, offerPage, servedAt } from './page/handler.ts'
import { createSlices, type Page, type PageForm } from './page/page.ts'
import { join } from './page/registry.ts'
import { createRenderer, oneAtATime, type PageSource } from './page/source.ts'
import type { PrometheusConfig } from './settings.ts'

export interface PrometheusClient {
  /** Undefined with `port = null`, and when another process serves the page. */
  readonly server: HttpServer | undefined
  readonly path: () => string
  /** The processes and threads that share the page; undefined with `cluster = false`. */
  readonly group: Group<PageForm> | undefined
  release(): void
  close(deadline: number): Promise<void>
}

/** How a client gets its page and its server. */
interface Parts extends Pick<PrometheusClient, 'server' | 'group' | 'release'> {
  /** Renders one page, whatever others are being rendered. */
  page(form: PageForm): Promise<Page>
  open(): Promise<void>
  closeServer(patienceMs: number): Promise<void>
}

type Listen = (port: number, exclusive: boolean) => Promise<HttpServer>

/** How long answers under way may take when the server closes. */
const maxFarewellMs = 2000

/** Opens the page, on a port of its own unless `port` is null or another process serves it. */
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
  const source = { state, promClient, clock, logger, current, catchUp, status, slice }
  const { host, port } = config
  let opening: AbortSignal | undefined = signal

  const listen: Listen = (at, exclusive) =>
    openHttpServer({
      ...{ host, port: at, exclusive, clock, logger, ...(opening && { signal: opening }) },
      handler: servedAt(handler, { host, path, allowedHosts }),
    }).catch(advise)

  // Each thread gets a free port of its own; the workers of a cluster share theirs.
  const isShared = config.cluster && (port !== 0 || isMainThread)
  const parts = isShared ? await shared(source, config, context.id, listen) : own(source, port, listen)
  const page = oneAtATime(clock, parts.page)
  const handler = createPageHandler({ page, slice, clock, logger })
  const close = async (deadline: number): Promise<void> => {
    await parts.closeServer(Math.min(maxFarewellMs, deadline - clock.now()))
    await parts.group?.close(deadline)
  }
  await unlessAborted(signal, parts.open()).catch(async (error) => {
    await close(clock.now())
    throw error
  })
  opening = undefined
  const client: PrometheusClient = {
    get server() {
      return parts.server
    },
    ...{ path, group: parts.group, release: parts.release, close },
  }
  offerPage(client, handler)
  return client
}

function own(source: PageSource, port: number | null, listen: Listen): Parts {
  let server: HttpServer | undefined
  return {
    get server() {
      return server
    },
    ...{ group: undefined, page: createRenderer(source), release: () => server?.release() },
    async open() {
      if (port !== null) server = await listen(port, false)
    },
    closeServer: async (patienceMs) => server?.close(patienceMs),
  }
}

async function shared(
  source: PageSource & { readonly current: () => PrometheusConfig },
  config: PrometheusConfig,
  id: string,
  listen: Listen,
): Promise<Parts> {
  const { createGroup } = await import('../../cluster/group.ts')
  const { group, server } = createSharedPage({ ...source, id, config, createGroup, listen })
  return {
    get server() {
      return server.current
    },
    group,
    async page(form) {
      const parts = await group.page(form)
      return { ...form, parts, bytes: parts.reduce((sum, part) => sum + part.length, 0) }
    },
    ...{ open: group.open, release: server.release, closeServer: server.close },
  }
}

/** Rejects when the signal is aborted before. */
function unlessAborted(signal: AbortSignal, promise: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

/** Says how several processes get along with one port. */
function advise(error: unknown): never {
  if (!isPortTaken(error)) throw error
  const advice = 'processes that are workers of node:cluster (PM2: cluster mode) share one port and one page'
  throw new TelemetryError('PORT_TAKEN', `${messageOf(error)}; ${advice}`, { cause: error })
}
