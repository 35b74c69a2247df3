import { isRecord } from '../config/formats/format.ts'
import type { LedgerStatus } from '../delivery/ledger.ts'
import { maxExporters, type NodeExporter, type NodeStatus, short } from './node-status.ts'

/** A status that cannot be read is thrown as this, and becomes undefined. */
class Unreadable extends Error {}

/** A node writes about 1 KiB for each exporter. */
const maxBytes = maxExporters * 1024
const maxProblems = 20
const maxReasons = 64
const maxName = 64

function must(isSo: boolean): asserts isSo {
  if (!isSo) throw new Unreadable()
}

function record(value: unknown, maxKeys: number): Record<string, unknown> {
  must(isRecord(value))
  must(Object.keys(value).length <= maxKeys)
  return value
}

function text(value: unknown): string {
  must(typeof value === 'string')
  return short(value)
}

function name(value: unknown): string {
  must(typeof value === 'string' && value.length <= maxName)
  return value
}

/** A count, a revision or a time. */
function whole(value: unknown): number {
  must(typeof value === 'number' && value >= 0 && Number.isFinite(value))
  return value
}

function texts(value: unknown): string[] {
  must(Array.isArray(value))
  return value.slice(0, maxProblems).map(text)
}

function ledger(value: unknown): LedgerStatus {
  const { accepted, delivered, dropped, pending, ambiguous, restored } = record(value, 16)
  const { buffered, held, queued, in_flight, spooled } = record(pending, 16)
  const reasons = Object.entries(record(dropped, maxReasons))
  return {
    accepted: whole(accepted),
    delivered: whole(delivered),
    dropped: Object.fromEntries(reasons.map(([reason, count]) => [name(reason), whole(count)])),
    pending: {
      buffered: whole(buffered),
      held: whole(held),
      queued: whole(queued),
      in_flight: whole(in_flight),
      ...(spooled !== undefined && { spooled: whole(spooled) }),
    },
    ambiguous: whole(ambiguous),
    ...(restored !== undefined && { restored: whole(restored) }),
  }
}

function exporter(value: unknown): NodeExporter {
  const given = record(value, 32)
  const { lastError, published } = given
  return {
    type: name(given.type),
    state: name(given.state),
    breaker: name(given.breaker),
    breakerSince: whole(given.breakerSince),
    ledger: ledger(given.ledger),
    ...(lastError !== undefined && { lastError: text(lastError) }),
    ...(published !== undefined && { published: whole(published) }),
  }
}

function refusal(value: unknown): NonNullable<NodeStatus['refused']> {
  const { revision, problems, omitted } = record(value, 16)
  return { revision: whole(revision), problems: texts(problems), omitted: whole(omitted) }
}

function status(node: string, given: Record<string, unknown>): NodeStatus {
  const { role, refused } = given
  must(role === 'node' || role === 'gateway')
  const exporters = Object.entries(record(given.exporters, maxExporters))
  return {
    node,
    role,
    key: name(given.key),
    version: name(given.version),
    pid: whole(given.pid),
    at: whole(given.at),
    startedAt: whole(given.startedAt),
    heartbeatMs: whole(given.heartbeatMs),
    system: name(given.system),
    revision: whole(given.revision),
    canary: given.canary === true,
    cached: given.cached === true,
    ...(refused !== undefined && { refused: refusal(refused) }),
    exporters: Object.fromEntries(exporters.map(([id, one]) => [text(id), exporter(one)])),
    warnings: texts(given.warnings),
  }
}

/**
 * Reads the status under a node's key. The node's credentials may have been used to write anything. Texts are cut,
 * and nothing but what a status has is kept. The key decides which node it is. Undefined if it is no status.
 */
export function readNodeStatus(node: string, data: Uint8Array): NodeStatus | undefined {
  if (data.byteLength > maxBytes) return undefined
  try {
    return status(node, record(JSON.parse(Buffer.from(data).toString('utf8')), 64))
  } catch (error) {
    if (error instanceof Unreadable || error instanceof SyntaxError) return undefined
    throw error
  }
}
