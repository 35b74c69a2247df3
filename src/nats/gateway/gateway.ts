import { createSystemClock } from '../../clock.ts'
import type { ConfigSource } from '../../config/sources/source.ts'
import type { StopReport, Telemetry, TelemetryOptions } from '../../contract.ts'
import { TelemetryError } from '../../errors.ts'
import { ingressOf } from '../../ingress.ts'
import { stderrLogger } from '../../logger.ts'
import { connectTo } from '../../nats-client/connection.ts'
import { loadJetStream } from '../../nats-client/packages.ts'
import { checkedName, type NatsServers } from '../../nats-client/servers.ts'
import { createTelemetry } from '../../telemetry.ts'
import { defaultStream } from '../fleet/fleet.ts'
import { createDoubt } from './doubt.ts'
import { forwarders } from './forwarder.ts'
import { createLeftovers } from './leftovers.ts'
import { type Pull, startPull } from './pull.ts'
import { createTelemetryStream, isMissing, type SignalName, type StreamOptions, signals } from './stream.ts'

/** Options of {@link createGateway}. */
export interface GatewayOptions extends NatsServers, Pick<TelemetryOptions, 'logger'> {
  /** The stream of telemetry. It is made where it is missing. Default: `telemachine_otel`. */
  readonly stream?: string | undefined
  /** How a missing stream is made. */
  readonly streamOptions?: StreamOptions | undefined
  /** Messages of each signal that the gateway may have at once; 1 to 10,000. Default: 64. */
  readonly prefetch?: number | undefined
  /**
   * Its exporters: tables of the types `otel`, `otel_metrics` and `otel_logs`, with the keys of their connections. As
   * `config` of `createTelemetry`.
   */
  readonly config?: {
    readonly file?: string | undefined
    readonly env?: Readonly<Record<string, string | undefined>> | undefined
    readonly init?: object | undefined
    readonly remote?: readonly ConfigSource[] | undefined
  }
}

/** Sends telemetry from a stream to backends. */
export interface Gateway {
  /** Connects, opens the exporters and begins. @throws TelemetryError, as `openFleet` and `telemetry.start()` do. */
  start(): Promise<void>
  /** Its exporters, with their configuration, states, breakers and ledgers. Do not stop it: stop the gateway. */
  readonly telemetry: Telemetry
  /**
   * Takes no more, delivers what it can within `timeoutMs` (milliseconds, default 5,000), and returns the rest to the
   * stream. The last request for messages has to end first, which takes a second at most.
   */
  stop(options?: { readonly timeoutMs?: number }): Promise<StopReport>
}

const maxPrefetch = 10_000

/**
 * Makes a gateway: pulls batches that nodes have published, and acknowledges each when its backend has taken it. Any
 * number of gateways may share a stream. Needs the packages `@nats-io/transport-node` and `@nats-io/jetstream`.
 * @throws TelemetryError `NATS_OPTION_INVALID`.
 */
export function createGateway(options: GatewayOptions): Gateway {
  const stream = checkedName('stream', options.stream ?? defaultStream)
  const { prefetch = 64, logger = stderrLogger } = options
  if (!(Number.isInteger(prefetch) && prefetch >= 1 && prefetch <= maxPrefetch))
    throw new TelemetryError(
      'NATS_OPTION_INVALID',
      `prefetch must be a whole number from 1 to ${maxPrefetch}`,
    )
  const clock = createSystemClock()
  const telemetry = createTelemetry({
    types: Object.values(forwarders),
    logger,
    config: options.config as NonNullable<TelemetryOptions['config']>,
  }) as unknown as Telemetry
  const ingress = ingressOf(telemetry)!
  let pulls: readonly Pull[] = []
  let closeConnection: (() => Promise<void>) | undefined
  let stopping: Promise<StopReport> | undefined

  const start = async (): Promise<void> => {
    const { jetstream } = await loadJetStream()
    const connection = await connectTo({ ...options, name: 'telemachine gateway' })
    try {
      await createTelemetryStream(connection, stream, options.streamOptions)
      await telemetry.start()
    } catch (error) {
      await connection.close()
      throw error
    }
    const { consumers } = jetstream(connection)
    pulls = Object.entries(signals).map(([signal, { consumer }]) => {
      const leftovers = createLeftovers(connection, stream, signal as SignalName, clock)
      return startPull({
        consumer: () =>
          consumers.get(stream, consumer).catch(async (error) => {
            if (!isMissing(error)) throw error
            const made = await createTelemetryStream(connection, stream, options.streamOptions)
            logger.warn({ made }, 'the stream of telemetry was incomplete')
            return consumers.get(stream, consumer)
          }),
        doubt: createDoubt(connection, stream, consumer, leftovers.mayBe),
        leftovers,
        type: forwarders[signal as SignalName].type,
        limit: prefetch,
        ...{ telemetry, ingress, clock, logger },
      })
    })
    closeConnection = async () => {
      // Acknowledgements are sent before the connection ends.
      await connection.drain().catch(() => connection.close())
    }
  }

  return {
    start,
    telemetry,
    stop: (stopOptions) => {
      stopping ??= (async () => {
        await Promise.all(pulls.map((pull) => pull.stop()))
        const report = await telemetry.stop(stopOptions)
        await closeConnection?.()
        return report
      })()
      return stopping
    },
  }
}
