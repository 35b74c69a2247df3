import { randomBytes } from 'node:crypto'

/**
 * Names batches for JetStream's deduplication: a batch that is sent again has the name that it had, whatever becomes of
 * the client meanwhile.
 */
export interface MessageIds {
  of(batch: readonly object[]): string
}

/** An item leads at most one batch of a length: it leaves the exporter with it, or comes back with it. */
export function createMessageIds(): MessageIds {
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
