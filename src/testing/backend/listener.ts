import { createServer as createHttpServer, type Server as HttpServer, type RequestListener } from 'node:http'
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { TlsOptions } from 'node:tls'
import { markOwn } from '../../own-traffic.ts'

export interface ListenerOptions {
  readonly host: string
  readonly tls: TlsOptions | undefined
  readonly onRequest: RequestListener
  /** Milliseconds to hold a new connection before anything is read from it; `Infinity` for ever. */
  readonly holdConnection: () => number
  readonly onNotHttp: () => void
  readonly onConnections: () => void
}

/** A port whose connections are in our hands before HTTP or TLS sees them. */
export interface Listener {
  readonly open: number
  readonly total: number
  readonly port: number
  listen(port: number): Promise<void>
  /** Closes the port and cuts every connection, at once; resolves when all is gone. */
  close(): Promise<void>
  /** Cuts every connection. */
  cut(): void
  /** Resets (RST) the connection that `socket`, perhaps of TLS, runs on. */
  reset(socket: Socket): void
}

const peerOf = (socket: Socket): string => `${socket.remoteAddress} ${socket.remotePort}`

export function createListener(options: ListenerOptions): Listener {
  const sockets = new Map<string, Socket>()
  let total = 0
  let port = 0
  let server: Server | undefined

  const web: HttpServer | HttpsServer = options.tls
    ? createHttpsServer(options.tls, options.onRequest)
    : createHttpServer(options.onRequest)
  // A span of an export would be exported, and so on.
  markOwn(web)
  // A sink that hangs up on idle connections at its own pace would make tests race.
  web.keepAliveTimeout = 0
  web.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (error.code?.startsWith('HPE_')) options.onNotHttp()
    if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n')
    else socket.destroy()
  })
  web.on('tlsClientError', (_error, socket) => socket.destroy())

  const accept = (socket: Socket): void => {
    const key = peerOf(socket)
    total += 1
    sockets.set(key, socket)
    socket.setNoDelay(true)
    socket.on('error', () => {})
    const held = options.holdConnection()
    const timer =
      held > 0 && Number.isFinite(held) ? setTimeout(() => web.emit('connection', socket), held) : undefined
    socket.once('close', () => {
      clearTimeout(timer)
      if (sockets.get(key) === socket) sockets.delete(key)
      options.onConnections()
    })
    if (held <= 0) web.emit('connection', socket)
    options.onConnections()
  }

  const cut = (): void => {
    for (const socket of sockets.values()) socket.destroy()
  }

  return {
    get open() {
      return sockets.size
    },
    get total() {
      return total
    },
    get port() {
      return port
    },
    listen: (wanted) =>
      new Promise((resolve, reject) => {
        if (server) return resolve()
        const opening = createServer({ noDelay: true }, accept)
        server = opening
        opening.on('error', (error) => {
          if (server === opening && !opening.listening) server = undefined
          reject(error)
        })
        // Closed before it could listen.
        opening.on('close', resolve)
        opening.listen(wanted, options.host, () => {
          port = (opening.address() as AddressInfo).port
          resolve()
        })
      }),
    close: async () => {
      const closing = server
      server = undefined
      const gone = [...sockets.values()].map((socket) => new Promise((done) => socket.once('close', done)))
      const shut = new Promise<void>((done) => (closing ? closing.close(() => done()) : done()))
      cut()
      await Promise.all([shut, ...gone])
    },
    cut,
    reset: (socket) => {
      // A TLS socket cannot be reset itself.
      const raw = sockets.get(peerOf(socket))
      if (raw) raw.resetAndDestroy()
      else socket.destroy()
    },
  }
}
