import { Agent, type AgentOptions } from 'node:http'
import { Agent as TlsAgent } from 'node:https'
import type { LookupFunction, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { markOwn } from '../../own-traffic.ts'
import { type ForbidAddress, guardedLookup } from './address.ts'
import { secureContextOf, type TlsMaterial } from './tls.ts'

export interface ConnectionOptions {
  readonly keepAlive?: boolean
  readonly tls?: TlsMaterial
  readonly forbidAddress?: ForbidAddress
}

/** The connections of one client, which no other shares. */
export interface Connections {
  readonly agent: Agent
  count(): number
  /** Destroys every one, busy or idle, and resolves when all are closed. */
  destroy(): Promise<void>
}

/** Below Node's 5 s, the shortest default among common servers: closing first is how not to meet a stale socket. */
const idleMs = 4000

/** An attempt keeps no process alive: a flush or a stop that somebody awaits does. */
const letProcessEnd = (socket: Socket | Duplex): void => {
  if ('unref' in socket && typeof socket.unref === 'function') socket.unref()
}

export function openConnections(options: ConnectionOptions, secure: boolean): Connections {
  const settings: AgentOptions & { lookup?: LookupFunction } = {
    keepAlive: options.keepAlive ?? true,
    // Acts on idle sockets only; Node shortens it to what a `Keep-Alive: timeout=` of the server allows.
    timeout: idleMs,
    scheduling: 'lifo',
    ...(options.forbidAddress && { lookup: guardedLookup(options.forbidAddress) }),
  }
  const agent = markOwn(
    secure
      ? new TlsAgent({ ...settings, ...(options.tls && { secureContext: secureContextOf(options.tls) }) })
      : new Agent(settings),
  )

  const sockets = new Set<Socket | Duplex>()
  const connect = agent.createConnection.bind(agent)
  agent.createConnection = (...args) => {
    const socket = connect(...args)
    if (socket) {
      letProcessEnd(socket)
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
    }
    return socket
  }

  // Node holds the process again for a kept connection that is used once more.
  const reuse = agent.reuseSocket.bind(agent)
  agent.reuseSocket = (socket, request) => {
    reuse(socket, request)
    letProcessEnd(socket)
  }

  const destroy = async (): Promise<void> => {
    agent.destroy()
    const closed = [...sockets].map((socket) => new Promise((resolve) => socket.once('close', resolve)))
    for (const socket of sockets) socket.destroy()
    await Promise.all(closed)
  }
  return { agent, count: () => sockets.size, destroy }
}
