import { randomFillSync } from 'node:crypto'
import type { TraceId } from '../../../bus/trace-id.ts'

/** An entry of a {@link ChainedTable}; only the table uses the link. */
export interface Chained<Entry> {
  readonly hash: number
  chained: Entry | undefined
}

/** A hash table of entries that are their own nodes: adding and removing one allocates nothing. */
export interface ChainedTable<Entry extends Chained<Entry>> {
  /** The first entry that may have this hash; the others follow by `chained`. */
  first(hash: number): Entry | undefined
  add(entry: Entry): void
  /** The entry must be in the table. */
  remove(entry: Entry): void
  clear(): void
}

const smallest = 64

export function createChainedTable<Entry extends Chained<Entry>>(): ChainedTable<Entry> {
  let buckets: (Entry | undefined)[] = new Array(smallest).fill(undefined)
  let mask = smallest - 1
  let size = 0

  const resize = (to: number): void => {
    const old = buckets
    buckets = new Array(to).fill(undefined)
    mask = to - 1
    for (let entry of old)
      while (entry !== undefined) {
        const next: Entry | undefined = entry.chained
        link(entry)
        entry = next
      }
  }

  const link = (entry: Entry): void => {
    const bucket = entry.hash & mask
    entry.chained = buckets[bucket]
    buckets[bucket] = entry
  }

  return {
    first: (hash) => buckets[hash & mask],
    add: (entry) => {
      if (size > mask) resize(buckets.length * 2)
      link(entry)
      size++
    },
    remove: (entry) => {
      const bucket = entry.hash & mask
      let before = buckets[bucket]!
      if (before === entry) buckets[bucket] = entry.chained
      else {
        while (before.chained !== entry) before = before.chained!
        before.chained = entry.chained
      }
      entry.chained = undefined
      size--
      if (size < mask >> 3 && mask >= smallest) resize(buckets.length >> 1)
    },
    clear: () => {
      buckets = new Array(smallest).fill(undefined)
      mask = smallest - 1
      size = 0
    },
  }
}

let factors: Int32Array | undefined

/**
 * Hashes ids that other processes may have chosen. The factors are random and secret, so that no sender can make ids
 * collide.
 */
export function traceHash({ w0, w1, w2, w3 }: TraceId): number {
  factors ??= randomFillSync(new Int32Array(4)).map((factor) => factor | 1)
  let hash = Math.imul(w0, factors[0]!) ^ (w1 >>> 16)
  hash = Math.imul(hash ^ w1, factors[1]!)
  hash = Math.imul((hash ^ (hash >>> 15)) + w2, factors[2]!)
  hash = Math.imul((hash ^ (hash >>> 15)) + w3, factors[3]!)
  return hash ^ (hash >>> 16)
}
