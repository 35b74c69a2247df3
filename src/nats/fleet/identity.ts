import type { NatsConnection } from '@nats-io/transport-node'
import { askJetStream, JetStreamRefusal } from '../../nats-client/stored.ts'
import { doubtIn } from '../doubt-text.ts'
import type { NodeStatus } from '../node-status.ts'

/**
 * Counts of the fleet's telemetry in the stream, in batches. `stored = acknowledged + pending` is the stream's own
 * count, and survives every node and gateway.
 */
export interface StreamIdentity {
  readonly stream: string
  /** Batches that the stream has ever stored: its last sequence. Duplicates within its window are not counted. */
  readonly stored: number
  /** Batches that a gateway has acknowledged, or dropped with a reason: they are no longer in the stream. */
  readonly acknowledged: number
  /** Batches in the stream. */
  readonly pending: number
  /** Pending batches that gateways have at the moment. */
  readonly inFlight: number
  /**
   * Pending batches that no consumer has to give out: a killed server has forgotten to remove them when they were
   * acknowledged, or has begun its sequence anew. Gateways have them given out again.
   */
  readonly leftOver: number
  /** Up to this sequence, everything is acknowledged: the lowest floor of the consumers. */
  readonly floor: number
  /** Deliveries beyond the first of a batch: at most so many batches have arrived twice, beside those in doubt. */
  readonly redelivered: number
  /**
   * Batches that were in the stream when its server had been killed or changed: it may have delivered them uncounted.
   */
  readonly doubtful: number
  /** Batches that the nodes whose status is known say were stored. */
  readonly published: number
  /** Events that those nodes count delivered, and the weight that may have been sent twice. */
  readonly delivered: number
  readonly ambiguous: number
}

interface StreamInfo {
  readonly state: { readonly messages: number; readonly first_seq: number; readonly last_seq: number }
}

interface ConsumerInfo {
  readonly config: { readonly description?: string }
  readonly delivered: { readonly consumer_seq: number }
  readonly num_pending: number
  readonly ack_floor: { readonly stream_seq: number }
  readonly num_ack_pending: number
}

/** Reads the counts of a stream, and what the nodes say; undefined if there is no such stream. */
export async function readIdentity(
  connection: NatsConnection,
  stream: string,
  nodes: readonly NodeStatus[],
): Promise<StreamIdentity | undefined> {
  try {
    const { state } = await askJetStream<StreamInfo>(connection, `STREAM.INFO.${stream}`, undefined)
    const answer = await askJetStream<{ consumers: readonly ConsumerInfo[] | null }>(
      connection,
      `CONSUMER.LIST.${stream}`,
      { offset: 0 },
    )
    const consumers = answer.consumers ?? []
    const publishers = nodes
      .flatMap(({ exporters }) => Object.values(exporters))
      .filter(({ published }) => published !== undefined)
    const sum = (read: (exporter: (typeof publishers)[number]) => number): number =>
      publishers.reduce((total, exporter) => total + read(exporter), 0)
    const { messages, first_seq: first, last_seq: last } = state
    const floors = consumers.map(({ ack_floor: floor }) => floor.stream_seq)
    const over = (count: (consumer: ConsumerInfo) => number): number =>
      consumers.reduce((total, consumer) => total + count(consumer), 0)
    const waiting = over(({ num_pending: count }) => count)
    const inFlight = over(({ num_ack_pending: count }) => count)
    const delivered = last - waiting
    return {
      stream,
      stored: last,
      acknowledged: last - messages,
      pending: messages,
      inFlight,
      leftOver: consumers.length === 0 ? 0 : Math.max(0, messages - waiting - inFlight),
      floor: messages === 0 ? last : Math.max(first - 1, Math.min(...floors, last)),
      redelivered: Math.max(0, over(({ delivered: { consumer_seq: count } }) => count) - delivered),
      doubtful: over(({ config }) => doubtIn(config.description)?.messages ?? 0),
      published: sum(({ published = 0 }) => published),
      delivered: sum(({ ledger }) => ledger.delivered),
      ambiguous: sum(({ ledger }) => ledger.ambiguous),
    }
  } catch (error) {
    if (error instanceof JetStreamRefusal) return undefined
    throw error
  }
}
