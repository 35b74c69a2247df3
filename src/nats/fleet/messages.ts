import type { NatsConnection } from '@nats-io/transport-node'
import { loadJetStream } from '../../nats-client/packages.ts'
import type { StoredMessage } from '../../nats-client/stored.ts'

const pageSize = 1000

/** Reads the messages that a stream has now: all of a subject, or the last one of each. */
export async function readMessages(
  connection: NatsConnection,
  stream: string,
  subject: string,
  which: 'all' | 'last',
): Promise<StoredMessage[]> {
  const { jetstream, DeliverPolicy } = await loadJetStream()
  const consumer = await jetstream(connection).consumers.get(stream, {
    filter_subjects: subject,
    deliver_policy: which === 'all' ? DeliverPolicy.All : DeliverPolicy.LastPerSubject,
    inactive_threshold: 5_000_000_000,
  })
  const found: StoredMessage[] = []
  let pending = (await consumer.info()).num_pending
  while (pending > 0) {
    const before = found.length
    for await (const message of await consumer.fetch({
      max_messages: Math.min(pending, pageSize),
      expires: 2000,
    })) {
      const { seq, data, headers, time } = message
      pending = message.info.pending
      found.push({
        ...{ subject: message.subject, seq, at: time.getTime(), data: Buffer.from(data) },
        headers: Object.fromEntries((headers?.keys() ?? []).map((name) => [name, headers!.get(name)])),
      })
    }
    if (found.length === before) break
  }
  return found
}
