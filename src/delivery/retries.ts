import { type Batch, sliceBatch } from './batch.ts'

/** Failed batches that stand at the back of the queue, in the order in which they go again. */
export interface Retries {
  size(): number
  readonly items: number
  readonly weight: number
  readonly bytes: number
  first(): Batch | undefined
  /** Position of the oldest item in any of them; Infinity without one. */
  firstPosition(): number
  add(batch: Batch): void
  /** To the front: they go next. */
  addFirst(batch: Batch): void
  takeFirst(): Batch
  /** The first that this round of a drain has not tried. */
  takeUntried(round: number): Batch | undefined
  /** Removes the oldest item of all. Returns its weight, and whether its batch is self-telemetry only, or may be there. */
  removeOldestItem(): { weight: number; onlySelf: boolean; isAmbiguous: boolean }
  /** They may all go at once. */
  hurry(): void
  /** Removes and returns the batches that came before `at`. */
  removeBefore(at: number): Batch[]
  /** Removes and returns the first of which this is true. */
  takeWhere(isWanted: (batch: Batch) => boolean): Batch | undefined
}

/** A batch that waits, less the items that were removed from its front. */
interface Place {
  readonly batch: Batch
  removed: number
}

export function createRetries(): Retries {
  const line: Place[] = []
  /** The place with the oldest item, while it is known: items are removed by the thousand when a queue overflows. */
  let oldest: Place | undefined

  const insert = (batch: Batch, index: number): void => {
    line.splice(index, 0, { batch, removed: 0 })
    oldest = undefined
    retries.items += batch.items.length
    retries.weight += batch.weight
    retries.bytes += batch.bytes
  }
  const remove = (index: number): Batch => {
    const [{ batch: whole, removed }] = line.splice(index, 1) as [Place]
    const batch = removed === 0 ? whole : sliceBatch(whole, removed, whole.items.length)
    oldest = undefined
    retries.items -= batch.items.length
    retries.weight -= batch.weight
    retries.bytes -= batch.bytes
    return batch
  }
  const findOldest = (): Place =>
    line.reduce((first, place) => (place.batch.firstPosition < first.batch.firstPosition ? place : first))

  // The numbers are plain properties: they are read per event, and V8 calls getters there.
  const retries = {
    items: 0,
    weight: 0,
    bytes: 0,
    size: () => line.length,
    first: () => line[0]?.batch,
    firstPosition: () =>
      line.reduce((first, { batch }) => Math.min(first, batch.firstPosition), Number.POSITIVE_INFINITY),
    add: (batch: Batch) => insert(batch, line.length),
    addFirst: (batch: Batch) => insert(batch, 0),
    takeFirst: () => remove(0),
    takeUntried: (round: number): Batch | undefined => retries.takeWhere((batch) => batch.round !== round),
    removeOldestItem() {
      oldest ??= findOldest()
      const place = oldest
      const { batch } = place
      const itemWeight = batch.weights[place.removed] ?? 0
      retries.items -= 1
      retries.weight -= itemWeight
      retries.bytes -= batch.sizes[place.removed] ?? 0
      batch.items[place.removed] = undefined
      batch.backing?.leave(1)
      place.removed += 1
      if (place.removed === batch.items.length) {
        line.splice(line.indexOf(place), 1)
        oldest = undefined
      }
      const isAmbiguous = batch.doubtful || batch.isPartlyTaken
      return { weight: itemWeight, onlySelf: batch.onlySelf, isAmbiguous }
    },
    takeWhere(isWanted: (batch: Batch) => boolean) {
      const index = line.findIndex(({ batch }) => isWanted(batch))
      return index < 0 ? undefined : remove(index)
    },
    hurry() {
      for (const { batch } of line) batch.after = 0
    },
    removeBefore(at: number) {
      const old: Batch[] = []
      for (let index = line.length - 1; index >= 0; index -= 1)
        if ((line[index] as Place).batch.at < at) old.push(remove(index))
      return old
    },
  }
  return retries
}
