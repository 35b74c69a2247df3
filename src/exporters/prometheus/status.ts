import { inUrl } from '../../http-server/host.ts'
import { overflowsOf, type State } from './aggregate/state.ts'
import type { PrometheusClient } from './client.ts'

/** What `status()` shows of the exporter: where the page is, how much is on it, and what was not taken. */
export function describe(
  client: PrometheusClient | undefined,
  state: State,
): Readonly<Record<string, unknown>> {
  return {
    ...(client ? whereabouts(client) : {}),
    families: state.families.length,
    series: state.totals.series,
    refused: state.refused,
    limited: state.limited,
    overflow: overflowsOf(state),
    conflicts: state.conflicts,
    failed: state.failed,
    ...(state.lastFailure === undefined ? {} : { lastFailure: state.lastFailure }),
  }
}

function whereabouts({ server, path, group }: PrometheusClient): Readonly<Record<string, unknown>> {
  return { ...address(server ?? group?.hubFacts(), path), ...(group && { cluster: group.describe() }) }
}

/** Returns the address of the page; for a member, that of the hub. */
function address(
  server: { readonly host?: unknown; readonly port?: unknown } | undefined,
  path: () => string,
): Readonly<Record<string, unknown>> {
  const { host, port } = server ?? {}
  if (typeof host !== 'string' || typeof port !== 'number') return { port: null }
  const reached = host === '0.0.0.0' || host === '::' ? 'localhost' : host
  return { ...{ host, port, path: path() }, url: `http://${inUrl(reached)}:${port}${path()}` }
}
