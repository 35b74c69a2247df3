import type { NatsConnection } from '@nats-io/transport-node'
import { isDenied } from '../../nats-client/denied.ts'
import { askJetStream } from '../../nats-client/stored.ts'
import { doubtIn, doubtText } from '../doubt-text.ts'

/**
 * Knows which messages a server may have given out before without saying so. A server that was killed may have forgotten
 * its last deliveries and acknowledgements: whatever the stream had when it came back is in doubt. The consumer's description
 * keeps that for gateways that start later.
 */
export interface Doubt {
  /** Asks the server, where there may be another one than before. Call it before messages are asked for. */
  learn(): Promise<void>
  /** False from when the connection has another server until `learn` resolves. */
  isLearnt(): boolean
  /** Whether a message of this sequence is in doubt; all are, from a change of the server until `learn` resolves. */
  has(sequence: number): boolean
  /** The consumer did not answer: the server that has it may have been killed. */
  lost(): void
}

interface ConsumerInfo {
  readonly config: Readonly<Record<string, unknown>> & {
    readonly description?: string
    readonly filter_subject?: string
  }
  readonly cluster?: { readonly leader?: string }
  readonly delivered: { readonly consumer_seq: number }
}

interface StreamInfo {
  readonly state: {
    readonly last_seq: number
    /** Messages by subject. */
    readonly subjects?: Readonly<Record<string, number>>
  }
}

export function createDoubt(
  connection: NatsConnection,
  stream: string,
  consumer: string,
  /** Called with the sequence up to which messages are in doubt, each time that another server is known. */
  learnt: (highest: number) => void = () => {},
): Doubt {
  /** The server that this is connected to, and the one that keeps the state of the consumer. */
  let connectedTo: string | undefined
  let keeper: string | undefined
  let highest = Number.POSITIVE_INFINITY
  let isLost = false

  const reading = (): Promise<ConsumerInfo> =>
    askJetStream<ConsumerInfo>(connection, `CONSUMER.INFO.${stream}.${consumer}`, undefined)

  const isLearnt = (): boolean => connectedTo !== undefined && connection.info?.server_id === connectedTo

  return {
    learn: async () => {
      const { server_id: server, cluster } = connection.info ?? {}
      // A server of its own has its state in itself. In a cluster, the leader changes behind the connection.
      if (isLearnt() && !cluster && !isLost) return
      const info = await reading()
      const now = cluster ? info.cluster?.leader : server
      if (now === undefined) throw new Error('the consumer has no leader')
      if (now !== keeper || isLost) {
        const noted = doubtIn(info.config.description)
        if (noted?.server === now && !(isLost && cluster)) highest = noted.highest
        else if (cluster && !noted && info.delivered.consumer_seq === 0) highest = 0
        else {
          const { state } = await askJetStream<StreamInfo>(connection, `STREAM.INFO.${stream}`, {
            subjects_filter: info.config.filter_subject ?? '>',
          })
          highest = state.last_seq
          const held = Object.values(state.subjects ?? {}).reduce((total, count) => total + count, 0)
          const messages = (noted?.messages ?? 0) + held
          await askJetStream(connection, `CONSUMER.DURABLE.CREATE.${stream}.${consumer}`, {
            stream_name: stream,
            config: { ...info.config, description: doubtText({ server: now, highest, messages }) },
          }).catch((error) => {
            // Where it may not be written, the next gateway doubts what the stream has when it starts.
            if (!isDenied(error)) throw error
          })
        }
        learnt(highest)
      }
      keeper = now
      connectedTo = server
      isLost = false
    },
    isLearnt,
    has: (sequence) => !isLearnt() || sequence <= highest,
    lost: () => {
      isLost = true
    },
  }
}
