import { type Batch, sliceBatch } from './batch.ts'

/** Failed batches that stand at the back of the queue, in the order in which they go again. */
export interface Retries {
  readonly size: number
  readonly items: number
  readonly weight: number
  readonly bytes: number
  readonly first: Batch | undefined
  /** Position of the oldest item in any of them; Infinity without one. */
  firstPosition(): number
  add(batch: Batch): void
  /** To the front: they go next. */
  addFirst(batch: Batch): void
  takeFirst(): Batch
  /** The first that this round of a drain has not tried. */
  takeUntried(round: number): Batch | undefined
  /** Removes the oldest item of all and returns its weight and whether its batch is self-telemetry only. */
  removeOldestItem(): { weight: number; onlySelf: boolean }
  /** They may all go at once. */
  hurry(): void
  /** Removes and returns the batches that came before `at`. */
  removeBefore(at: number): Batch[]
}

export function createRetries(): Retries {
  const batches: Batch[] = []
  let items = 0
  let weight = 0
  let bytes = 0

  const insert = (batch: Batch, index: number): void => {
    batches.splice(index, 0, batch)
    items += batch.items.length
    weight += batch.weight
    bytes += batch.bytes
  }
  const remove = (index: number): Batch => {
    const [batch] = batches.splice(index, 1) as [Batch]
    items -= batch.items.length
    weight -= batch.weight
    bytes -= batch.bytes
    return batch
  }

  return {
    get size() {
      return batches.length
    },
    get items() {
      return items
    },
    get weight() {
      return weight
    },
    get bytes() {
      return bytes
    },
    get first() {
      return batches[0]
    },
    firstPosition: () =>
      batches.reduce((first, batch) => Math.min(first, batch.firstPosition), Number.POSITIVE_INFINITY),
    add: (batch) => insert(batch, batches.length),
    addFirst: (batch) => insert(batch, 0),
    takeFirst: () => remove(0),
    takeUntried(round) {
      const index = batches.findIndex((batch) => batch.round !== round)
      return index < 0 ? undefined : remove(index)
    },
    removeOldestItem() {
      let index = 0
      batches.forEach(({ firstPosition }, i) => {
        if (firstPosition < (batches[index] as Batch).firstPosition) index = i
      })
      const batch = remove(index)
      if (batch.items.length > 1) insert(sliceBatch(batch, 1, batch.items.length), index)
      return { weight: batch.weights[0] ?? 0, onlySelf: batch.onlySelf }
    },
    hurry() {
      for (const batch of batches) batch.after = 0
    },
    removeBefore(at) {
      const old: Batch[] = []
      for (let index = batches.length - 1; index >= 0; index -= 1)
        if ((batches[index] as Batch).at < at) old.push(remove(index))
      return old
    },
  }
}
