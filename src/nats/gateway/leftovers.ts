import type { NatsConnection } from '@nats-io/transport-node'
import { type Clock, elapsed } from '../../clock.ts'
import { isDenied } from '../../nats-client/denied.ts'
import { askJetStream, JetStreamRefusal, nextStored } from '../../nats-client/stored.ts'
import { doubtIn } from '../doubt-text.ts'
import { makeConsumer, type SignalName, signals } from './stream.ts'

/**
 * Finds messages that a killed server would keep for good: those that its consumer has left behind. It may know them to be
 * acknowledged, and have forgotten their removal; or have begun its sequence anew, below what the consumer has seen. These
 * cannot be told apart, so a new consumer takes the place of the old one, and gives out all that is there.
 */
export interface Leftovers {
  /** A server came back: what it has up to this sequence may be left over. */
  mayBe(upTo: number): void
  /** Looks once in a while, until nothing can be left. True when it has made a new consumer. */
  retrieve(): Promise<boolean>
}

interface ConsumerInfo {
  readonly created: string
  readonly config: { readonly description?: string; readonly ack_wait: number }
  readonly ack_floor: { readonly stream_seq: number }
  readonly delivered: { readonly consumer_seq: number; readonly stream_seq: number }
  readonly num_pending: number
}

const everyMs = 1000

export function createLeftovers(
  connection: NatsConnection,
  stream: string,
  signal: SignalName,
  clock: Clock,
): Leftovers {
  const { subject, consumer } = signals[signal]
  let isSuspect = false
  let upTo = 0
  let askedAt = Number.NEGATIVE_INFINITY
  let before: { readonly created: string; readonly floor: number } | undefined

  const look = async (): Promise<'waits' | 'done' | 'retrieved'> => {
    const info = await askJetStream<ConsumerInfo>(
      connection,
      `CONSUMER.INFO.${stream}.${consumer}`,
      undefined,
    )
    const { state, config } = await askJetStream<{
      state: { last_seq: number }
      config: { retention: string }
    }>(connection, `STREAM.INFO.${stream}`, undefined)
    // A stream that others read too keeps what was acknowledged.
    if (config.retention !== 'workqueue') return 'done'
    const { created, delivered, ack_floor: floor } = info
    const next = (await nextStored(connection, stream, subject, 1))?.seq ?? Number.POSITIVE_INFINITY
    // What was acknowledged a moment ago is about to be removed: the floor is that of the look before.
    const isLeft = before?.created === created && next <= before.floor
    if (!isLeft && delivered.stream_seq <= state.last_seq) {
      before = { created, floor: floor.stream_seq }
      return next > upTo ? 'done' : 'waits'
    }
    await askJetStream(connection, `CONSUMER.DELETE.${stream}.${consumer}`, undefined)
    const again = delivered.consumer_seq - (state.last_seq - info.num_pending)
    const doubted = doubtIn(info.config.description)?.messages ?? 0
    await makeConsumer(connection, stream, signal, {
      doubted: doubted + Math.max(0, again),
      ackWait: info.config.ack_wait / 1_000_000,
    })
    return 'retrieved'
  }

  return {
    mayBe: (sequence) => {
      upTo = sequence
      before = undefined
      isSuspect = true
    },
    retrieve: async () => {
      // A cluster keeps to what its servers have agreed upon.
      if (!isSuspect || connection.info?.cluster) return false
      const now = elapsed(clock)
      if (now - askedAt < everyMs) return false
      askedAt = now
      const seen = await look().catch((error) =>
        isDenied(error) && !(error instanceof JetStreamRefusal) ? 'done' : 'waits',
      )
      isSuspect = seen === 'waits'
      return seen === 'retrieved'
    },
  }
}
