import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Clock, createSystemClock } from '../clock.ts'
import { messageOf, TelemetryError } from '../errors.ts'
import { type Answer, writeAnswer } from '../http-server/answer.ts'
import { inUrl, isLoopback } from '../http-server/host.ts'
import { type HttpServer, openHttpServer } from '../http-server/server.ts'
import { guardedLogger, type Logger, stderrLogger } from '../logger.ts'
import { commonHeaders, refusal } from './answer.ts'
import { createFeed, eventHeaders } from './feed.ts'
import { createFleetRoute } from './fleet.ts'
import type { AdminFleet } from './fleet-port.ts'
import { createGate } from './gate.ts'
import type { AdminTelemetry } from './port.ts'
import { createRoutes, type Stream } from './routes.ts'
import { createSamples } from './samples.ts'
import { createTaps, tapHeaders } from './tap.ts'

/** The options of {@link createAdmin}. */
export interface AdminOptions {
  /** Bearer token of every request but the page's own files and the probes. 1 to 1,024 visible ASCII characters. */
  readonly token?: string
  /**
   * Requests from this machine's loopback address need no token. Then any program and any user on this machine may
   * change the configuration. Requests that a proxy passed on still need the token. Default false.
   */
  readonly allowUnauthenticatedLoopback?: boolean
  /** The address of `listen()`. Default 127.0.0.1. An address other than loopback requires a token. */
  readonly host?: string
  /** The port of `listen()`. Default 0, any free port. */
  readonly port?: number
  /** Names, `name` or `name:port`, that a Host header may carry besides those of loopback and `host`. */
  readonly allowedHosts?: readonly string[]
  /** Origins, such as `https://ops.example.com`, besides the server's own, such as that of a proxy in front of it. */
  readonly allowedOrigins?: readonly string[]
  /** Path at which `handler` is mounted, such as `/admin`. Omit it if the framework strips the path (Express). */
  readonly basePath?: string
  /** How long a request may take to arrive. Default 10,000. */
  readonly requestTimeoutMs?: number
  /** A logger with the methods of pino. Default: warnings and errors go to stderr. */
  readonly logger?: Logger
  /**
   * The fleet that the page shows, such as `natsFleet({ servers })` of `telemachine/nats`. `close()` of the admin API
   * closes it. Default: none.
   */
  readonly fleet?: AdminFleet
  /** Times the samples of the last hour. Default: the system's. A test may give a simulated one. */
  readonly clock?: Clock
}

/** The admin API of a telemetry system, made by {@link createAdmin}. */
export interface Admin {
  /** For `http.createServer`, Express (`app.use('/admin', admin.handler)`) or Fastify's raw request. Never throws. */
  readonly handler: (request: IncomingMessage, response: ServerResponse) => void
  /**
   * A server of its own; the second call gets the first's. Rejects with a TelemetryError `PORT_TAKEN`,
   * `LISTEN_FAILED`, `ADMIN_CLOSED`, or `ADMIN_TOKEN_REQUIRED` when `host` is not loopback and there is no token.
   */
  listen(): Promise<{ readonly url: string }>
  /** Ends every stream, connection and listener. The handler answers 503 from now on. */
  close(): Promise<void>
}

const loopbackNames = ['localhost', '127.0.0.1', '[::1]']

function basePathOf(path: string | undefined): string {
  const base = (path ?? '').replace(/\/+$/, '')
  if (base !== '' && !/^(\/[\w.~-]+)+$/.test(base)) {
    throw new TelemetryError(
      'ADMIN_BASE_PATH_INVALID',
      'basePath must be a path such as /admin, of letters, digits and . _ ~ -',
    )
  }
  return base
}

/**
 * The admin API and the live page of a telemetry system. Nothing listens until `listen`, or until `handler` is
 * mounted; counters are sampled every 10 s from now on, for a history of the last hour. @throws TelemetryError
 * `ADMIN_TOKEN_REQUIRED`, `ADMIN_TOKEN_INVALID`, `ADMIN_BASE_PATH_INVALID`.
 */
export function createAdmin(telemetry: AdminTelemetry, options: AdminOptions = {}): Admin {
  const { token, allowUnauthenticatedLoopback = false, host = '127.0.0.1', port = 0 } = options
  const { requestTimeoutMs = 10_000, clock = createSystemClock() } = options
  const logger = guardedLogger(options.logger ?? stderrLogger)
  const basePath = basePathOf(options.basePath)
  const names = [...loopbackNames, inUrl(host), ...(options.allowedHosts ?? [])]
  const gate = createGate({
    token,
    waived: allowUnauthenticatedLoopback,
    hosts: new Set(names.map((name) => name.toLowerCase())),
    origins: new Set((options.allowedOrigins ?? []).map((origin) => origin.toLowerCase())),
  })
  const samples = createSamples(telemetry, clock)
  const { fleet } = options
  const routeOf = createRoutes(telemetry, gate, samples, fleet && createFleetRoute(fleet))
  const feed = createFeed(telemetry, fleet !== undefined)
  const taps = createTaps(telemetry)
  let server: Promise<HttpServer> | undefined
  let closed = false

  const answer = async (request: IncomingMessage, path: string): Promise<Answer | Stream> => {
    const route = routeOf(path)
    const access = route?.access ?? 'api'
    const refused = gate.admits(request, access) ?? (access === 'api' ? gate.authorizes(request) : undefined)
    if (refused) return refused
    if (!route) return refusal(404, 'ADMIN_NOT_FOUND', 'there is no such path')
    const { methods } = route
    const method = request.method === 'HEAD' && methods.GET ? 'GET' : (request.method ?? '')
    const act = Object.hasOwn(methods, method) ? methods[method] : undefined
    if (act) return act({ request, patienceMs: requestTimeoutMs })
    const allowed = Object.keys(methods).flatMap((name) => (name === 'GET' ? ['GET', 'HEAD'] : [name]))
    return refusal(405, 'ADMIN_METHOD', `this path accepts only ${allowed.join(', ')}`, {
      headers: { allow: allowed.join(', ') },
    })
  }

  const write = (request: IncomingMessage, response: ServerResponse, answer: Answer): Promise<void> =>
    writeAnswer(request, response, { ...answer, headers: { ...commonHeaders, ...answer.headers } })

  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (closed) return write(request, response, refusal(503, 'ADMIN_CLOSED', 'the admin API is closed'))
    const path = pathOf(request.url, basePath)
    if (typeof path !== 'string') return write(request, response, path)
    const slash = path === '' ? missingSlash(request) : undefined
    const result = slash ?? (await answer(request, path))
    if (typeof result === 'object') return write(request, response, result)
    if (request.method === 'HEAD') {
      const headers = result === 'tap' ? tapHeaders : eventHeaders
      return write(request, response, { status: 200, headers })
    }
    const refused = follow(result, request, response)
    if (refused) return write(request, response, refused)
  }

  const follow = (stream: Stream, request: IncomingMessage, response: ServerResponse): Answer | undefined => {
    if (stream === 'tap') return taps.follow(request, response)
    return feed.follow(response)
      ? undefined
      : refusal(503, 'ADMIN_BUSY', 'too many live pages are open: close one, and try again')
  }

  const ignore = (): void => {}

  const handler: Admin['handler'] = (request, response) => {
    // A client that vanishes at any moment is no news.
    request.on('error', ignore)
    response.on('error', ignore)
    respond(request, response).catch((thrown: unknown) => {
      logger.error({ error: messageOf(thrown) }, 'the admin API failed to answer a request')
      const failed = refusal(500, 'ADMIN_FAILED', 'the request could not be answered; the log says why')
      write(request, response, failed).catch(() => response.destroy())
    })
  }

  return {
    handler,
    async listen() {
      if (closed) throw new TelemetryError('ADMIN_CLOSED', 'the admin API is closed')
      if (token === undefined && !isLoopback(host)) {
        throw new TelemetryError(
          'ADMIN_TOKEN_REQUIRED',
          `the admin API needs the option token to listen on ${host}, which is not a loopback address`,
        )
      }
      const serverClock = createSystemClock()
      server ??= openHttpServer({ host, port, handler, clock: serverClock, logger, requestTimeoutMs }).catch(
        (error) => {
          server = undefined
          throw error
        },
      )
      return { url: `http://${inUrl(host)}:${(await server).port}/` }
    },
    async close() {
      closed = true
      feed.close()
      taps.close()
      samples.close()
      await (await server?.catch(() => undefined))?.close(0)
      await fleet?.close()
    },
  }
}

/** Returns the path below ours, without slashes around it. Refuses a target that is not a plain path. */
function pathOf(target: string | undefined, basePath: string): string | Answer {
  const [raw = ''] = (target ?? '').split(/[?#]/, 1)
  const bad = refusal(400, 'ADMIN_BAD_REQUEST', 'the request target is not a path')
  if (!raw.startsWith('/') || raw.startsWith('//')) return bad
  if (raw !== basePath && !raw.startsWith(`${basePath}/`))
    return refusal(404, 'ADMIN_NOT_FOUND', 'there is no such path')
  // Nothing we offer has a name that needs escaping, so nothing is unescaped.
  return raw.slice(basePath.length + 1)
}

/** The page's addresses are relative to its folder: `/admin` has to become `/admin/`. */
function missingSlash(request: IncomingMessage): Answer | undefined {
  const { originalUrl = request.url ?? '' } = request as IncomingMessage & { originalUrl?: string }
  const [path = ''] = originalUrl.split(/[?#]/, 1)
  const [last] = /[\w.~-]+$/.exec(path) ?? []
  return last === undefined ? undefined : { status: 308, headers: { location: `${last}/` } }
}
