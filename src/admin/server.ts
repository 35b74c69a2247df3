import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { messageOf, TelemetryError } from '../errors.ts'

export interface AdminServer {
  readonly url: string
  close(): Promise<void>
}

const mostConnections = 256
const clientErrors: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
}

const ignore = (): void => {}

function endRaw(socket: Duplex, status: string): void {
  // After an answer, or into one, nothing else may be written.
  const isFresh = (socket as Socket).bytesWritten === 0
  if (isFresh && socket.writable)
    socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
  socket.destroy()
}

/**
 * Listens with limits on headers, requests and connections; nothing of it keeps the process alive.
 * Rejects with a TelemetryError `PORT_TAKEN`, or `LISTEN_FAILED`.
 */
export function openServer(
  listener: RequestListener,
  { host, port, requestTimeoutMs }: { host: string; port: number; requestTimeoutMs: number },
): Promise<AdminServer> {
  const server = createServer(
    {
      maxHeaderSize: 16 * 1024,
      headersTimeout: Math.min(5000, requestTimeoutMs),
      requestTimeout: requestTimeoutMs,
      connectionsCheckingInterval: Math.min(1000, requestTimeoutMs),
      keepAliveTimeout: 5000,
    },
    listener,
  )
  const sockets = new Set<Socket>()
  server.maxHeadersCount = 100
  server.maxConnections = mostConnections
  server.unref()
  server.on('connection', (socket: Socket) => {
    socket.unref()
    socket.on('error', ignore)
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) =>
    endRaw(socket, clientErrors[error.code ?? ''] ?? '400 Bad Request'),
  )
  server.on('connect', (_request, socket: Duplex) => endRaw(socket, '405 Method Not Allowed'))
  server.on('upgrade', (_request, socket: Duplex) => endRaw(socket, '400 Bad Request'))

  return new Promise((resolve, reject) => {
    const where = host.includes(':') ? `[${host}]` : host
    server.once('error', (error: NodeJS.ErrnoException) => {
      const taken = error.code === 'EADDRINUSE'
      reject(
        taken
          ? new TelemetryError('PORT_TAKEN', `${where}:${port} is in use by another listener`, {
              cause: error,
            })
          : new TelemetryError('LISTEN_FAILED', `cannot listen on ${where}:${port}: ${messageOf(error)}`, {
              cause: error,
            }),
      )
    })
    server.listen({ host, port }, () => {
      server.removeAllListeners('error')
      server.on('error', ignore)
      resolve({
        url: `http://${where}:${(server.address() as AddressInfo).port}/`,
        close: () =>
          new Promise((closed) => {
            server.close(() => closed())
            for (const socket of sockets) socket.destroy()
          }),
      })
    })
  })
}
