import type { RequestOptions } from 'node:http'
import { deflate, gzip } from 'node:zlib'
import { type Clock, createSystemClock } from '../../clock.ts'
import { TelemetryError } from '../../errors.ts'
import type { AbortSource } from '../abort-source.ts'
import { type ForbidAddress, refuseForbidden, refuseUnresolved } from './address.ts'
import type { TlsKeys } from './advice.ts'
import { type Attempt, beginRequest, failed } from './attempt.ts'
import { checkHeaders, checkUrl } from './check.ts'
import { openConnections } from './connections.ts'
import { type HttpProxy, parseProxy } from './proxy.ts'
import { redactor, secretsOf } from './redact.ts'
import type { TlsMaterial } from './tls.ts'
import { serverNameOf } from './tunnel.ts'

export type { ForbidAddress } from './address.ts'
export type { TlsKeys } from './advice.ts'
export type { Attempt } from './attempt.ts'
export {
  classifyStatus,
  HttpStatusError,
  type OutcomeRules,
  outcomeOf,
  type StatusClass,
} from './outcome.ts'
export { type ProxySettings, proxyFor } from './proxy.ts'
export { redactor } from './redact.ts'
export { parseRetryAfter } from './retry-after.ts'
export { readTls, type TlsMaterial } from './tls.ts'

/** `deflate` is the zlib format, which is what HTTP means by it. */
export type Compression = 'none' | 'gzip' | 'deflate'

export interface HttpClientOptions {
  /** `http:` or `https:`, without credentials in it. A query is sent, and never shown. */
  readonly url: string
  /** Sent with every request. Those that frame the message (`Host`, `Content-Length`, …) are refused. */
  readonly headers?: Readonly<Record<string, string>>
  /** Default `none`. */
  readonly compression?: Compression
  /** PEM texts; `readTls` makes them from file paths. */
  readonly tls?: TlsMaterial
  /** The configuration keys that `tls` comes from: errors name them. Default: errors speak of Node's own settings. */
  readonly tlsKeys?: TlsKeys
  /** Default `telemachine`. A `user-agent` among the headers wins. */
  readonly userAgent?: string
  /** A longer response is cut and its connection closed. Default 4 MiB. */
  readonly maxResponseBytes?: number
  /** Default true: an idle connection is kept for 4 s, or less if the server says so. */
  readonly keepAlive?: boolean
  /** Checked against the address itself, after the name was resolved. */
  readonly forbidAddress?: ForbidAddress
  /**
   * The URL of a proxy, with or without credentials; `proxyFor` chooses one. Plain http is sent to it in absolute form,
   * https through a tunnel (CONNECT). Default: none.
   */
  readonly proxy?: string | undefined
  /** Runs `timeoutMs`. Default: the system clock. */
  readonly clock?: Clock
}

export interface PostOptions {
  /** Aborted at the attempt's deadline, or when the answer is no longer needed. */
  readonly signal?: AbortSource
  /** A deadline of the request's own, for callers whose signal has none. */
  readonly timeoutMs?: number
  /** Added to the client's, and stronger. */
  readonly headers?: Readonly<Record<string, string>>
  /** An absolute path (and query) on the same origin, instead of the URL's. */
  readonly path?: string
}

export interface HttpClient {
  /**
   * One request, sent once: no retry, no redirect. A kept connection that turns out closed before anything was sent gives
   * way to another; one that ends later says so (`stale`), because the server may have acted. Never rejects; resolves at
   * the latest when the signal aborts, at `timeoutMs`, or on `close()`. The body must not change until then, nor later
   * unless the response says that all of it was `written`.
   */
  post(body: Uint8Array, options?: PostOptions): Promise<Attempt>
  /** Hides this client's header values and query values in a text, such as a backend's error. */
  redact(text: string): string
  /** Open connections, idle ones included. */
  connections(): number
  /** Stops what is under way, destroys every connection and resolves when they are closed. */
  close(): Promise<void>
}

const defaultMaxResponseBytes = 4 * 1024 * 1024
const maxHeaderSize = 16 * 1024

/**
 * A client for one destination, with connections of its own; none is opened yet.
 * Throws a TelemetryError: `HTTP_URL_INVALID`, `HTTP_HEADER_INVALID`, `HTTP_ADDRESS_FORBIDDEN`, `TLS_INVALID`.
 */
export function openHttpClient(options: HttpClientOptions): HttpClient {
  const url = checkUrl(options.url)
  const secure = url.protocol === 'https:'
  const hostname = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const { forbidAddress, compression = 'none', clock = createSystemClock() } = options
  const proxy = options.proxy === undefined ? undefined : parseProxy(options.proxy)
  if (forbidAddress) {
    refuseForbidden(url, forbidAddress)
    if (proxy) refuseForbidden(proxy.url, forbidAddress)
    if (proxy) refuseUnresolved(hostname)
  }
  const forwarded = proxy !== undefined && !secure

  const headers = {
    ...checkHeaders({ 'user-agent': options.userAgent ?? 'telemachine', ...checkHeaders(options.headers) }),
    'accept-encoding': 'identity',
    ...(compression !== 'none' && { 'content-encoding': compression }),
    ...(forwarded && proxy.authorization !== undefined && { 'proxy-authorization': proxy.authorization }),
    ...(forwarded && { host: url.host }),
  }
  const connections = openConnections({ ...options, proxy }, secure)
  /** An absolute-form request names its origin, so that the proxy knows where it goes. */
  const target = (path: string): string => (forwarded ? `${url.origin}${path}` : path)
  const base: RequestOptions & { servername?: string } = {
    agent: connections.agent,
    method: 'POST',
    ...(forwarded
      ? { hostname: proxy.hostname, port: proxy.port, servername: serverNameOf(proxy) }
      : { hostname, port: url.port || (proxy ? 443 : '') }),
    path: target(`${url.pathname}${url.search}`),
    maxHeaderSize,
    insecureHTTPParser: false,
  }
  const underWay = new Set<(cause: TelemetryError) => void>()
  let closing: Promise<void> | undefined

  const begin = (
    body: Uint8Array,
    { headers: extra, path }: PostOptions,
    settle: (attempt: Attempt) => void,
  ) =>
    beginRequest(
      {
        secure: forwarded ? proxy.secure : secure,
        body,
        via: proxy && { proxy, forwarded },
        from: shown(url, path),
        tlsKeys: options.tlsKeys,
        wasIdle: connections.wasIdle,
        maxResponseBytes: options.maxResponseBytes ?? defaultMaxResponseBytes,
        options: {
          ...base,
          path: path === undefined ? base.path : target(path),
          headers: { ...headers, ...checkHeaders(extra), 'content-length': body.byteLength },
        },
      },
      settle,
    )

  const post: HttpClient['post'] = (body, options = {}) =>
    new Promise((resolve) => {
      const { signal, timeoutMs, path } = options
      const from = `${shown(url, path)}${throughProxy(proxy)}`
      if (closing)
        return resolve(failed(new TelemetryError('HTTP_CLOSED', `the client of ${from} is closed`)))
      if (signal?.aborted) return resolve(failed(abortError(signal, from)))

      let timer: unknown
      let settled = false
      const settle = (attempt: Attempt): void => {
        settled = true
        if (timer !== undefined) clock.clearTimeout(timer)
        signal?.removeEventListener('abort', onAbort)
        underWay.delete(stop)
        resolve(attempt)
      }
      let halt = (cause: TelemetryError): void => settle(failed(cause))
      const stop = (cause: TelemetryError): void => halt(cause)
      const onAbort = (): void => stop(abortError(signal!, from))

      underWay.add(stop)
      signal?.addEventListener('abort', onAbort)
      if (timeoutMs !== undefined) timer = clock.setTimeout(() => stop(timeoutError(from)), timeoutMs)

      const start = (packed: Uint8Array): void => {
        connections.dropExpired()
        halt = begin(packed, options, (attempt) => {
          if (attempt.type === 'failed') connections.dropIdle()
          if (attempt.type === 'failed' && attempt.stale && attempt.sent === 'nothing') start(packed)
          else settle(attempt)
        })
      }

      const send = (error: Error | null, packed: Uint8Array): void => {
        if (settled) return
        try {
          if (error) throw new TelemetryError('HTTP_COMPRESSION_FAILED', error.message)
          start(packed)
        } catch (thrown) {
          settle(failed(invalid(thrown, from)))
        }
      }
      if (compression === 'none') send(null, body)
      else if (compression === 'gzip') gzip(body, send)
      else deflate(body, send)
    })

  const close = (): Promise<void> => {
    closing ??= connections.destroy()
    const cause = new TelemetryError('HTTP_CLOSED', `the client of ${url.origin} was closed`)
    for (const stop of [...underWay]) stop(cause)
    return closing
  }

  return {
    post,
    close,
    redact: redactor([...secretsOf(headers, url), ...(proxy?.secrets ?? [])]),
    connections: connections.count,
  }
}

/** As far as a URL may be shown: without its query. */
const shown = (url: URL, path = url.pathname): string => `${url.origin}${path.replace(/[?#].*$/s, '')}`

const throughProxy = (proxy: HttpProxy | undefined): string =>
  proxy === undefined ? '' : ` through the proxy ${proxy.origin}`

const invalid = (thrown: unknown, from: string): TelemetryError =>
  thrown instanceof TelemetryError
    ? thrown
    : new TelemetryError(
        'HTTP_REQUEST_INVALID',
        `the request to ${from} cannot be made: its headers, path or options are invalid`,
      )

const timeoutError = (from: string): TelemetryError =>
  new TelemetryError('HTTP_TIMEOUT', `${from} did not answer in time`)

function abortError(signal: AbortSource, from: string): TelemetryError {
  const { reason } = signal
  // A DOMException, of another realm in Jest.
  if ((reason as Partial<DOMException> | undefined)?.name === 'TimeoutError') return timeoutError(from)
  return new TelemetryError('HTTP_ABORTED', `the request to ${from} was aborted`)
}
