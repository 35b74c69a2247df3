import type { Bus } from '../bus/bus.ts'
import { messageOf, typeOf } from '../errors.ts'
import type { Ingress } from '../ingress.ts'
import type { Logger } from '../logger.ts'

/** Counts what bridges throw as failures of handlers, and logs the first of each bridge. */
export function createBridgeFailures(bus: Pick<Bus, 'emitSelf'>, logger: Logger): Ingress['bridgeFailed'] {
  const logged = new Set<string>()
  return (bridge, channel, thrown) => {
    const handler = `bridge:${bridge}`
    const error = { type: typeOf(thrown), message: messageOf(thrown) }
    bus.emitSelf(
      'telemetry.handler.failed',
      { count: 1 },
      { handler, event: channel, error, detached: false },
    )
    if (logged.has(bridge)) return
    logged.add(bridge)
    logger.warn(
      { bridge, channel, error: error.message },
      'a bridge failed on a message; later failures are counted only',
    )
  }
}
