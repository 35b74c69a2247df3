import { randomBytes } from 'node:crypto'
import type { Published } from './client.ts'

/**
 * Names batches for JetStream's deduplication: a batch that is sent again has the name that it had, whatever becomes of
 * the client meanwhile.
 */
interface MessageIds {
  of(batch: readonly object[]): string
}

/** State of an exporter that publishes; outlives its clients. */
export interface Publishing {
  readonly ids: MessageIds
  readonly published: Published
}

/** Finds it by the state of the exporter, which is that of the exporter whose items it publishes. */
export function publishings(): (state: unknown) => Publishing {
  const known = new WeakMap<object, Publishing>()
  return (state) => {
    const key = state as object
    const found = known.get(key) ?? { ids: createMessageIds(), published: { batches: 0, duplicates: 0 } }
    known.set(key, found)
    return found
  }
}

/** An item leads at most one batch of a length: it leaves the exporter with it, or comes back with it. */
function createMessageIds(): MessageIds {
  // Unique among processes, and among the exporters of one.
  const prefix = randomBytes(9).toString('base64url')
  const numbers = new WeakMap<object, number>()
  let latest = 0
  return {
    of: (batch) => {
      const [first] = batch
      if (first === undefined) return `${prefix}-0`
      let number = numbers.get(first)
      if (number === undefined) {
        latest += 1
        number = latest
        numbers.set(first, number)
      }
      return `${prefix}-${number}-${batch.length}`
    },
  }
}

/** Returns the counters for the status. */
export const shownPublished = ({ published: { batches, duplicates } }: Publishing) => ({
  published: batches,
  ...(duplicates > 0 && { duplicates }),
})
