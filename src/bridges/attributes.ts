import { isError, typeOf } from '../errors.ts'

/** Names of the OpenTelemetry semantic conventions for HTTP, stable since 1.23. */
export const keys = {
  method: 'http.request.method',
  originalMethod: 'http.request.method_original',
  route: 'http.route',
  status: 'http.response.status_code',
  errorType: 'error.type',
  scheme: 'url.scheme',
  path: 'url.path',
  url: 'url.full',
  serverAddress: 'server.address',
  serverPort: 'server.port',
  peerAddress: 'network.peer.address',
  protocolVersion: 'network.protocol.version',
  userAgent: 'user_agent.original',
} as const

/** Plain metadata: strings, numbers. */
export type Attributes = Record<string, unknown>

const methods = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'CONNECT',
  'OPTIONS',
  'TRACE',
  'PATCH',
  'QUERY',
])
const otherMethod = '_OTHER'

/** A method that the conventions know, or `_OTHER`: clients make methods up. */
export const knownMethod = (method: string | undefined): string =>
  method !== undefined && methods.has(method) ? method : otherMethod

/** Adds the method as it was sent, if it is not a known one. */
export function addOriginalMethod(attributes: Attributes, known: string, method: string | undefined): void {
  if (known === otherMethod && method !== undefined) attributes[keys.originalMethod] = method
}

/** The conventions want `HTTP` where a span is named after an unknown method. */
export const methodInName = (known: string): string => (known === otherMethod ? 'HTTP' : known)

/** Without the query, which often holds secrets. */
export function pathOf(target: string): string {
  const query = target.indexOf('?')
  const path = query < 0 ? target : target.slice(0, query)
  const fragment = path.indexOf('#')
  return fragment < 0 ? path : path.slice(0, fragment)
}

/** Adds `server.address` and `server.port` of a host such as `a.example:8080` or `[::1]:80`. */
export function addServer(attributes: Attributes, host: string, defaultPort: number | undefined): void {
  const end = host.startsWith('[') ? host.indexOf(']') + 1 : host.indexOf(':')
  const name = end <= 0 ? host : host.slice(0, end)
  const port = end <= 0 || host.charCodeAt(end) !== 58 ? defaultPort : Number(host.slice(end + 1))
  attributes[keys.serverAddress] = name.startsWith('[') && name.endsWith(']') ? name.slice(1, -1) : name
  if (port !== undefined && Number.isInteger(port)) attributes[keys.serverPort] = port
}

export const defaultPortOf = (protocol: string): number => (protocol.startsWith('https') ? 443 : 80)

/** `error.type` of what went wrong: the code of a system error, or else the class. Few different values. */
export function errorTypeOf(error: unknown): string {
  try {
    const { code } = error as { code?: unknown }
    if (isError(error) && typeof code === 'string' && code !== '' && code.length <= 64) return code
  } catch {
    // A getter of a strange error.
  }
  return typeOf(error)
}

/** Labels of the application beside ours. The id and the error of the event are not theirs to set. */
export function withLabels(attributes: Attributes, labels: object | undefined): Attributes {
  if (labels === undefined || labels === null) return attributes
  const merged: Attributes = { ...attributes, ...labels }
  for (const key of ['correlation_id', 'request_id', 'error']) delete merged[key]
  return merged
}
