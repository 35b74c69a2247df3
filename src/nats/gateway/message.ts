import type { JsMsg } from '@nats-io/jetstream'
import { CarrierEvent } from '../../bus/carrier-event.ts'
import { telemetryHeaders } from '../../exporters/jetstream/client.ts'

/** An encoded request that a gateway has of the stream, until it says what became of it. */
export interface GatewayMessage {
  readonly data: Uint8Array
  /** The events that it stands for; 1 where its publisher did not say. */
  readonly weight: number
  /** It was given to a gateway before, which may have delivered it. */
  readonly redelivered: boolean
  /** The backend has it. */
  delivered(): void
  /** The backend refused it: it is not to be tried again. */
  refused(): void
  /** Another attempt, by any gateway, after this delay, or after one that grows with the attempts. */
  returned(afterMs?: number): void
  /** It is still being worked on. */
  working(): void
}

const longestReturnMs = 5_000

/** The pause before a message is tried again grows with how often it was. */
const returnAfterMs = (deliveries: number): number =>
  Math.min(500 * 2 ** Math.min(deliveries - 1, 10), longestReturnMs)

function weightOf(message: JsMsg): number {
  const weight = Number(message.headers?.get(telemetryHeaders.weight))
  return Number.isSafeInteger(weight) && weight > 0 ? weight : 1
}

/**
 * Shares a message among exporters. It is acknowledged when all of them have delivered it, and returned when one of them
 * has returned it. `isDoubtful`: it may have been given out before, although the server does not say so. `settled` is called
 * once.
 */
export function createShares(
  message: JsMsg,
  exporters: number,
  isDoubtful: boolean,
  settled: () => void,
): GatewayMessage {
  const { deliveryCount: deliveries } = message.info
  let open = exporters
  let after: number | undefined
  let isRefused = false

  const settle = (): void => {
    open -= 1
    if (open > 0) return
    if (after !== undefined) message.nak(after)
    else if (isRefused && exporters === 1) message.term()
    else message.ack()
    settled()
  }

  return {
    data: message.data,
    weight: weightOf(message),
    redelivered: message.redelivered || isDoubtful,
    delivered: settle,
    refused: () => {
      isRefused = true
      settle()
    },
    returned: (afterMs = returnAfterMs(deliveries)) => {
      after = Math.max(after ?? 0, afterMs)
      settle()
    },
    working: () => message.working(),
  }
}

/** A message on its way to one exporter. */
export class MessageEvent extends CarrierEvent<GatewayMessage> {
  readonly name = 'gateway.message'

  protected sizeOf({ data }: GatewayMessage): number {
    return data.byteLength
  }
}
