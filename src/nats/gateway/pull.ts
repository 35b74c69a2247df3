import type { Consumer, JsMsg } from '@nats-io/jetstream'
import type { Clock } from '../../clock.ts'
import type { Telemetry } from '../../contract.ts'
import { messageOf } from '../../errors.ts'
import type { Ingress } from '../../ingress.ts'
import type { Logger } from '../../logger.ts'
import { pause } from '../../waiting.ts'
import type { Doubt } from './doubt.ts'
import type { Leftovers } from './leftovers.ts'
import { createShares, MessageEvent } from './message.ts'
import { roomFor } from './room.ts'

/** Takes the messages of one signal from the stream, as many as there is room for. */
export interface Pull {
  /**
   * Takes no more. Resolves when the last request for messages has ended, a second later at most: what is returned
   * before would come back by it.
   */
  stop(): Promise<void>
  /** Messages that this gateway has, and has not said anything of. */
  readonly outstanding: number
}

/** How long a request for messages stands. */
const requestMs = 1000
/** The pause while there is no room, or the server is away. */
const pauseMs = 50

export function startPull({
  consumer,
  doubt,
  leftovers,
  type,
  limit,
  telemetry,
  ingress,
  clock,
  logger,
}: {
  consumer: () => Promise<Consumer>
  /** Which of its messages may have been given out before. */
  doubt: Doubt
  leftovers: Leftovers
  /** The exporter type that takes the messages. */
  type: string
  /** Messages that the gateway may have of it at once. */
  limit: number
  telemetry: Telemetry
  ingress: Ingress
  clock: Clock
  logger: Logger
}): Pull {
  let stopped = false
  let outstanding = 0
  let isLost = false

  const give = (message: JsMsg, exporters: readonly string[]): void => {
    outstanding += 1
    const shares = createShares(message, exporters.length, doubt.has(message.seq), () => {
      outstanding -= 1
    })
    const event = new MessageEvent(shares, clock.now())
    for (const id of exporters) {
      if (stopped) shares.returned(requestMs)
      else if (!ingress.offer(id, event)) shares.returned()
    }
  }

  const takeOnce = async (from: Consumer): Promise<void> => {
    const { exporters, messages } = roomFor(telemetry, type, limit)
    const room = Math.min(messages, limit - outstanding)
    if (room <= 0) return pause(clock, pauseMs)
    await doubt.learn()
    // The new consumer gives out what the old one may have given out: that is known to be in doubt first.
    if (await leftovers.retrieve()) return doubt.lost()
    for await (const message of await from.fetch({ max_messages: room, expires: requestMs })) {
      // The client repeats its request when it is connected again: what the server has is counted before it is acknowledged.
      if (!doubt.isLearnt()) await doubt.learn().catch(() => {})
      give(message, exporters)
    }
  }

  const run = async (): Promise<void> => {
    let from: Consumer | undefined
    while (!stopped) {
      try {
        from ??= await consumer()
        await takeOnce(from)
        isLost = false
      } catch (error) {
        from = undefined
        doubt.lost()
        if (!isLost) logger.warn({ type, error: messageOf(error) }, 'the stream of telemetry does not answer')
        isLost = true
        await pause(clock, pauseMs)
      }
    }
  }

  const running = run()
  return {
    stop: async () => {
      stopped = true
      await running
    },
    get outstanding() {
      return outstanding
    },
  }
}
