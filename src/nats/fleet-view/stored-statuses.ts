import type { NatsConnection } from '@nats-io/transport-node'
import { nextStored, type StoredMessage } from '../../nats-client/stored.ts'

/** Each reads a part of the stream, so that a distant server takes no longer than need be. */
const walkers = 8

/**
 * Reads the messages of a subject up to a sequence, at most `max` of them, in no order. It asks for one message after
 * another, and makes no consumer: who may make consumers may have a stream's messages delivered to any subject.
 */
export async function readStored(
  connection: NatsConnection,
  stream: string,
  subject: string,
  last: number,
  max: number,
  take: (message: StoredMessage) => void,
): Promise<void> {
  const first = (await nextStored(connection, stream, subject, 1))?.seq
  if (first === undefined) return
  const part = Math.ceil((last - first + 1) / walkers)
  let taken = 0
  const walk = async (from: number): Promise<void> => {
    const end = Math.min(from + part - 1, last)
    for (let next = from; next <= end && taken < max; ) {
      const message = await nextStored(connection, stream, subject, next)
      if (message === undefined || message.seq > end) return
      taken += 1
      take(message)
      next = message.seq + 1
    }
  }
  await Promise.all(Array.from({ length: walkers }, (_, i) => walk(first + i * part)))
}
