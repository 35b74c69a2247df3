import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, Server as NetServer, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Clock } from '../clock.ts'
import { messageOf, TelemetryError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { markOwn } from '../own-traffic.ts'
import { createConnections } from './connections.ts'
import { inUrl } from './host.ts'

/** An HTTP server that trusts no client, and that never keeps the process alive. */
export interface HttpServer {
  readonly host: string
  /** The port it is bound to, also when 0 was asked for. */
  readonly port: number
  /**
   * Stops listening. When it returns, the address is free and no client can connect any more; answers under way go on,
   * and their connections close after them.
   */
  release(): void
  /** Releases the address, gives answers under way `patienceMs`, and resolves when no connection is left. */
  close(patienceMs: number): Promise<void>
}

export interface HttpServerOptions {
  readonly host: string
  readonly port: number
  /** A worker of a cluster listens by itself, not by its primary: no other worker can have the port. Default false. */
  readonly exclusive?: boolean
  /** Answers a request. Must not throw. */
  readonly handler: (request: IncomingMessage, response: ServerResponse) => void
  readonly clock: Clock
  readonly logger: Logger
  /** How long a request may take to arrive. Default 10,000. Its headers have to arrive in 5,000. */
  readonly requestTimeoutMs?: number
  /** Aborted when the server is not wanted any more before it listens. */
  readonly signal?: AbortSignal
}

const ignore = (): void => {}

/** Rejects with a TelemetryError `PORT_TAKEN`, or `LISTEN_FAILED`, or with the reason of `signal`. */
export async function openHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { host, handler, clock, logger, requestTimeoutMs = 10_000 } = options
  const connections = createConnections()
  const limits = {
    maxHeaderSize: 16 * 1024,
    headersTimeout: Math.min(5000, requestTimeoutMs),
    requestTimeout: requestTimeoutMs,
    connectionsCheckingInterval: Math.min(1000, requestTimeoutMs),
    // Longer than scrapers and load balancers pause between two requests.
    keepAliveTimeout: 65_000,
  }
  const server = createServer(limits, (request, response) => {
    // A client that vanishes is no error.
    request.on('error', ignore)
    response.on('error', ignore)
    // There is nothing to upgrade to: the request is answered as it is, and what follows it is not read.
    if (request.headers.upgrade !== undefined) response.shouldKeepAlive = false
    if (connections.begin(request.socket, response)) handler(request, response)
  })
  markOwn(server)
  const closed = new Promise((resolve) => server.once('close', resolve))
  server.maxHeadersCount = 100
  server.unref()
  server.on('connection', (socket: Socket) => {
    socket.unref()
    // After a CONNECT, the socket has no other error listener.
    socket.on('error', ignore)
    connections.add(socket)
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    if (connections.closeAfterAnswers(socket as Socket)) return
    // An error page must not be written into an answer under way.
    if (connections.isWriting(socket as Socket)) socket.destroy()
    else endRaw(socket, clientErrors[error.code ?? ''] ?? '400 Bad Request')
  })
  server.on('connect', (_request, socket: Duplex) => endRaw(socket, '405 Method Not Allowed'))

  const release = (): void => {
    connections.retire()
    // Not `server.close`, which would also close connections on which a request is about to arrive.
    if (server.listening) NetServer.prototype.close.call(server)
  }

  const { signal, port, exclusive = false } = options
  try {
    await listen(server, { host: loopback(host), port, exclusive, signal })
  } catch (error) {
    if (host !== 'localhost' || codeOf(error) !== 'EADDRNOTAVAIL') throw listenError(error, host, port)
    await listen(server, { host: '::1', port, exclusive, signal }).catch((second) => {
      throw listenError(second, host, port)
    })
  }
  server.on('error', (error) => logger.warn({ error: messageOf(error) }, 'an HTTP server had an error'))

  return {
    host,
    port: (server.address() as AddressInfo).port,
    release,
    async close(patienceMs) {
      connections.retire()
      // A request that has already arrived is read first: its client gets an answer.
      await new Promise((resolve) => setImmediate(resolve))
      release()
      connections.closeIdle()
      server.close()
      const timer = clock.setTimeout(connections.closeAll, Math.max(0, patienceMs))
      await closed
      clock.clearTimeout(timer)
    },
  }
}

const clientErrors: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
}

function endRaw(socket: Duplex, status: string): void {
  if (socket.writable) socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
  socket.destroy()
}

/**
 * `localhost` is always the loopback address (RFC 6761, section 6.3). It is not looked up: a lookup may wait behind
 * those of a resolver that does not answer.
 */
const loopback = (host: string): string => (host === 'localhost' ? '127.0.0.1' : host)

function listen(
  server: NetServer,
  { signal, ...address }: { host: string; port: number; exclusive: boolean; signal: AbortSignal | undefined },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      server.close()
      reject(signal?.reason)
    }
    const fail = (error: Error): void => {
      signal?.removeEventListener('abort', abort)
      reject(error)
    }
    if (signal?.aborted) return abort()
    signal?.addEventListener('abort', abort, { once: true })
    server.once('error', fail)
    server.listen(address, () => {
      signal?.removeEventListener('abort', abort)
      server.off('error', fail)
      if (signal?.aborted) abort()
      else resolve()
    })
  })
}

const codeOf = (error: unknown): unknown => (error as { code?: unknown } | undefined)?.code

/** The reason of an abort stays as it is. */
function listenError(error: unknown, host: string, port: number): unknown {
  if ((error as { syscall?: unknown } | undefined)?.syscall === undefined) return error
  const where = `${inUrl(host)}:${port}`
  return codeOf(error) === 'EADDRINUSE'
    ? new TelemetryError(
        'PORT_TAKEN',
        `${where} is in use: another server listens there; use another port, or port 0 for any free one`,
        { cause: error },
      )
    : new TelemetryError('LISTEN_FAILED', `cannot listen on ${where}: ${messageOf(error)}`, { cause: error })
}
