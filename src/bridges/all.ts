import type { BridgedTelemetry, Unsubscribe } from './bridge.ts'
import { bridgeFastify } from './fastify.ts'
import { bridgeHttpClient, type HttpClientBridgeOptions } from './http-client.ts'
import { bridgeHttpServer, type HttpServerBridgeOptions } from './http-server.ts'
import { bridgeUndici, type UndiciBridgeOptions } from './undici.ts'

/** The options of {@link bridgeAll}: those of each bridge. */
export interface AllBridgesOptions {
  /** Options of {@link bridgeHttpServer}. */
  readonly httpServer?: HttpServerBridgeOptions
  /** Options of {@link bridgeHttpClient}. */
  readonly httpClient?: HttpClientBridgeOptions
  /** Options of {@link bridgeUndici}. */
  readonly undici?: UndiciBridgeOptions
}

/**
 * All bridges for HTTP: {@link bridgeHttpServer}, {@link bridgeFastify}, {@link bridgeHttpClient} and
 * {@link bridgeUndici}. Returns a function that unsubscribes all of them.
 * @throws TelemetryError `TELEMETRY_INVALID`; `BRIDGE_EXISTS` if `telemetry` has one of them already: then none is added.
 */
export function bridgeAll(telemetry: BridgedTelemetry, options: AllBridgesOptions = {}): Unsubscribe {
  const bridged: Unsubscribe[] = []
  const end = (): void => {
    for (const unsubscribe of bridged) unsubscribe()
  }
  try {
    bridged.push(bridgeHttpServer(telemetry, options.httpServer))
    bridged.push(bridgeFastify(telemetry))
    bridged.push(bridgeHttpClient(telemetry, options.httpClient))
    bridged.push(bridgeUndici(telemetry, options.undici))
  } catch (error) {
    end()
    throw error
  }
  return end
}
