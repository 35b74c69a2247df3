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

const nanoseconds = (seconds: number): number => seconds * 1_000_000_000

/** A gateway that says nothing for so long has lost its messages to another one. */
export const ackWaitMs = 30_000

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
  const { server_id: server, cluster } = connection.info ?? {}
  for (const { subject, consumer } of Object.values(signals)) {
    if (await hasConsumer(connection, name, consumer)) continue
    await askJetStream(connection, `CONSUMER.DURABLE.CREATE.${name}.${consumer}`, {
      stream_name: name,
      config: {
        durable_name: consumer,
        // In a cluster, the consumer's leader is not known yet.
        ...(server && !cluster && { description: doubtText({ server, highest: 0, messages: 0 }) }),
        filter_subject: subject,
        ack_policy: 'explicit',
        ack_wait: nanoseconds(ackWait / 1000),
        max_deliver: -1,
        max_ack_pending: 10_000,
        deliver_policy: 'all',
      },
    })
    made.push(consumer)
  }
  return made
}

async function hasConsumer(connection: NatsConnection, stream: string, consumer: string): Promise<boolean> {
  try {
    await askJetStream(connection, `CONSUMER.INFO.${stream}.${consumer}`, undefined)
    return true
  } catch (error) {
    if (error instanceof JetStreamRefusal) return false
    throw error
  }
}
