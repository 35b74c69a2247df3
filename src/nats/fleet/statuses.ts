import type { NatsConnection } from '@nats-io/transport-node'
import type { FleetNames } from '../names.ts'
import type { NodeStatus } from '../node-status.ts'
import { readNodeStatus } from '../status-reader.ts'
import { readMessages } from './messages.ts'

/** The statuses of the nodes, as they are written. */
export interface Statuses {
  /** By node; those that are gone, too, until NATS forgets them. */
  all(): ReadonlyMap<string, NodeStatus>
  /** Calls back after each change. Returns an unsubscribe function. */
  subscribe(listener: () => void): () => void
  /** Reads what may have been missed. */
  refresh(): Promise<void>
  close(): void
}

/** A node that has been silent for so many heartbeats is taken for gone. */
const silentHeartbeats = 3

export const isAlive = (
  { at, heartbeatMs, system }: Pick<NodeStatus, 'at' | 'heartbeatMs' | 'system'>,
  now: number,
): boolean => system !== 'stopped' && now - at < heartbeatMs * silentHeartbeats + 1000

export async function openStatuses(connection: NatsConnection, names: FleetNames): Promise<Statuses> {
  const { stream, prefix, republished } = names.status
  const statuses = new Map<string, NodeStatus>()
  const listeners = new Set<() => void>()

  /** The key decides who it is: a node's credentials may write its own key only. */
  const take = (node: string, data: Uint8Array): void => {
    const status = readNodeStatus(node, data)
    if (status === undefined || (statuses.get(node)?.at ?? 0) > status.at) return
    statuses.set(node, status)
  }

  const subscription = connection.subscribe(`${republished}*`, {
    callback: (error, message) => {
      if (error) return
      take(message.subject.slice(republished.length), message.data)
      for (const listener of listeners) listener()
    },
  })

  const refresh = async (): Promise<void> => {
    for (const { subject, data } of await readMessages(connection, stream, `${prefix}*`, 'last'))
      take(subject.slice(prefix.length), data)
    for (const listener of listeners) listener()
  }

  const follow = async (): Promise<void> => {
    for await (const { type } of connection.status()) if (type === 'reconnect') refresh().catch(() => {})
  }

  await connection.flush()
  await refresh()
  void follow().catch(() => {})
  return {
    all: () => statuses,
    subscribe: (listener) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    refresh,
    close: () => subscription.unsubscribe(),
  }
}
