import type { createGroup } from '../../../cluster/group.ts'
import type { Group } from '../../../cluster/group-contract.ts'
import { messageOf } from '../../../errors.ts'
import type { HttpServer } from '../../../http-server/server.ts'
import { settledWithin } from '../../../waiting.ts'
import { overflowsOf } from '../aggregate/state.ts'
import { healthOf } from '../page/health.ts'
import type { PageForm } from '../page/page.ts'
import type { PlainFamily } from '../page/render.ts'
import { createCollector, createRenderer, type PageSource } from '../page/source.ts'
import { type PrometheusConfig, readSettings } from '../settings.ts'
import { createPageServer, type PageServer } from './page-server.ts'
import { createTotalsRenderer } from './pages.ts'
import { createSource } from './report.ts'
import { createTotals } from './totals.ts'

/** The page of all workers of a cluster, and of all threads of a process. */
export interface SharedPage {
  readonly group: Group<PageForm>
  readonly server: PageServer
}

export interface SharedPageOptions extends PageSource {
  readonly id: string
  /** Given, since it loads node:cluster: only an exporter that opens is to do so. */
  readonly createGroup: typeof createGroup
  readonly config: Pick<PrometheusConfig, 'host' | 'port'>
  readonly current: () => PrometheusConfig
  /** Not exclusive: by the primary of the cluster, as any server of a worker. */
  readonly listen: (port: number, exclusive: boolean) => Promise<HttpServer>
}

/** Collectors of the application may take long, or for ever: their metrics stay as they were reported before. */
const collectMs = 500
/** How long a hub that opens waits for a port that a dying one still has, or for the one that has it to join. */
const graceMs = 1500

export function createSharedPage(options: SharedPageOptions): SharedPage {
  const { id, config, state, clock, logger, slice, current, listen } = options
  const { host, port } = config

  const server = createPageServer({
    clock,
    listen: () => {
      const last = group.hubFacts()?.port
      // Scrapers know the port of the hub before.
      const wanted = port === 0 && typeof last === 'number' ? last : port!
      return listen(wanted, group.role === 'hub')
    },
    graceMs: () => (group.role === 'hub' ? graceMs : 0),
    isServedElsewhere: () => group.isServedByMember,
    opened: () => group.tell(),
  })

  const renderTotals = createTotalsRenderer({
    registry: () => state.registry!,
    showsHealth: () => current().health !== false,
    slice,
  })
  const renderOwn = createRenderer(options)

  const group: Group<PageForm> = options.createGroup<PageForm, ReturnType<typeof createTotals>>({
    // On no port of their own, applications of PM2 are told apart by their names.
    page: [id, host, port, port === null || port === 0 ? applicationName() : ''],
    ...{ clock, logger, shippings: state.shippings },
    source: createSource({ state, collect: createReportCollector(options) }),
    joined: () => {
      state.setAt ??= new WeakMap()
    },
    createTotals: () => createTotals(() => readSettings(current())),
    renderOwn: async (form) => (await renderOwn(form)).parts,
    renderAll: async (form, totals, census) => (await renderTotals(form, totals, census)).parts,
    serve: (patient) => (port === null ? Promise.resolve() : server.open(patient)),
    describeTotals: (totals) => ({
      ...{ families: totals.families().length, series: totals.totals.series, refused: totals.gauges.refused },
      ...{ conflicts: [...totals.conflicts], overflow: overflowsOf({ families: totals.families() }) },
    }),
    serves: () => server.current !== undefined,
    facts: () => ({
      ...{ host, port: server.current?.port ?? (group.isServedByMember ? port : null), pid: process.pid },
      ...(server.problem !== undefined && { problem: server.problem }),
    }),
  })
  return { group, server }
}

const applicationName = (): string => (process.env.pm_id === undefined ? '' : (process.env.name ?? ''))

/** Collects what is not aggregated by us, for a report. Never rejects. */
function createReportCollector(source: PageSource): () => Promise<readonly PlainFamily[]> {
  const { state, clock, logger, current, catchUp, status } = source
  const collect = createCollector(source)
  let last: readonly PlainFamily[] = []
  let reported = ''
  let collecting: Promise<void> | undefined

  const attempt = <T>(what: string, fn: () => T): T | undefined => {
    try {
      return fn()
    } catch (thrown) {
      const error = messageOf(thrown)
      if (error !== reported) logger.warn({ error }, what)
      reported = error
      return undefined
    }
  }
  const foreign = async (): Promise<readonly PlainFamily[]> => {
    // One that has not settled is not asked again meanwhile.
    collecting ??= collect('text')
      .then((families) => {
        last = families.map((family) => ({ ...family, samples: [...family.samples] }))
      })
      .catch((thrown) =>
        attempt('the metrics of others could not be collected for a report', () => {
          throw thrown
        }),
      )
      .finally(() => {
        collecting = undefined
      })
    await settledWithin(clock, collectMs, collecting)
    return last
  }

  return async () => {
    const families = await foreign()
    // After everything asynchronous, so that a report has every event emitted before it.
    attempt('the events before a report could not be taken in', catchUp)
    if (current().health === false) return families
    const health = attempt('the status could not be read', () => healthOf(status(), state)) ?? []
    return [...families, ...health]
  }
}
