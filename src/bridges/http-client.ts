import type { ClientRequest, IncomingMessage } from 'node:http'
import { isTracingSuppressed } from '../opentelemetry/active-span.ts'
import { isOwn } from '../own-traffic.ts'
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

/** The options of {@link bridgeHttpClient}. */
export interface HttpClientBridgeOptions {
  /** Returns true for requests that get no span and no `traceparent`. Called when a request is made. */
  readonly ignore?: (request: ClientRequest) => boolean
  /** More attributes of the span, read when the request is made. They do not become labels. */
  readonly attributes?: (request: ClientRequest) => object
  /** More attributes that are labels too, read when the request has ended: use few different values. */
  readonly labels?: (request: ClientRequest) => object
}

interface RequestMessage {
  readonly request: ClientRequest
}
interface ResponseMessage extends RequestMessage {
  readonly response: IncomingMessage
}
interface ErrorMessage extends RequestMessage {
  readonly error: unknown
}

class HttpExchange extends ClientExchange {
  response: IncomingMessage | undefined = undefined
}

// Since Node.js 22.12. Elsewhere the first that is heard of a request is that all of it was handed to its socket.
const createdChannel = 'http.client.request.created'
const startChannel = 'http.client.request.start'

/**
 * A span `http.client.request` for each request made with `node:http` or `node:https`, axios and the like included. It is
 * a child of the span around the call, sends `traceparent` and `tracestate` (from Node.js 22.12 on; not where headers are
 * given as an array, nor where the request has a `traceparent`), and ends when the response was read: as an error for a
 * status of 400 and more, and for what the request failed with.
 *
 * Requests of telemachine's own exporters are left alone, and so is what an OpenTelemetry SDK does untraced.
 * Returns an unsubscribe function: the spans of requests in flight still end. Never disturbs a request.
 * @throws TelemetryError `TELEMETRY_INVALID`; `BRIDGE_EXISTS` if `telemetry` has this bridge already.
 */
export function bridgeHttpClient(
  telemetry: BridgedTelemetry,
  options: HttpClientBridgeOptions = {},
): Unsubscribe {
  const bridge = createBridge(telemetry, 'http.client')
  const exchangeKey = Symbol('telemachine.exchange')
  type Carrier = { [exchangeKey]?: HttpExchange | 'ignored' }
  const exchangeOf = (request: ClientRequest): HttpExchange | undefined => {
    const exchange = (request as Carrier)[exchangeKey]
    return exchange === 'ignored' ? undefined : exchange
  }

  const begin = ({ request }: RequestMessage): void => {
    const carrier = request as Carrier
    if (carrier[exchangeKey] !== undefined) return
    carrier[exchangeKey] = 'ignored'
    if (isOwn((request as { agent?: unknown }).agent) || isTracingSuppressed()) return
    if (options.ignore && bridge.ask(createdChannel, options.ignore, request) === true) return
    const method = knownMethod(request.method)
    const host = hostOf(request)
    const port = defaultPortOf(request.protocol)
    const attributes = startAttributes(request, method, host, port)
    const more = options.attributes && bridge.ask(createdChannel, options.attributes, request)
    const span = bridge.spans.open(clientSpanName, more ? { ...attributes, ...more } : attributes, false)
    if (span === undefined) return
    const exchange = new HttpExchange(span, method, host, port)
    carrier[exchangeKey] = exchange
    bridge.hold()
    // It comes for every request in the end: read, failed, destroyed.
    request.once('close', () => {
      try {
        const labels = options.labels && bridge.ask(createdChannel, options.labels, request)
        // After an upgrade only the request knows the response.
        const response = exchange.response ?? (request as { res?: IncomingMessage }).res
        exchange.status ??= response?.statusCode
        if (!exchange.hasFailed && isCut(response)) exchange.fail(undefined)
        exchange.end(labels)
      } finally {
        bridge.release()
      }
    })
    if (request.headersSent || request.hasHeader('traceparent')) return
    request.setHeader('traceparent', span.traceparent)
    if (span.tracestate !== undefined) request.setHeader('tracestate', span.tracestate)
  }

  bridge.on<RequestMessage>(createdChannel, begin)
  bridge.on<RequestMessage>(startChannel, begin)
  bridge.on<ResponseMessage>(
    'http.client.response.finish',
    ({ request, response }) => {
      const exchange = exchangeOf(request)
      if (exchange === undefined) return
      exchange.status = response.statusCode
      exchange.response = response
    },
    true,
  )
  bridge.on<ErrorMessage>(
    'http.client.request.error',
    ({ request, error }) => exchangeOf(request)?.fail(error),
    true,
  )
  return bridge.end
}

function startAttributes(request: ClientRequest, method: string, host: string, port: number): Attributes {
  const attributes: Attributes = { span_kind: 'client', [keys.method]: method }
  addOriginalMethod(attributes, method, request.method)
  attributes[keys.url] = `${request.protocol}//${host}${pathOf(request.path)}`
  addServer(attributes, host, port)
  return attributes
}

/** With its port, which only the header has. */
function hostOf(request: ClientRequest): string {
  const header = request.getHeader('host')
  if (typeof header !== 'string') return request.host
  // A name that was set by hand says nothing about the port.
  const { host } = request
  return header.startsWith(host) || header.startsWith(`[${host}]`) ? header : host
}

/** Whether a request that was closed has no whole response. What follows an upgrade or a CONNECT is no response. */
const isCut = (response: IncomingMessage | undefined): boolean =>
  response === undefined ||
  !(response.complete || response.statusCode === 101 || ('upgrade' in response && response.upgrade === true))
