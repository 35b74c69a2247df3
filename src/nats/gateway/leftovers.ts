import type { NatsConnection } from '@nats-io/transport-node'
import type { Clock } from '../../clock.ts'
import { isDenied } from '../../nats-client/denied.ts'
import { askJetStream } from '../../nats-client/stored.ts'

/**
 * Removes what a killed server has left in a work queue: messages that its consumer knows to be acknowledged, and whose
 * removal it has forgotten. Servers before 2.10 keep them for good, and count them pending.
 */
export interface Leftovers {
  /** A server came back: what it has up to this sequence may be left over. */
  mayBe(upTo: number): void
  /** Removes what the consumer has acknowledged of it. Asks once in a while, until nothing can be left. */
  remove(): Promise<void>
}

interface ConsumerInfo {
  readonly config: { readonly filter_subject?: string }
  readonly ack_floor: { readonly stream_seq: number }
  readonly num_pending: number
  readonly num_ack_pending: number
}

const everyMs = 1000

export function createLeftovers(
  connection: NatsConnection,
  stream: string,
  consumer: string,
  clock: Clock,
): Leftovers {
  let upTo = 0
  let askedAt = Number.NEGATIVE_INFINITY

  const removeOnce = async (): Promise<boolean> => {
    const [info, { config }] = await Promise.all([
      askJetStream<ConsumerInfo>(connection, `CONSUMER.INFO.${stream}.${consumer}`, undefined),
      askJetStream<{ config: { retention: string } }>(connection, `STREAM.INFO.${stream}`, undefined),
    ])
    const { config: wanted, ack_floor: floor, num_pending: waiting, num_ack_pending: given } = info
    // A stream that others read too keeps what it has.
    if (config.retention !== 'workqueue' || wanted.filter_subject === undefined) return true
    const acknowledged = Math.min(floor.stream_seq, upTo)
    // `seq` is the first that stays; servers take a 1 for no limit, and remove everything.
    if (acknowledged > 0)
      await askJetStream(connection, `STREAM.PURGE.${stream}`, {
        filter: wanted.filter_subject,
        seq: acknowledged + 1,
      })
    return floor.stream_seq >= upTo || waiting + given === 0
  }

  return {
    mayBe: (sequence) => {
      upTo = sequence
    },
    remove: async () => {
      // A cluster keeps to what its servers have agreed upon.
      if (upTo === 0 || connection.info?.cluster) return
      if (clock.now() - askedAt < everyMs) return
      askedAt = clock.now()
      const of = upTo
      const isDone = await removeOnce().catch(isDenied)
      if (isDone && upTo === of) upTo = 0
    },
  }
}
