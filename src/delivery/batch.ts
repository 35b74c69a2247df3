import type { DropReason } from '../exporters/drop-reasons.ts'
import type { Ledger } from './ledger.ts'
import type { ItemBatch, RequestRoom } from './ring.ts'

/** The file on disk that has a batch as well. */
export interface Backing {
  /** So many items are settled: with the last of them the file is removed. */
  leave(items: number): void
  /** An attempt to send it failed; it waits again. */
  survived(): void
  /** It could not be written: the batch is in memory alone after all. */
  readonly isLost: boolean
}

/** A batch on its way, with its history. */
export interface Batch extends ItemBatch {
  /** Attempts that failed so far, at the destination of the last one. */
  failures: number
  /** Counts destinations: which one it failed at last. */
  destination: number
  /** Deliveries of other batches when this one failed first; a later one proves that the batch is the poison. */
  deliveriesAtFirstFailure: number
  /** It goes again when everything queued before this position has been taken. */
  after: number
  /** The drain that tried it last. */
  round: number
  /** The endpoints that called it misdirected, a bit for each, and the configuration of endpoints that they are of. */
  misdirectedAt: number
  misdirectedIn: number
  /** Attempts that have begun, at any destination. */
  attempts: number
  /** An earlier life of the process may have delivered it, and the ledger does not say so yet. */
  doubtful: boolean
  /** The backend has taken some of it, which the driver says when it gets it again: the ledger does not say so yet. */
  isPartlyTaken: boolean
  /** Undefined: it is in memory alone. */
  backing: Backing | undefined
}

/** Field by field: of a spread V8 would make each batch a hidden class of its own. */
export const batchOf = (taken: ItemBatch): Batch => ({
  items: taken.items,
  weights: taken.weights,
  sizes: taken.sizes,
  wires: taken.wires,
  weight: taken.weight,
  bytes: taken.bytes,
  at: taken.at,
  firstPosition: taken.firstPosition,
  onlySelf: taken.onlySelf,
  failures: 0,
  destination: 0,
  deliveriesAtFirstFailure: 0,
  after: 0,
  round: 0,
  misdirectedAt: 0,
  misdirectedIn: 0,
  attempts: 0,
  doubtful: false,
  isPartlyTaken: false,
  backing: undefined,
})

/** Drops a batch that waits in memory; what it is of a file is settled. */
export function dropBatch(ledger: Ledger, reason: DropReason, batch: Batch): void {
  batch.backing?.leave(batch.items.length)
  if (batch.doubtful || batch.isPartlyTaken) ledger.addAmbiguous(batch.weight)
  ledger.drop(reason, batch.weight, batch.onlySelf)
}

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
    wires: batch.wires?.slice(from, to),
    weight: sum(weights),
    bytes: sum(sizes),
  }
}

/** How many of a batch's items, at least one, a request has room for. `wires`: bytes of each in a request. */
export function fitting({ items, sizes }: Batch, wires: readonly number[], most: RequestRoom): number {
  let count = 1
  let memory = sizes[0] ?? 0
  let wire = wires[0] ?? 0
  while (count < items.length && count < most.items) {
    memory += sizes[count] as number
    wire += wires[count] as number
    if (memory > most.memory || wire > most.wire) break
    count += 1
  }
  return count
}
