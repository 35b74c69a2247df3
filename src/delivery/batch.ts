import type { ItemBatch } from './ring.ts'

/** A batch on its way, with its history. */
export interface Batch extends ItemBatch {
  /** Attempts that failed so far. */
  failures: number
  /** Deliveries of other batches when this one failed first; a later one proves that the batch is the poison. */
  deliveriesAtFirstFailure: number
  /** It goes again when everything queued before this position has been taken. */
  after: number
  /** The drain that tried it last. */
  round: number
}

export const batchOf = (items: ItemBatch): Batch => ({
  ...items,
  failures: 0,
  deliveriesAtFirstFailure: 0,
  after: 0,
  round: 0,
})

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)

/** Some of a batch's items, with its history. */
export function sliceBatch(batch: Batch, from: number, to: number): Batch {
  const weights = batch.weights.slice(from, to)
  const sizes = batch.sizes.slice(from, to)
  return {
    ...batch,
    items: batch.items.slice(from, to),
    weights,
    sizes,
    weight: sum(weights),
    bytes: sum(sizes),
  }
}

/** How many of a batch's items, at least one, go into a request of so many items and bytes. */
export function fitting({ items, sizes }: Batch, mostItems: number, mostBytes: number): number {
  let count = 1
  let bytes = sizes[0] ?? 0
  while (count < items.length && count < mostItems && bytes + (sizes[count] as number) <= mostBytes) {
    bytes += sizes[count] as number
    count += 1
  }
  return count
}
