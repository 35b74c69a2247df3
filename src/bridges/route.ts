import type { IncomingMessage } from 'node:http'

/** Fields that frameworks add to a request while they handle it. */
interface Told {
  route: string | undefined
  error: unknown
}

// Shared by all bridges of the process, and gone with the request.
const toldKey = Symbol('telemachine.told')

type Telling = { [toldKey]?: Told }

const toldOf = (request: object): Told => {
  const telling = request as Telling
  telling[toldKey] ??= { route: undefined, error: undefined }
  return telling[toldKey]
}

/**
 * Says which route serves a request, as its template (`/users/:id`): for routers that {@link bridgeHttpServer} does not
 * know. `request` is Node's own, `context.req` of Koa for example. It has to be said before the response has been sent.
 * Does nothing for a value that is not an object.
 */
export function setRoute(request: IncomingMessage, route: string): void {
  if (typeof request === 'object' && request !== null && typeof route === 'string')
    toldOf(request).route = route
}

/** Says what a request failed with, for the span. */
export const setError = (request: object, error: unknown): void => {
  toldOf(request).error = error
}

export const errorOf = (request: object): unknown => (request as Telling)[toldKey]?.error

/** The route that was told, or that Express has left in its request. */
export function routeOf(request: object): string | undefined {
  return (request as Telling)[toldKey]?.route ?? expressRoute(request)
}

function expressRoute(request: object): string | undefined {
  const { route, baseUrl } = request as { route?: { path?: unknown }; baseUrl?: unknown }
  if (typeof route !== 'object' || route === null) return undefined
  const { path } = route
  const base = typeof baseUrl === 'string' ? baseUrl : ''
  if (typeof path === 'string') return path === '/' && base !== '' ? base : base + path
  return path instanceof RegExp ? base + String(path) : undefined
}
