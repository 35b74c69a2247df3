import type { Batch } from '../batch.ts'

/** Batches that were taken out of the queue, and are not written yet. */
export interface Leaving {
  readonly size: number
  readonly weight: number
  readonly bytes: number
  add(batch: Batch): void
  has(batch: Batch): boolean
  /** False: it has been dropped meanwhile. */
  remove(batch: Batch): boolean
  /** Removes and returns all of them. */
  clear(): readonly Batch[]
}

export function createLeaving(): Leaving {
  const batches = new Set<Batch>()
  let weight = 0
  let bytes = 0
  return {
    get size() {
      return batches.size
    },
    get weight() {
      return weight
    },
    get bytes() {
      return bytes
    },
    add(batch) {
      batches.add(batch)
      weight += batch.weight
      bytes += batch.bytes
    },
    has: (batch) => batches.has(batch),
    remove(batch) {
      if (!batches.delete(batch)) return false
      weight -= batch.weight
      bytes -= batch.bytes
      return true
    },
    clear() {
      const all = [...batches]
      batches.clear()
      weight = 0
      bytes = 0
      return all
    },
  }
}
