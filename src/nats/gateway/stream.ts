import type { NatsConnection } from '@nats-io/transport-node'
import { askJetStream, JetStreamRefusal } from '../../nats-client/stored.ts'
import { createStream } from '../buckets.ts'
import { doubtText } from '../doubt-text.ts'

/** The signals of telemetry: the subject that each is published to, and the durable consumer that gateways share. */
export const signals = {
  spans: { subject: 'otel.spans', consumer: 'telemachine_spans' },
  metrics: { subject: 'otel.metrics', consumer: 'telemachine_metrics' },
  logs: { subject: 'otel.logs', consumer: 'telemachine_logs' },
} as const

export type SignalName = keyof typeof signals

/** How the stream of telemetry is made. */
export interface StreamOptions {
  /** Copies of each message, on as many servers of a cluster. Default: 1. */
  readonly replicas?: number | undefined
  /** Beyond it the stream refuses, and nodes keep what they have. Default: 1 GiB. */
  readonly maxBytes?: number | undefined
  /** How long a batch is recognised when it is sent again, in seconds. Default: 120. */
  readonly duplicateWindow?: number | undefined
}

interface StreamInfo {
  readonly state: { readonly last_seq: number; readonly subjects?: Readonly<Record<string, number>> }
}

const nanoseconds = (seconds: number): number => seconds * 1_000_000_000

/** A gateway that says nothing for so long has lost its messages to another one. */
export const ackWaitMs = 30_000

/** JetStream's reasons when a stream or a consumer is missing. */
const missing = new Set([10_059, 10_014])

/** Whether JetStream has answered that a stream or a consumer is not there. */
export const isMissing = (error: unknown): boolean => missing.has((error as { code?: number }).code ?? 0)

/** Makes the stream and its consumers, where they are missing. Returns the names of what is new. */
export async function createTelemetryStream(
  connection: NatsConnection,
  name: string,
  { replicas = 1, maxBytes = 1024 ** 3, duplicateWindow = 120 }: StreamOptions = {},
  ackWait = ackWaitMs,
): Promise<string[]> {
  const made: string[] = []
  const stream = {
    name,
    subjects: Object.values(signals).map(({ subject }) => subject),
    // A message is gone when a gateway has acknowledged it; a full stream refuses what is new.
    retention: 'workqueue',
    discard: 'new',
    max_bytes: maxBytes,
    storage: 'file',
    num_replicas: replicas,
    duplicate_window: nanoseconds(duplicateWindow),
  }
  if (await createStream(connection, stream)) made.push(name)
  for (const [signal, { consumer }] of Object.entries(signals)) {
    if (await hasConsumer(connection, name, consumer)) continue
    await makeConsumer(connection, name, signal as SignalName, { ackWait })
    made.push(consumer)
  }
  return made
}

/**
 * Makes the consumer of a signal. What another one may have given out before it is in doubt; `doubted` is how many messages
 * that one had in doubt itself.
 */
export async function makeConsumer(
  connection: NatsConnection,
  stream: string,
  signal: SignalName,
  { doubted = 0, ackWait = ackWaitMs }: { readonly doubted?: number; readonly ackWait?: number } = {},
): Promise<void> {
  const { subject, consumer } = signals[signal]
  const description = await firstDoubt(connection, stream, subject, doubted)
  await askJetStream(connection, `CONSUMER.DURABLE.CREATE.${stream}.${consumer}`, {
    stream_name: stream,
    config: {
      durable_name: consumer,
      ...(description !== undefined && { description }),
      filter_subject: subject,
      ack_policy: 'explicit',
      ack_wait: nanoseconds(ackWait / 1000),
      max_deliver: -1,
      max_ack_pending: 10_000,
      deliver_policy: 'all',
    },
  })
}

/** Returns the doubt of a consumer that replaces another one, which may have given messages out. */
async function firstDoubt(
  connection: NatsConnection,
  stream: string,
  subject: string,
  doubted: number,
): Promise<string | undefined> {
  const { state } = await askJetStream<StreamInfo>(connection, `STREAM.INFO.${stream}`, {
    subjects_filter: subject,
  })
  const { server_id: server, cluster } = connection.info ?? {}
  const noted = { highest: state.last_seq, messages: doubted + (state.subjects?.[subject] ?? 0) }
  if (server && !cluster) return doubtText({ ...noted, server })
  // In a cluster, the consumer's leader is not known yet.
  return state.last_seq > 0 ? doubtText({ ...noted, server: 'unknown' }) : undefined
}

const noConsumer = 10_014

async function hasConsumer(connection: NatsConnection, stream: string, consumer: string): Promise<boolean> {
  try {
    await askJetStream(connection, `CONSUMER.INFO.${stream}.${consumer}`, undefined)
    return true
  } catch (error) {
    // One that is there, and cannot answer at the moment, must not lose what its description says.
    if (error instanceof JetStreamRefusal && error.reason === noConsumer) return false
    throw error
  }
}
