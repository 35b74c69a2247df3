import type { NatsConnection } from '@nats-io/transport-node'
import { askJetStream, JetStreamRefusal } from '../nats-client/stored.ts'
import { fleetNames } from './names.ts'

/** How the buckets of a fleet are made. */
export interface BucketOptions {
  /** Copies of each message, on as many servers of a cluster. Default: 1. */
  readonly replicas?: number | undefined
  /** Revisions that are kept, 2 to 64. Default: 64. */
  readonly history?: number | undefined
  /** How long the status of a node that is gone can still be seen, in seconds. Default: 3,600. */
  readonly statusTtl?: number | undefined
}

const nanoseconds = (seconds: number): number => seconds * 1_000_000_000

const streamExists = 10_058

/** Makes a stream; true if it is new. One that exists stays as it is. */
export async function createStream(
  connection: NatsConnection,
  stream: { readonly name: string } & Readonly<Record<string, unknown>>,
): Promise<boolean> {
  try {
    await askJetStream(connection, `STREAM.INFO.${stream.name}`, undefined)
    return false
  } catch (error) {
    if (!(error instanceof JetStreamRefusal)) throw error
  }
  try {
    await askJetStream(connection, `STREAM.CREATE.${stream.name}`, stream, 5000)
    return true
  } catch (error) {
    // Somebody else was quicker.
    if (error instanceof JetStreamRefusal && error.reason === streamExists) return false
    throw error
  }
}

const keyValue = (bucket: string) => ({
  name: `KV_${bucket}`,
  subjects: [`$KV.${bucket}.>`],
  retention: 'limits',
  discard: 'new',
  max_consumers: -1,
  max_msgs: -1,
  max_bytes: -1,
  max_msg_size: -1,
  duplicate_window: nanoseconds(120),
  deny_delete: true,
  allow_rollup_hdrs: true,
  allow_direct: true,
  republish: { src: `$KV.${bucket}.>`, dest: `telemachine.${bucket}.>` },
})

/**
 * Makes the buckets of a fleet, as NATS's key-value stores. What is stored is republished to plain subjects, so that a
 * node needs no consumer, and no permission for one.
 * @returns the names of those that are new.
 */
export async function createBuckets(
  connection: NatsConnection,
  bucket: string,
  { replicas = 1, history = 64, statusTtl = 3600 }: BucketOptions = {},
): Promise<string[]> {
  const { config, status } = fleetNames(bucket, 'config')
  const made: string[] = []
  const documents = {
    ...keyValue(bucket),
    storage: 'file',
    num_replicas: replicas,
    max_msgs_per_subject: history,
  }
  const statuses = {
    ...keyValue(`${bucket}_status`),
    storage: 'file',
    num_replicas: replicas,
    max_msgs_per_subject: 1,
    max_age: nanoseconds(statusTtl),
    duplicate_window: nanoseconds(Math.min(statusTtl, 120)),
    discard: 'old',
  }
  if (await createStream(connection, documents)) made.push(config.stream)
  if (await createStream(connection, statuses)) made.push(status.stream)
  return made
}
