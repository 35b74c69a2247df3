import { isTracingSuppressed } from '../opentelemetry/active-span.ts'
import {
  type Attributes,
  addOriginalMethod,
  addServer,
  defaultPortOf,
  keys,
  knownMethod,
  pathOf,
} from './attributes.ts'
import { type BridgedTelemetry, createBridge, type Unsubscribe } from './bridge.ts'
import { ClientExchange, clientSpanName } from './client-exchange.ts'

/**
 * A request as undici shows it: `origin` is a text or a URL, `headers` a list of names and values, or a text in old
 * versions.
 */
export interface UndiciRequest {
  readonly method: string
  readonly path: string
  readonly origin: string | URL
  readonly headers: unknown
  /** A connection that will speak another protocol. */
  readonly upgrade?: unknown
  addHeader(name: string, value: string): unknown
}

/** The options of {@link bridgeUndici}. */
export interface UndiciBridgeOptions {
  /** Returns true for requests that get no span and no `traceparent`. Called when a request is made. */
  readonly ignore?: (request: UndiciRequest) => boolean
  /** More attributes of the span, read when the request is made. They do not become labels. */
  readonly attributes?: (request: UndiciRequest) => object
  /** More attributes that are labels too, read when the request has ended: use few different values. */
  readonly labels?: (request: UndiciRequest) => object
}

interface RequestMessage {
  readonly request: UndiciRequest
}
interface HeadersMessage extends RequestMessage {
  readonly response: { readonly statusCode: number }
}
interface ErrorMessage extends RequestMessage {
  readonly error: unknown
}

const createChannel = 'undici:request:create'

/**
 * A span `http.client.request` for each request of undici, which Node's `fetch` is made of; each hop of a redirect is
 * one. It is a child of the span around the call, sends `traceparent` and `tracestate` unless the request has a
 * `traceparent`, and ends when the response was read: as an error for a status of 400 and more, and for what the
 * request failed with. A response that is never read has no end: exporters drop its span after their `span_ttl`.
 *
 * CONNECT and upgrades are left alone, and so is what an OpenTelemetry SDK does untraced.
 * Returns an unsubscribe function: the spans of requests in flight still end. Never disturbs a request.
 * @throws TelemetryError `TELEMETRY_INVALID`; `BRIDGE_EXISTS` if `telemetry` has this bridge already.
 */
export function bridgeUndici(telemetry: BridgedTelemetry, options: UndiciBridgeOptions = {}): Unsubscribe {
  const bridge = createBridge(telemetry, 'undici')
  const exchangeKey = Symbol('telemachine.exchange')
  type Carrier = { [exchangeKey]?: ClientExchange | undefined }

  const end = (request: UndiciRequest): void => {
    const exchange = (request as Carrier)[exchangeKey]
    if (exchange === undefined) return
    ;(request as Carrier)[exchangeKey] = undefined
    try {
      exchange.end(options.labels && bridge.ask(createChannel, options.labels, request))
    } finally {
      bridge.release()
    }
  }

  bridge.on<RequestMessage>(createChannel, ({ request }) => {
    if (request.upgrade || request.method === 'CONNECT' || isTracingSuppressed()) return
    if (options.ignore && bridge.ask(createChannel, options.ignore, request) === true) return
    const method = knownMethod(request.method)
    const { protocol, host } = originOf(request.origin)
    const port = defaultPortOf(protocol)
    const attributes: Attributes = { span_kind: 'client', [keys.method]: method }
    addOriginalMethod(attributes, method, request.method)
    attributes[keys.url] = `${protocol}//${host}${pathOf(request.path)}`
    addServer(attributes, host, port)
    const more = options.attributes && bridge.ask(createChannel, options.attributes, request)
    const span = bridge.spans.open(clientSpanName, more ? { ...attributes, ...more } : attributes, false)
    if (span === undefined) return
    ;(request as Carrier)[exchangeKey] = new ClientExchange(span, method, host, port)
    bridge.hold()
    if (hasTraceparent(request.headers)) return
    request.addHeader('traceparent', span.traceparent)
    if (span.tracestate !== undefined) request.addHeader('tracestate', span.tracestate)
  })
  bridge.on<HeadersMessage>(
    'undici:request:headers',
    ({ request, response }) => {
      const exchange = (request as Carrier)[exchangeKey]
      if (exchange !== undefined) exchange.status = response.statusCode
    },
    true,
  )
  bridge.on<RequestMessage>('undici:request:trailers', ({ request }) => end(request), true)
  bridge.on<ErrorMessage>(
    'undici:request:error',
    ({ request, error }) => {
      ;(request as Carrier)[exchangeKey]?.fail(error)
      end(request)
    },
    true,
  )
  return bridge.end
}

/** An origin is `https://host:port`, and no more. */
function originOf(origin: string | URL): { readonly protocol: string; readonly host: string } {
  const text = String(origin)
  const at = text.indexOf('://')
  if (at < 0) return { protocol: 'http:', host: text }
  const host = text.slice(at + 3)
  const end = host.indexOf('/')
  return { protocol: text.slice(0, at + 1), host: end < 0 ? host : host.slice(0, end) }
}

function hasTraceparent(headers: unknown): boolean {
  if (typeof headers === 'string') return /^traceparent:/im.test(headers)
  if (!Array.isArray(headers)) return false
  for (let i = 0; i < headers.length; i += 2)
    if (String(headers[i]).length === 11 && String(headers[i]).toLowerCase() === 'traceparent') return true
  return false
}
