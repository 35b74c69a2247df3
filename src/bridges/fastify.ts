import { type BridgedTelemetry, createBridge, type Unsubscribe } from './bridge.ts'
import { setError, setRoute } from './route.ts'

/** What Fastify 5 publishes on `tracing:fastify.request.handler`. */
interface HandlerMessage {
  readonly request: { readonly raw: Parameters<typeof setRoute>[0] }
  readonly route: { readonly url?: string }
  readonly error?: unknown
}

/**
 * Tells the spans of {@link bridgeHttpServer} the route of each request that Fastify (5 or later) handles, and the error
 * that its handler failed with. Requests that a hook answers before the handler have no route. Makes no spans itself.
 * Returns an unsubscribe function.
 * @throws TelemetryError `TELEMETRY_INVALID`; `BRIDGE_EXISTS` if `telemetry` has this bridge already.
 */
export function bridgeFastify(telemetry: BridgedTelemetry): Unsubscribe {
  const bridge = createBridge(telemetry, 'fastify')
  bridge.on<HandlerMessage>('tracing:fastify.request.handler:start', ({ request, route }) => {
    if (route.url !== undefined) setRoute(request.raw, route.url)
  })
  bridge.on<HandlerMessage>('tracing:fastify.request.handler:error', ({ request, error }) => {
    setError(request.raw, error)
  })
  return bridge.end
}
