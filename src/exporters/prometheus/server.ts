import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Clock } from '../../clock.ts'
import { messageOf, TelemetryError } from '../../errors.ts'
import type { Logger } from '../../logger.ts'
import type { Format } from './names.ts'
import { formatFor, wantsGzip } from './negotiate.ts'
import { bodies } from './page/body.ts'

/**
 * The page over HTTP. It trusts no client: whoever is slow, silent or malformed loses their connection, and can
 * neither keep others from a scrape nor the process from ending.
 */
export interface PageServer {
  readonly host: string
  /** The one bound, also when 0 was asked for. */
  readonly port: number
  /** Stops listening, lets running responses finish for at most 2 s, and resolves when no connection is left. */
  close(deadline: number): Promise<void>
}

export interface PageServerOptions {
  readonly host: string
  readonly port: number
  readonly signal: AbortSignal
  readonly clock: Clock
  readonly logger: Logger
  /** Read at each request. */
  readonly path: () => string
  readonly page: (format: Format) => Promise<string>
}

const contentTypes: Readonly<Record<Format, string>> = {
  text: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
}

const mostConnections = 512
const mostResponses = 64
const longestResponse = 30_000
const longestFarewell = 2000

const limits = {
  maxHeaderSize: 16 * 1024,
  headersTimeout: 5000,
  requestTimeout: 10_000,
  connectionsCheckingInterval: 1000,
  keepAliveTimeout: 65_000,
}

/** What is known of a connection besides its socket. */
interface Connection {
  /** Requests being answered. */
  running: number
  /** Bytes read when the last response ended; undefined before the first. More of them: a request is on its way. */
  readAtRest: number | undefined
}

const ignore = (): void => {}

/** Rejects with a TelemetryError `PORT_TAKEN`, or `LISTEN_FAILED`, when the address cannot be bound. */
export async function openPageServer(options: PageServerOptions): Promise<PageServer> {
  const { host, clock, logger } = options
  const connections = new Map<Socket, Connection>()
  const responses = new Set<ServerResponse>()
  let closing = false

  const server = createServer(limits, (request, response) => {
    // A client that vanishes at any moment is no news.
    request.on('error', ignore)
    response.on('error', ignore)
    const connection = connections.get(request.socket)
    if (connection) begin(request.socket, connection, response)
    answer(request, response).catch((thrown: unknown) => {
      logger.error({ error: messageOf(thrown) }, 'the metrics page could not be rendered')
      refuse(response, 500, 'the metrics could not be collected\n')
    })
  })
  server.maxHeadersCount = 100
  server.timeout = longestResponse
  server.unref()

  server.on('connection', (socket: Socket) => {
    // A scraper's idle connection must not keep a finished script alive; a response under way does.
    socket.unref()
    // Rather the longest silent one goes than that a scraper finds no place.
    if (connections.size >= mostConnections) evict()
    connections.set(socket, { running: 0, readAtRest: undefined })
    socket.once('close', () => connections.delete(socket))
    // Once a CONNECT detached it from the server, nobody else listens.
    socket.on('error', ignore)
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    const status = clientErrors[error.code ?? ''] ?? '400 Bad Request'
    // Into a page under way nothing else may be written.
    if (connections.get(socket as Socket)?.running) socket.destroy()
    else endRaw(socket, status)
  })
  server.on('connect', (_request, socket: Duplex) => endRaw(socket, '405 Method Not Allowed'))

  function evict(): void {
    for (const [socket, { running }] of connections) {
      if (running > 0) continue
      socket.destroy()
      connections.delete(socket)
      return
    }
    const [oldest] = connections.keys()
    oldest?.destroy()
    if (oldest) connections.delete(oldest)
  }

  function begin(socket: Socket, connection: Connection, response: ServerResponse): void {
    connection.running++
    socket.ref()
    const timer = clock.setTimeout(() => socket.destroy(), longestResponse)
    response.once('close', () => {
      clock.clearTimeout(timer)
      responses.delete(response)
      connection.running--
      connection.readAtRest = socket.bytesRead
      if (connection.running > 0) return
      socket.unref()
      if (closing) socket.destroySoon()
    })
    // Readers that take a page and then do not read it hold its memory: the oldest of too many goes.
    if (responses.size >= mostResponses) {
      const [oldest] = responses
      responses.delete(oldest!)
      oldest!.destroy()
    }
    responses.add(response)
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (closing) response.shouldKeepAlive = false
    if (pathOf(request.url) !== options.path()) return refuse(response, 404, 'not found\n')
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return refuse(response, 405, 'only GET and HEAD\n', { allow: 'GET, HEAD' })
    }
    const format = formatFor(request.headers.accept)
    const body = await bodyOf(
      await options.page(format),
      wantsGzip(request.headers['accept-encoding'] as string),
    )
    if (response.destroyed) return
    if (closing) response.shouldKeepAlive = false
    response.writeHead(200, {
      'content-type': contentTypes[format],
      'content-length': body.bytes.length,
      vary: 'Accept, Accept-Encoding',
      ...(body.compressed ? { 'content-encoding': 'gzip' } : {}),
    })
    response.end(request.method === 'HEAD' ? undefined : body.bytes)
  }

  const bodyOf = bodies()
  await listen()
  const address = server.address() as AddressInfo
  return { host, port: address.port, close }

  function listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      const { signal } = options
      const abort = (): void => {
        server.close()
        reject(signal.reason)
      }
      if (signal.aborted) return abort()
      signal.addEventListener('abort', abort, { once: true })
      server.once('error', (error: NodeJS.ErrnoException) => {
        signal.removeEventListener('abort', abort)
        reject(listenError(error, host, options.port))
      })
      server.listen({ host, port: options.port }, () => {
        signal.removeEventListener('abort', abort)
        server.removeAllListeners('error')
        server.on('error', (error) =>
          logger.warn({ error: messageOf(error) }, 'the metrics server had an error'),
        )
        if (signal.aborted) abort()
        else resolve()
      })
    })
  }

  async function close(deadline: number): Promise<void> {
    closing = true
    // What has already arrived is read first: a scraper that reached us gets its page.
    await new Promise((resolve) => setImmediate(resolve))
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    for (const [socket, connection] of connections) if (isIdle(socket, connection)) socket.destroy()
    const patience = Math.max(0, Math.min(longestFarewell, deadline - clock.now()))
    const timer = clock.setTimeout(() => {
      for (const socket of connections.keys()) socket.destroy()
    }, patience)
    await closed
    clock.clearTimeout(timer)
  }
}

const isIdle = (socket: Socket, { running, readAtRest }: Connection): boolean =>
  running === 0 && readAtRest !== undefined && socket.bytesRead === readAtRest

const clientErrors: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
}

function endRaw(socket: Duplex, status: string): void {
  if (socket.writable) socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
  socket.destroy()
}

function refuse(
  response: ServerResponse,
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  if (response.destroyed) return
  if (response.headersSent) return void response.destroy()
  // A body we did not ask for is not worth reading to its end.
  response.shouldKeepAlive = false
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': text.length,
    ...headers,
  })
  response.end(text)
}

/** The path of a request target in origin or absolute form; undefined for any other. */
function pathOf(target: string | undefined): string | undefined {
  const absolute = /^https?:\/\/[^/?#]*/i.exec(target ?? '')
  const rest = absolute ? target!.slice(absolute[0].length) || '/' : (target ?? '')
  return rest.startsWith('/') ? rest.replace(/[?#].*$/s, '') : undefined
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): TelemetryError {
  const where = `${host.includes(':') ? `[${host}]` : host}:${port}`
  return error.code === 'EADDRINUSE'
    ? new TelemetryError('PORT_TAKEN', `${where} is in use by another listener`, { cause: error })
    : new TelemetryError('LISTEN_FAILED', `cannot listen on ${where}: ${messageOf(error)}`, { cause: error })
}
