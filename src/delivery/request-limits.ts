import type { Batch } from './batch.ts'

/**
 * The limit on the size of a request as learnt from the backend (413), so that a refused size is not tried again with
 * every batch: between the largest size taken and the smallest refused the limit is searched by halves. Sizes are
 * those of items in memory, which every item has. Forgotten when another client takes over.
 */
export interface RequestLimits {
  /** Bytes of items to put into a request. */
  readonly bytes: number
  /** The limit is not known closely yet: try one batch at a time. */
  readonly searching: boolean
  refused(batch: Batch): void
  accepted(batch: Batch): void
  forget(): void
}

/** How close to each other the sizes taken and refused have to be. */
const closeEnough = 1.25

export function createRequestLimits(): RequestLimits {
  let largestTaken = 0
  let smallestRefused = Number.POSITIVE_INFINITY
  /** One item more would be too large to try: nothing lies between the sizes taken and refused. */
  let exhausted = false
  const known = (): boolean =>
    smallestRefused === Number.POSITIVE_INFINITY || smallestRefused <= largestTaken * closeEnough
  const half = (): number => (largestTaken + smallestRefused) / 2
  return {
    get bytes() {
      if (smallestRefused === Number.POSITIVE_INFINITY) return smallestRefused
      return known() ? largestTaken : half()
    },
    get searching() {
      return !exhausted && !known()
    },
    refused(batch) {
      // One item alone is too large: that says nothing of others.
      if (batch.items.length < 2) return
      smallestRefused = Math.min(smallestRefused, batch.bytes)
      if (largestTaken >= smallestRefused) largestTaken = 0
      exhausted = false
    },
    accepted(batch) {
      if (batch.bytes >= smallestRefused) return
      largestTaken = Math.max(largestTaken, batch.bytes)
      const item = batch.bytes / batch.items.length
      if (!known() && batch.bytes + item > half()) exhausted = true
    },
    forget() {
      largestTaken = 0
      smallestRefused = Number.POSITIVE_INFINITY
      exhausted = false
    },
  }
}
