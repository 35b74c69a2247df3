import type { IncomingMessage } from 'node:http'
import type { Answer } from '../http-server/answer.ts'
import { jsonAnswer, refusal } from './answer.ts'
import type { AdminFleet, AdminFleetNode, AdminNodeState } from './fleet-port.ts'

/** The worst first. */
const states: readonly AdminNodeState[] = [
  ...(['refused', 'unreadable', 'silent', 'behind', 'canary', 'current', 'stopped'] as const),
]
const maxNodes = 1000
/** Nodes of one answer together: 1,000 nodes with two exporters take 1.5 MiB. */
const maxText = 4 * 1024 * 1024
const maxMatch = 200
const maxName = 200
const maxExporters = 32

interface FleetQuery {
  /** Part of a name, in lower case. */
  readonly match: string
  readonly state: AdminNodeState | undefined
  readonly limit: number
}

function readQuery({ url = '' }: IncomingMessage): FleetQuery | Answer {
  const query = new URLSearchParams(url.split('?')[1])
  const match = (query.get('match') ?? '').toLowerCase()
  if (match.length > maxMatch)
    return refusal(400, 'ADMIN_BAD_REQUEST', `match must have at most ${maxMatch} characters`)
  const said = query.get('state') || undefined
  const state = states.find((one) => one === said)
  if (said !== undefined && state === undefined)
    return refusal(400, 'ADMIN_BAD_REQUEST', `state must be one of ${states.join(', ')}`)
  const text = query.get('limit') ?? String(maxNodes)
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0
  if (limit < 1 || limit > maxNodes)
    return refusal(400, 'ADMIN_BAD_REQUEST', `limit must be a whole number from 1 to ${maxNodes}`)
  return { match, state, limit }
}

const sum = (counts: object): number =>
  Object.values(counts).reduce((total: number, count) => total + Number(count), 0)

/** The ledgers of all exporters of a node together. */
function totalsOf({ status }: AdminFleetNode) {
  const dropped: Record<string, number> = Object.create(null)
  const totals = { accepted: 0, delivered: 0, pending: 0, ambiguous: 0 }
  for (const { ledger } of Object.values(status?.exporters ?? {})) {
    totals.accepted += ledger.accepted
    totals.delivered += ledger.delivered
    totals.pending += sum(ledger.pending)
    totals.ambiguous += ledger.ambiguous
    for (const [reason, count] of Object.entries(ledger.dropped))
      dropped[reason] = (dropped[reason] ?? 0) + count
  }
  return { ...totals, dropped }
}

const isWell = ({ state, breaker }: { readonly state: string; readonly breaker: string }): boolean =>
  state === 'disabled' || (state === 'serving' && (breaker === 'closed' || breaker === 'disabled'))

/** An exporter of it needs somebody to look at it. */
const isTroubled = ({ state, status }: AdminFleetNode): boolean =>
  state !== 'stopped' && Object.values(status?.exporters ?? {}).some((exporter) => !isWell(exporter))

const rank = (node: AdminFleetNode): number => states.indexOf(node.state) - (isTroubled(node) ? 0.5 : 0)

function shownNode(node: AdminFleetNode): object {
  const { status } = node
  // Exporters in trouble come first, so that the limit does not cut them off.
  const exporters = Object.entries(status?.exporters ?? {}).toSorted(
    ([, a], [, b]) => Number(isWell(a)) - Number(isWell(b)),
  )
  return {
    node: node.node.slice(0, maxName),
    state: node.state,
    troubled: isTroubled(node),
    heardAt: Math.round(node.heardAt),
    ...(status && {
      role: status.role,
      key: status.key,
      version: status.version,
      system: status.system,
      heartbeatMs: status.heartbeatMs,
      revision: status.revision,
      cached: status.cached,
      refused: status.refused,
      warnings: status.warnings,
      totals: totalsOf(node),
      exporters: exporters
        .slice(0, maxExporters)
        .map(([id, { type, state, breaker, breakerSince, lastError }]) => ({
          ...{ id, type, state, breaker, breakerSince, lastError },
        })),
      omittedExporters: Math.max(exporters.length - maxExporters, 0),
    }),
  }
}

/** Answers `GET /fleet`: everything is counted, and the nodes that were asked for are shown, the worst first. */
export const createFleetRoute =
  (fleet: AdminFleet) =>
  async (request: IncomingMessage): Promise<Answer> => {
    const query = readQuery(request)
    if ('status' in query) return query
    const { link, asOf, documents, nodes, omitted } = await fleet.read()
    const counts = Object.fromEntries(states.map((state) => [state, 0]))
    let troubled = 0
    for (const node of nodes) {
      counts[node.state]! += 1
      if (isTroubled(node)) troubled += 1
    }
    const ranks = new Map(nodes.map((node) => [node, rank(node)]))
    const matching = nodes
      .filter(
        ({ node, state }) =>
          node.toLowerCase().includes(query.match) && (query.state === undefined || state === query.state),
      )
      .toSorted((a, b) => ranks.get(a)! - ranks.get(b)! || (a.node < b.node ? -1 : 1))
    const shown: object[] = []
    let length = 0
    for (const node of matching.slice(0, query.limit)) {
      const one = shownNode(node)
      length += JSON.stringify(one).length
      if (length > maxText) break
      shown.push(one)
    }
    return jsonAnswer(200, {
      ...{ link, now: Date.now(), asOf: asOf === undefined ? null : Math.round(asOf), documents },
      ...{ counts: { ...counts, all: nodes.length, troubled }, omitted, matching: matching.length },
      nodes: shown,
    })
  }
