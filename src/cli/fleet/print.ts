import type { FleetNode, FleetStatus } from '../../nats/fleet/fleet.ts'
import type { RolloutReport } from '../../nats/fleet/rollout.ts'
import type { HistoryEntry } from '../../nats/fleet/store.ts'
import type { NodeReport } from '../../nats/fleet/verdict.ts'
import { type ExitCode, exitCodes } from '../command.ts'
import { formatTable } from '../terminal/table.ts'
import { plainText, type Terminal } from '../terminal/terminal.ts'

interface Wanted {
  readonly json?: boolean | undefined
}

const json = (terminal: Terminal, value: unknown): void => terminal.print(JSON.stringify(value, undefined, 2))

const nodesText = (count: number): string => `${count} ${count === 1 ? 'node' : 'nodes'}`

const bad: ReadonlySet<NodeReport['outcome']> = new Set(['refused', 'breaker_open'])

/** Prints what became of a change, node by node. */
export function printRollout(terminal: Terminal, report: RolloutReport, { json: asJson }: Wanted): ExitCode {
  const { result, revision, restored, canary, nodes } = report
  const silent = nodes.filter(({ outcome }) => outcome === 'silent')
  const code = result === 'changed' && silent.length === 0 ? exitCodes.fine : exitCodes.problems
  if (asJson) {
    json(terminal, report)
    return code
  }
  const { print, warn, paint } = terminal
  for (const { node, outcome, problems } of nodes) {
    const colour = outcome === 'applied' ? 'green' : bad.has(outcome) ? 'red' : 'yellow'
    print(`${plainText(node)}: ${paint(colour, outcome.replace('_', ' '))}`)
    for (const problem of problems) print(`  ${plainText(problem)}`)
  }
  if (canary) print(`tried first by ${canary.map(plainText).join(', ')}`)
  if (result === 'changed')
    print(
      silent.length === 0
        ? `revision ${revision} is in force on ${nodesText(nodes.length)}`
        : `revision ${revision} stands; ${nodesText(silent.length)} of ${nodes.length} did not report in time`,
    )
  else if (result === 'superseded')
    warn(
      `telemachine: revision ${revision} failed, and somebody has changed the document since: nothing was put back`,
    )
  else if (restored !== undefined)
    warn(`telemachine: rolled back: revision ${restored} has the document from before revision ${revision}`)
  else warn('telemachine: rolled back: the canary failed, and the other nodes never saw the change')
  return code
}

function troubles({ exporters, system }: FleetNode): string {
  if (system === 'stopped') return ''
  return Object.entries(exporters)
    .filter(
      ([, { state, breaker }]) => !(state === 'serving' && (breaker === 'closed' || breaker === 'disabled')),
    )
    .map(([id, { state, breaker }]) => `${id} ${state === 'serving' ? `breaker ${breaker}` : state}`)
    .join(', ')
}

function totals({ exporters }: FleetNode): { pending: number; dropped: number } {
  const sum = (counts: object): number => Object.values(counts).reduce((total, count) => total + count, 0)
  const ledgers = Object.values(exporters).map(({ ledger }) => ledger)
  return {
    pending: ledgers.reduce((total, { pending }) => total + sum(pending), 0),
    dropped: ledgers.reduce((total, { dropped }) => total + sum(dropped), 0),
  }
}

/** Prints the nodes of a fleet and where its telemetry is. */
export function printStatus(terminal: Terminal, status: FleetStatus, { json: asJson }: Wanted): ExitCode {
  if (asJson) {
    json(terminal, status)
    return exitCodes.fine
  }
  const { print } = terminal
  const { revision, canary, nodes, identity } = status
  const alive = nodes.filter((node) => node.alive).length
  print(`revision ${revision}, ${nodesText(nodes.length)}, ${alive} alive`)
  if (canary) print(`canary ${canary.revision} on ${canary.nodes.map(plainText).join(', ')}`)
  const rows = nodes.map((node) => {
    const { pending, dropped } = totals(node)
    const state = !node.alive
      ? node.system === 'stopped'
        ? 'stopped'
        : 'lost'
      : node.refused
        ? 'refused'
        : 'ok'
    const problem = node.refused?.problems[0] ?? troubles(node)
    return [
      node.node,
      node.role,
      state,
      `${node.revision}${node.canary ? ' canary' : ''}`,
      `${pending}`,
      `${dropped}`,
      problem,
    ]
  })
  if (rows.length > 0)
    for (const line of formatTable(
      ['NODE', 'ROLE', 'STATE', 'REVISION', 'PENDING', 'DROPPED', 'PROBLEM'],
      rows.map((row) => row.map(plainText)),
      terminal.lineWidth(),
    ))
      print(line)
  if (identity) {
    const { stream, stored, acknowledged, pending, inFlight, leftOver, floor, redelivered, doubtful } =
      identity
    const { published, delivered, ambiguous } = identity
    print(
      `${stream}: ${stored} batches stored = ${acknowledged} acknowledged + ${pending} pending (${inFlight} in flight, ${leftOver} left over)`,
    )
    print(`  everything up to ${floor} is acknowledged`)
    print(`  ${redelivered} given out again, ${doubtful} in doubt`)
    print(`  these nodes say: ${published} batches, ${delivered} events delivered, ${ambiguous} ambiguous`)
  }
  return exitCodes.fine
}

/** Prints the revisions of a document, the latest last. */
export function printHistory(
  terminal: Terminal,
  entries: readonly HistoryEntry[],
  { json: asJson }: Wanted,
): ExitCode {
  if (asJson) json(terminal, entries)
  else if (entries.length === 0) terminal.print('there is no document yet')
  else
    for (const { revision, at, by, change } of entries)
      terminal.print(`${new Date(at).toISOString()}  revision ${revision}  ${plainText(`${by}  ${change}`)}`)
  return exitCodes.fine
}
