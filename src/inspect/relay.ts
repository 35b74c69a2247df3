import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { readVisualization } from '../admin/visualizations.ts'
import { TelemetryError } from '../errors.ts'
import { markOwn } from '../own-traffic.ts'
import { bridgePage, pagePolicy } from './page.ts'
import type { Peer, Socket } from './peer.ts'

export interface Relay {
  readonly port: number
  /** Ends every connection and frees the port. */
  close(): Promise<void>
}

const mostWatchers = 8

const refuse = (socket: Duplex, status: string): void => {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}

/**
 * Serves the bridge page, and its WebSocket, to browsers on this machine: another Host (a rebound name) or
 * another Origin (a foreign page) is refused. Nothing a watcher sends is read.
 *
 * @throws TelemetryError `INSPECT_LISTEN_FAILED`
 */
export async function startRelay(options: {
  peer: Peer
  host: string
  port: number
  inspectorUrl: string
  onWatcher: (socket: Socket) => void
}): Promise<Relay> {
  const { peer, host, port, inspectorUrl, onWatcher } = options
  const connections = new Set<Duplex>()
  const sockets = peer.createSocketServer()
  let hosts = new Set<string>()

  const isHere = ({ headers }: IncomingMessage): boolean => hosts.has(headers.host?.toLowerCase() ?? '')
  /** A program on this machine sends no Origin; a browser always does. */
  const isOwnPage = ({ headers: { origin } }: IncomingMessage): boolean =>
    origin === undefined || (origin.startsWith('http://') && hosts.has(origin.slice('http://'.length)))

  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    response.setHeader('connection', 'close')
    response.setHeader('x-content-type-options', 'nosniff')
    response.setHeader('cache-control', 'no-store')
    if (!isHere(request)) return void response.writeHead(421).end()
    if (request.method !== 'GET' && request.method !== 'HEAD') return void response.writeHead(405).end()
    const [, chart] = /^\/charts\/([a-z]+)\.svg$/.exec(request.url ?? '') ?? []
    if (chart !== undefined) {
      const picture = readVisualization(`${chart}.svg`)
      if (!picture) return void response.writeHead(404).end()
      response.writeHead(200, { 'content-type': 'image/svg+xml' })
      return void response.end(request.method === 'HEAD' ? undefined : picture)
    }
    if (request.url !== '/') return void response.writeHead(404).end()
    const nonce = randomBytes(16).toString('base64url')
    response.writeHead(200, {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': pagePolicy(inspectorUrl, nonce, relayPort()),
      'referrer-policy': 'no-referrer',
    })
    response.end(request.method === 'HEAD' ? undefined : bridgePage(inspectorUrl, nonce))
  }

  const server = markOwn(
    createServer({ requestTimeout: 5_000, headersTimeout: 5_000, maxHeaderSize: 16_384 }, answer),
  )
  const relayPort = (): number => (server.address() as AddressInfo).port

  server.maxConnections = 64
  server.on('connection', (connection) => {
    connections.add(connection)
    // Being watched keeps no process alive.
    connection.unref()
    connection.on('close', () => connections.delete(connection))
  })
  server.on('clientError', (_, socket) => refuse(socket, '400 Bad Request'))
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy())
    if (!isHere(request)) return refuse(socket, '421 Misdirected Request')
    if (!isOwnPage(request)) return refuse(socket, '403 Forbidden')
    if (sockets.clients.size >= mostWatchers) return refuse(socket, '503 Service Unavailable')
    sockets.handleUpgrade(request, socket, head, (watcher) => {
      watcher.on('error', () => watcher.terminate())
      onWatcher(watcher)
    })
  })

  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) =>
      reject(
        new TelemetryError('INSPECT_LISTEN_FAILED', `cannot listen on ${host}:${port}: ${cause.code}`, {
          cause,
        }),
      ),
    )
    server.listen(port, host, resolve)
  })
  // Such as running out of descriptors: it is refused there, and nothing of ours breaks here.
  server.on('error', () => {})
  server.unref()
  const bound = relayPort()
  hosts = new Set([`127.0.0.1:${bound}`, `localhost:${bound}`, `[::1]:${bound}`])

  let closing: Promise<void> | undefined
  return {
    port: bound,
    close() {
      closing ??= new Promise((resolve) => {
        server.close(() => resolve())
        for (const watcher of sockets.clients) watcher.terminate()
        sockets.close()
        for (const connection of connections) connection.destroy()
      })
      return closing
    },
  }
}
