import type { NodeStatus } from '../node-status.ts'
import { readNodeStatus } from '../status-reader.ts'

/** The latest status heard of a node. */
export interface HeardStatus {
  readonly seq: number
  /** Epoch milliseconds. */
  readonly heardAt: number
  /** Undefined if the status cannot be read. */
  readonly status: NodeStatus | undefined
}

/** The latest status of each node, within bounds: anybody who may write statuses could fill the memory otherwise. */
export interface StatusBook {
  readonly nodes: ReadonlyMap<string, HeardStatus>
  /** The highest sequence that was heard. */
  readonly highest: number
  /** Takes a status, unless a later one is known. False if there is no room for another node. */
  hear(node: string, seq: number, heardAt: number, data: Uint8Array): boolean
  /** Forgets nodes whose status is not among those that the store has, up to a sequence. */
  keep(stored: ReadonlySet<string>, upTo: number): void
  /** Forgets everything, because the store was replaced. */
  clear(): void
}

interface Entry extends HeardStatus {
  readonly bytes: number
}

export function createStatusBook(maxNodes: number, maxBytes: number): StatusBook {
  const nodes = new Map<string, Entry>()
  let highest = 0
  let bytes = 0

  const remove = (node: string): void => {
    bytes -= nodes.get(node)?.bytes ?? 0
    nodes.delete(node)
  }

  return {
    nodes,
    get highest() {
      return highest
    },
    hear: (node, seq, heardAt, data) => {
      highest = Math.max(highest, seq)
      const known = nodes.get(node)
      if (known !== undefined && known.seq >= seq) return true
      if (known === undefined && nodes.size >= maxNodes) return false
      remove(node)
      const status = bytes + data.byteLength > maxBytes ? undefined : readNodeStatus(node, data)
      const kept = status === undefined ? 0 : data.byteLength
      bytes += kept
      nodes.set(node, { seq, heardAt, status, bytes: kept })
      return true
    },
    keep: (stored, upTo) => {
      for (const [node, { seq }] of nodes) if (seq <= upTo && !stored.has(node)) remove(node)
    },
    clear: () => {
      nodes.clear()
      highest = 0
      bytes = 0
    },
  }
}
