import { once } from 'node:events'
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type { TlsOptions } from 'node:tls'
import { type ConnectionFault, connectionFaults } from './connection-faults.ts'
import { type Exchange, type Fault, faults, healthy } from './faults.ts'
import type { Protocol } from './protocols.ts'
import type { Random } from './random.ts'

/** How a receiver chooses what it does to the next request. */
export type Mood = 'healthy' | 'mixed' | 'hostile' | Fault

/** A backend on loopback that misbehaves, and counts, on its own, what it took. */
export interface Receiver {
  readonly url: string
  /** Events taken, each as often as it was. */
  readonly taken: number
  readonly requests: number
  /** Requests that were played a fault. */
  readonly faulted: number
  /** What was wrong with what was sent. */
  readonly violations: readonly string[]
  readonly connections: number
  /** The longest time in seconds that it has asked to be left alone. */
  readonly askedToWait: number
  mood(mood: Mood): void
  /** Closes the port and cuts every connection, or opens it again. */
  refuse(refuses: boolean): Promise<void>
  cut(): void
  close(): Promise<void>
}

const peer = (socket: Socket): string => `${socket.remoteAddress} ${socket.remotePort}`

export async function createReceiver(options: {
  protocol: Protocol
  random: Random
  tls?: TlsOptions
  /** Names of the faults played, to be counted. */
  onFault: (name: string) => void
}): Promise<Receiver> {
  const { protocol, random, tls, onFault } = options
  const sockets = new Map<string, Socket>()
  const timers = new Set<NodeJS.Timeout>()
  const violations: string[] = []
  let mood: Mood = 'healthy'
  let taken = 0
  let requests = 0
  let faulted = 0
  let askedToWait = 0
  let port = 0
  let server: Server | undefined

  const nextFault = (): Fault => {
    if (typeof mood === 'object') return mood
    if (mood === 'healthy' || (mood === 'mixed' && random.chance(0.6))) return healthy
    return random.pick(faults)
  }

  const exchangeOf = (request: IncomingMessage, response: ServerResponse, body: () => Buffer): Exchange => ({
    request,
    response,
    wire: request.socket,
    random,
    take: (rejected = 0) => {
      taken += protocol.count(body(), request, rejected)
    },
    partial: protocol.partial,
    reset: () => {
      const socket = sockets.get(peer(request.socket))
      if (socket) socket.resetAndDestroy()
      else request.socket.destroy()
    },
    later: (ms, act) => {
      const timer = setTimeout(() => {
        timers.delete(timer)
        if (!request.socket.destroyed) act()
      }, ms)
      timers.add(timer)
    },
  })

  const receive = (request: IncomingMessage, response: ServerResponse): void => {
    // The schedule's own scrape, of a page whose port was freed and is this receiver's by now.
    if (request.method === 'GET') {
      response.writeHead(404).end()
      return
    }
    requests += 1
    request.on('error', () => {})
    response.on('error', () => {})
    request.socket.setMaxListeners(0)
    const fault = nextFault()
    const chunks: Buffer[] = []
    const exchange = exchangeOf(request, response, () => Buffer.concat(chunks))
    let played = false
    const play = (): void => {
      if (played) return
      played = true
      if (fault !== healthy) {
        faulted += 1
        onFault(fault.name)
      }
      askedToWait = Math.max(askedToWait, fault.asksToWait ?? 0)
      fault.play(exchange)
    }
    if (fault.when === 'headers') {
      play()
      return
    }
    request.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      if (fault.when === 'body') play()
    })
    request.on('end', () => {
      const problem = protocol.problem(Buffer.concat(chunks), request)
      if (problem !== undefined) violations.push(problem)
      play()
    })
  }

  const web = tls ? createHttpsServer(tls, receive) : createHttpServer(receive)
  web.keepAliveTimeout = 0
  web.requestTimeout = 0
  web.headersTimeout = 0
  web.on('clientError', (_error, socket) => socket.destroy())
  web.on('tlsClientError', (_error, socket) => socket.destroy())

  const accept = (socket: Socket): void => {
    const key = peer(socket)
    sockets.set(key, socket)
    socket.on('error', () => {})
    socket.once('close', () => {
      if (sockets.get(key) === socket) sockets.delete(key)
    })
    const breaks = mood === 'hostile' ? 0.25 : mood === 'mixed' ? 0.08 : 0
    if (!random.chance(breaks)) {
      web.emit('connection', socket)
      return
    }
    const fault: ConnectionFault = random.pick(connectionFaults)
    faulted += 1
    onFault(fault.name)
    fault.play(socket)
  }

  const listen = async (): Promise<void> => {
    const opening = createServer(accept)
    server = opening
    // The port may have been lent to a connection of somebody else meanwhile.
    for (let tries = 0; !opening.listening; tries += 1) {
      opening.listen(port, '127.0.0.1')
      await once(opening, 'listening').catch((error) => {
        if (tries === 50) throw error
        return pause(100)
      })
    }
    port = (opening.address() as AddressInfo).port
  }
  const cut = (): void => {
    for (const socket of sockets.values()) socket.destroy()
  }
  const shut = async (): Promise<void> => {
    const closing = server
    server = undefined
    for (const timer of timers) clearTimeout(timer)
    timers.clear()
    cut()
    if (closing) await new Promise((resolve) => closing.close(resolve))
  }
  await listen()

  return {
    get url() {
      return `${tls ? 'https' : 'http'}://127.0.0.1:${port}${protocol.path}`
    },
    get taken() {
      return taken
    },
    get requests() {
      return requests
    },
    get faulted() {
      return faulted
    },
    violations,
    get connections() {
      return sockets.size
    },
    get askedToWait() {
      return askedToWait
    },
    mood(next) {
      mood = next
    },
    async refuse(refuses) {
      if (refuses) await shut()
      else if (!server) await listen()
    },
    cut,
    close: shut,
  }
}
