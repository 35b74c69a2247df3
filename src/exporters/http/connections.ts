import { Agent, type AgentOptions } from 'node:http'
import { Agent as TlsAgent } from 'node:https'
import type { Socket, TcpNetConnectOpts } from 'node:net'
import type { Duplex } from 'node:stream'
import { markOwn } from '../../own-traffic.ts'
import { type ForbidAddress, guardedLookup } from './address.ts'
import { boundKept, idleMs, type KeptConnections } from './kept.ts'
import { sharedLookup } from './lookup.ts'
import type { HttpProxy } from './proxy.ts'
import { proxySecureContextOf, secureContextOf, type TlsMaterial } from './tls.ts'
import { openTunnel, silentMs } from './tunnel.ts'

export interface ConnectionOptions {
  readonly keepAlive?: boolean
  readonly tls?: TlsMaterial
  readonly forbidAddress?: ForbidAddress
  readonly proxy?: HttpProxy | undefined
  /** Also plain http goes through the proxy by CONNECT, for callers that do not write absolute-form requests. */
  readonly alwaysTunnel?: boolean
}

/** The connections of one client, not shared with others. */
export interface Connections extends KeptConnections {
  readonly agent: Agent
  count(): number
  /** Destroys every one, busy or idle, and resolves when all are closed. */
  destroy(): Promise<void>
}

/** Where a name has IPv4 and IPv6 addresses, one that says nothing for so many milliseconds gives way to the next. */
const autoSelectFamilyAttemptTimeout = 250

/** An attempt keeps no process alive: a flush or a stop that somebody awaits does. */
const letProcessEnd = (socket: Socket | Duplex): void => {
  if ('unref' in socket && typeof socket.unref === 'function') socket.unref()
}

/** The options that a request passes to the connection that is opened for it. */
interface Dial {
  readonly host?: string
  readonly port?: number | string
  readonly abandoned?: AbortSignal
}

type Created = (error: Error | null, socket?: Duplex) => void

export function openConnections(options: ConnectionOptions, secure: boolean): Connections {
  const { proxy, tls, forbidAddress, alwaysTunnel = false } = options
  const tunnels = proxy !== undefined && (secure || alwaysTunnel)
  const sockets = new Set<Socket | Duplex>()

  const settings: AgentOptions & Pick<TcpNetConnectOpts, 'lookup' | 'autoSelectFamilyAttemptTimeout'> = {
    keepAlive: options.keepAlive ?? true,
    // Acts on idle sockets only; Node shortens it to what a `Keep-Alive: timeout=` of the server allows.
    timeout: idleMs,
    scheduling: 'lifo',
    autoSelectFamilyAttemptTimeout,
    lookup: forbidAddress ? guardedLookup(forbidAddress) : sharedLookup,
  }
  const toProxy = (overrides: AgentOptions = {}): Agent =>
    proxy?.secure
      ? new TlsAgent({
          ...settings,
          ...overrides,
          ...(tls?.ca && { secureContext: proxySecureContextOf(tls.ca) }),
        })
      : new Agent({ ...settings, ...overrides })
  const toDestination = (): Agent =>
    secure
      ? new TlsAgent({ ...settings, ...(tls && { secureContext: secureContextOf(tls) }) })
      : new Agent(settings)

  /** Every connection of the agent is counted, can be destroyed, and keeps no process alive. */
  const tracked = (agent: Agent): Agent => {
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
    return agent
  }

  /** Each connection of the agent to the destination goes through a tunnel, and TLS begins at its end. */
  const tunnelled = (agent: Agent, through: HttpProxy): Agent => {
    const dialer = markOwn(tracked(toProxy({ keepAlive: false, timeout: silentMs })))
    const connect = agent.createConnection.bind(agent) as (options: object) => Duplex | null | undefined
    const create = (dial: Dial, created: Created): undefined => {
      const { host = '', port = 0, abandoned } = dial
      const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`
      openTunnel({ proxy: through, agent: dialer, authority, abandoned }, (error, raw) => {
        if (error || !raw) return created(error)
        letProcessEnd(raw)
        const socket = secure ? connect({ ...dial, socket: raw }) : raw
        socket?.once('close', () => raw.destroy())
        created(null, socket ?? undefined)
      })
    }
    agent.createConnection = create as unknown as Agent['createConnection']
    return agent
  }

  const agent = markOwn(
    tunnels ? tunnelled(toDestination(), proxy) : tracked(proxy ? toProxy() : toDestination()),
  )

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
  return { agent, count: () => sockets.size, destroy, ...boundKept(agent) }
}
