import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { BridgedFailure, BridgedSpan } from '../bus/bridged-span.ts'
import { isTraceparent } from '../bus/traceparent.ts'
import { isOwn } from '../own-traffic.ts'
import {
  type Attributes,
  addOriginalMethod,
  addServer,
  defaultPortOf,
  errorTypeOf,
  keys,
  knownMethod,
  pathOf,
  withLabels,
} from './attributes.ts'
import { type BridgedTelemetry, createBridge, type Unsubscribe } from './bridge.ts'
import { errorOf, routeOf } from './route.ts'
import { createRouteNames } from './route-names.ts'

/** The options of {@link bridgeHttpServer}. */
export interface HttpServerBridgeOptions {
  /** Returns true for requests that are not recorded, such as health checks. Called when a request arrives. */
  readonly ignore?: (request: IncomingMessage) => boolean
  /**
   * The template of the route that served a request, `/users/:id` for example. Default: what Express or Fastify says.
   */
  readonly route?: (request: IncomingMessage) => string | undefined
  /** More attributes of the span, read when the request arrives. They do not become labels. */
  readonly attributes?: (request: IncomingMessage) => object
  /** More attributes that are labels too, read when the response has ended: use few different values. */
  readonly labels?: (request: IncomingMessage, response: ServerResponse) => object
}

interface ServerMessage {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly socket: Socket
  readonly server: object
}

const spanName = 'http.server.request'
const startChannel = 'http.server.request.start'
const finishChannel = 'http.server.response.finish'

/** A request that is being answered. */
class Exchange {
  readonly span: BridgedSpan
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly method: string
  readonly scheme: string

  constructor(span: BridgedSpan, { request, response }: ServerMessage, method: string, scheme: string) {
    this.span = span
    this.request = request
    this.response = response
    this.method = method
    this.scheme = scheme
  }
}

/** Another bridge of the process, of another telemetry system, has entered a span for the request. */
const enteredKey = Symbol('telemachine.entered')

/**
 * A span `http.server.request` for each request that a server of `node:http` or `node:https` receives, also under
 * Express, Fastify and the like. It is the parent of what runs while the request is handled, continues the `traceparent`
 * of the request, and ends with the response: as an error for a status of 500 and more and for a connection that ends
 * before. Prometheus and Datadog get its duration with method, scheme, route and status as labels.
 *
 * Requests of telemachine's own servers, upgrades, CONNECT and HTTP/2 are left alone.
 * Returns an unsubscribe function: the spans of requests in flight still end. Never disturbs the server.
 * @throws TelemetryError `TELEMETRY_INVALID`; `BRIDGE_EXISTS` if `telemetry` has this bridge already.
 */
export function bridgeHttpServer(
  telemetry: BridgedTelemetry,
  options: HttpServerBridgeOptions = {},
): Unsubscribe {
  const bridge = createBridge(telemetry, 'http.server')
  const { spans } = bridge
  const names = createRouteNames()
  const exchangeKey = Symbol('telemachine.exchange')
  const connectionKey = Symbol('telemachine.connection')
  type Carrier = { [exchangeKey]?: Exchange; [enteredKey]?: true }
  type Connection = { [connectionKey]?: Set<Exchange> }

  /** The open exchanges of a connection, which count as aborted when it closes. One listener serves all of them. */
  const openOn = (socket: Socket): Set<Exchange> => {
    const connection = socket as Connection
    if (connection[connectionKey] !== undefined) return connection[connectionKey]
    const open = new Set<Exchange>()
    connection[connectionKey] = open
    bridge.hold()
    socket.once('close', () => {
      connection[connectionKey] = undefined
      try {
        for (const exchange of open) end(exchange, true)
        open.clear()
      } finally {
        bridge.release()
      }
    })
    return open
  }

  const end = (exchange: Exchange, isAborted: boolean): void => {
    const { span, request, response, method, scheme } = exchange
    const attributes: Attributes = { [keys.method]: method, [keys.scheme]: scheme }
    const told = options.route && bridge.ask(finishChannel, options.route, request)
    const named = names.of(method, told ?? routeOf(request))
    if (named.route !== undefined) attributes[keys.route] = named.route
    span.rename(named.name)
    // Without headers no client has received a status.
    const status = isAborted && !response.headersSent ? undefined : response.statusCode
    if (status !== undefined) attributes[keys.status] = status
    let failure: BridgedFailure | undefined
    if (isAborted) {
      attributes[keys.errorType] = 'aborted'
      failure = {}
    } else if (status !== undefined && status >= 500) {
      const error = errorOf(request)
      attributes[keys.errorType] = error === undefined ? String(status) : errorTypeOf(error)
      failure = { error }
    }
    const { labels } = options
    const more = labels && bridge.ask(finishChannel, () => labels(request, response), undefined)
    span.end(withLabels(attributes, more), failure)
  }

  const begin = (message: ServerMessage): BridgedSpan | undefined => {
    const { request, response, socket, server } = message
    if (!bridge.isActive() || isOwn(server)) return undefined
    if (options.ignore && bridge.ask(startChannel, options.ignore, request) === true) return undefined
    const method = knownMethod(request.method)
    const scheme = 'encrypted' in socket ? 'https' : 'http'
    const attributes = startAttributes(request, socket, method, scheme)
    const more = options.attributes && bridge.ask(startChannel, options.attributes, request)
    const span = spans.open(spanName, more ? { ...attributes, ...more } : attributes, true)
    if (span === undefined) return undefined
    const exchange = new Exchange(span, message, method, scheme)
    ;(response as Carrier)[exchangeKey] = exchange
    openOn(socket).add(exchange)
    return span
  }

  // Until the last connection is closed: where scopes are kept by connection (before Node.js 24), one that is left behind
  // would be the parent of what its next request does.
  bridge.on<ServerMessage>(
    startChannel,
    (message) => {
      const carrier = message.response as Carrier
      const span = begin(message)
      if (span === undefined) {
        if (carrier[enteredKey] === undefined) spans.enter(undefined)
        return
      }
      carrier[enteredKey] = true
      spans.enter(span.scope)
      if (hasBody(message.request)) keepEmitting(message.request, span)
    },
    true,
  )

  bridge.on<ServerMessage>(
    finishChannel,
    ({ response, socket }) => {
      const exchange = (response as Carrier)[exchangeKey]
      if (exchange === undefined) return
      ;(response as Carrier)[exchangeKey] = undefined
      ;(socket as Connection)[connectionKey]?.delete(exchange)
      end(exchange, false)
    },
    true,
  )

  return bridge.end
}

function startAttributes(
  request: IncomingMessage,
  socket: Socket,
  method: string,
  scheme: string,
): Attributes {
  const { headers } = request
  const attributes: Attributes = {
    span_kind: 'server',
    [keys.method]: method,
    [keys.scheme]: scheme,
    [keys.path]: pathOf(request.url ?? ''),
  }
  addOriginalMethod(attributes, method, request.method)
  if (headers.host !== undefined) addServer(attributes, headers.host, defaultPortOf(scheme))
  if (socket.remoteAddress !== undefined) attributes[keys.peerAddress] = socket.remoteAddress
  attributes[keys.protocolVersion] = request.httpVersion
  const agent = headers['user-agent']
  if (agent !== undefined) attributes[keys.userAgent] = agent
  const { traceparent, tracestate } = headers
  if (typeof traceparent === 'string' && isTraceparent(traceparent)) {
    attributes.traceparent = traceparent
    if (typeof tracestate === 'string') attributes.tracestate = tracestate
  }
  return attributes
}

const hasBody = ({ headers }: IncomingMessage): boolean => {
  const length = headers['content-length']
  return headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0')
}

type Emit = (this: IncomingMessage, ...parts: unknown[]) => boolean

/**
 * Has the listeners of a request run inside its span. Its body arrives outside of what handles it: since Node.js 24 an
 * `AsyncLocalStorage` that was entered when the request began is not seen there.
 */
function keepEmitting(request: IncomingMessage, span: BridgedSpan): void {
  const emit = request.emit as Emit
  const emitAll = (parts: unknown[]): boolean => Reflect.apply(emit, request, parts) as boolean
  request.emit = (...parts: unknown[]) => span.run(emitAll, parts)
}
