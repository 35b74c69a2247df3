import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/**
 * The connections of one HTTP server. A connection is idle while no request of it is being answered. When there are
 * too many, the address that has most of them loses the one that has been idle longest: neither silent clients nor a
 * crowd from one address keep others out.
 */
export interface Connections {
  /** Starts to track a connection; it may close another one to make room. */
  add(socket: Socket): void
  /** Notes that a request of the connection is being answered. False: the connection has been closed meanwhile. */
  begin(socket: Socket, response: ServerResponse): boolean
  /**
   * Closes the connection after the answers to the requests that have arrived. Returns false if there is no answer to
   * wait for, or when one of them will never be complete.
   */
  closeAfterAnswers(socket: Socket): boolean
  /** A part of an answer has been written. */
  isWriting(socket: Socket): boolean
  /** From now on each connection is closed after the answers that are under way. */
  retire(): void
  closeIdle(): void
  closeAll(): void
}

interface Connection {
  /** Whose share of the connections it counts for. */
  readonly owner: string
  readonly responses: Set<ServerResponse>
  /** Bytes read when the last response ended; undefined before the first. More of them: a request is on its way. */
  readAtRest: number | undefined
  /** It is closed when it is idle. */
  closing: boolean
}

const maxConnections = 512
/** Requests that wait for their answer, on all connections: a client may pipeline more than it reads. */
const maxRequests = 4096

export function createConnections(): Connections {
  /** Connections in the order in which they became idle. */
  const known = new Map<Socket, Connection>()
  const owned = new Map<string, number>()
  let requests = 0
  let retiring = false

  const forget = (socket: Socket): void => {
    const connection = known.get(socket)
    if (!connection) return
    known.delete(socket)
    requests -= connection.responses.size
    const rest = owned.get(connection.owner)! - 1
    if (rest > 0) owned.set(connection.owner, rest)
    else owned.delete(connection.owner)
  }

  const drop = (socket: Socket | undefined): void => {
    if (!socket) return
    forget(socket)
    socket.destroy()
  }

  const makeRoomFor = (newcomer: Socket): void => {
    const most = Math.max(...owned.values())
    let answering: Socket | undefined
    for (const [socket, { owner, responses }] of known) {
      if (socket === newcomer || owned.get(owner)! < most) continue
      if (responses.size === 0) {
        drop(socket)
        return
      }
      answering ??= socket
    }
    drop(answering ?? newcomer)
  }

  const dropBusiest = (): void => {
    let busiest: Socket | undefined
    let most = 0
    for (const [socket, { responses }] of known) {
      if (responses.size <= most) continue
      busiest = socket
      most = responses.size
    }
    drop(busiest)
  }

  const finish = (socket: Socket, connection: Connection, response: ServerResponse): void => {
    // A dropped connection was counted when it was dropped; Node.js does not tell of each of its responses.
    if (known.get(socket) !== connection || !connection.responses.delete(response)) return
    requests--
    connection.readAtRest = socket.bytesRead
    known.delete(socket)
    known.set(socket, connection)
    if (connection.closing && connection.responses.size === 0) socket.destroySoon()
  }

  const close = (connection: Connection): void => {
    connection.closing = true
    for (const response of connection.responses) if (!response.headersSent) response.shouldKeepAlive = false
  }

  return {
    add(socket) {
      const owner = ownerOf(socket.remoteAddress)
      known.set(socket, { owner, responses: new Set(), readAtRest: undefined, closing: retiring })
      owned.set(owner, (owned.get(owner) ?? 0) + 1)
      socket.once('close', () => forget(socket))
      if (known.size > maxConnections) makeRoomFor(socket)
    },
    begin(socket, response) {
      const connection = known.get(socket)
      if (!connection) return false
      connection.responses.add(response)
      requests++
      if (connection.closing) response.shouldKeepAlive = false
      response.once('close', () => finish(socket, connection, response))
      if (requests > maxRequests) dropBusiest()
      return known.has(socket)
    },
    closeAfterAnswers(socket) {
      const connection = known.get(socket)
      if (!connection || connection.responses.size === 0) return false
      for (const { req } of connection.responses) if (!req.complete) return false
      close(connection)
      return true
    },
    isWriting: (socket) => [...(known.get(socket)?.responses ?? [])].some(({ headersSent }) => headersSent),
    retire() {
      retiring = true
      for (const connection of known.values()) close(connection)
    },
    closeIdle() {
      for (const [socket, { responses, readAtRest }] of known) {
        if (responses.size === 0 && socket.bytesRead === readAtRest) drop(socket)
      }
    },
    closeAll() {
      for (const socket of known.keys()) drop(socket)
    },
  }
}

/** An IPv4 address, or the network of an IPv6 one: a site has 2^64 addresses to spend. */
function ownerOf(address = ''): string {
  const ipv4 = address.replace(/^::ffff:(?=\d+\.)/i, '')
  if (!ipv4.includes(':')) return ipv4
  const [network = ''] = ipv4.split('::')
  return network.split(':').slice(0, 4).join(':')
}
