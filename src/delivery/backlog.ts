import type { DropReason, Ledger } from './ledger.ts'
import { createQueue, emptyBatch, type ItemBatch } from './queue.ts'

/** A batch on its way, with its history. */
export interface Batch extends ItemBatch<unknown> {
  /** Attempts that failed so far. */
  failures: number
  /** Deliveries of other batches when this one failed first; a later one proves that the batch is the poison. */
  deliveriesAtFirstFailure: number
  /** It goes again when everything queued before this position has been taken. */
  after: number
  /** The drain that tried it last. */
  round: number
}

export interface BacklogLimits {
  readonly queueSize: number
  readonly batchSize: number
  readonly maxRequestBytes: number
  readonly overflow: 'drop_newest' | 'drop_oldest'
}

/** What waits for export: fresh items, and failed batches that stand at the back of the queue. */
export interface Backlog {
  readonly items: number
  readonly weight: number
  readonly tail: number
  /** Arrival of the oldest fresh item. */
  oldest(): number
  /** A failed batch whose turn has come. */
  retryDue(): boolean
  /** Fresh items, without failed batches. */
  readonly fresh: number
  /** Position before which everything has been taken. */
  taken(): number
  /** False: it was dropped for want of room. */
  enqueue(item: unknown, weight: number, at: number, self: boolean, bytes: number): boolean
  take(): Batch | undefined
  /** Takes whatever has not been tried in this round of a drain, whoever's turn it is. */
  takeUntried(round: number): Batch | undefined
  /** To the back of the queue. */
  requeue(batch: Batch): void
  /** Both halves go next; a batch of one cannot be split and is dropped `too_large`. */
  split(batch: Batch): void
  /** Everything that failed may go at once: the destination is new. */
  hurry(): void
  /** Drops whatever came before `at`. */
  expire(at: number): void
  drop(reason: DropReason): void
}

const batchOf = (
  items: ItemBatch<unknown>,
  history: Pick<Batch, 'failures' | 'deliveriesAtFirstFailure'>,
): Batch => ({
  ...items,
  failures: history.failures,
  deliveriesAtFirstFailure: history.deliveriesAtFirstFailure,
  after: 0,
  round: 0,
})

function slice(batch: Batch, from: number, to: number): Batch {
  const weights = batch.weights.slice(from, to)
  return {
    ...batch,
    items: batch.items.slice(from, to),
    weights,
    weight: weights.reduce((sum, weight) => sum + weight, 0),
    after: 0,
    round: 0,
  }
}

export function createBacklog(options: {
  ledger: Ledger
  limits: () => BacklogLimits
  sizeOf: ((item: unknown) => number) | undefined
  /** What a request takes beside its items. */
  requestBytes: () => number
}): Backlog {
  const { ledger, limits, sizeOf, requestBytes } = options
  const queue = createQueue<unknown>()
  const retries: Batch[] = []
  let retryItems = 0
  let retryWeight = 0
  // Of the batch being put together: the driver's sizeOf may look at the status in between.
  let assembledWeight = 0

  const addRetry = (batch: Batch, index: number): void => {
    retries.splice(index, 0, batch)
    retryItems += batch.items.length
    retryWeight += batch.weight
  }
  const removeRetry = (index: number): Batch => {
    const [batch] = retries.splice(index, 1) as [Batch]
    retryItems -= batch.items.length
    retryWeight -= batch.weight
    return batch
  }
  /** Failed batches stand in the order of `after`, so the first one tells. */
  const retryDue = (): boolean => (retries[0]?.after ?? Number.POSITIVE_INFINITY) <= queue.head

  const headBytes = (): number => {
    if (!sizeOf) return queue.headBytes
    try {
      return Math.max(sizeOf(queue.peek()), 0) || 0
    } catch {
      return 0
    }
  }

  const dropHead = (reason: DropReason): void => {
    const self = queue.headIsSelf
    ledger.drop(reason, queue.take(), self)
  }
  const dropBatch = (reason: DropReason, batch: Batch): void =>
    ledger.drop(reason, batch.weight, batch.onlySelf)

  const takeFresh = (): Batch | undefined => {
    const { batchSize, maxRequestBytes } = limits()
    const batch = emptyBatch<unknown>()
    const room = maxRequestBytes - requestBytes()
    let bytes = 0
    while (queue.size > 0 && batch.items.length < batchSize) {
      const size = headBytes()
      if (size > room) {
        dropHead('too_large')
        continue
      }
      if (bytes + size > room) break
      bytes += size
      assembledWeight += queue.take(batch)
    }
    assembledWeight = 0
    return batch.items.length === 0 ? undefined : batchOf(batch, { failures: 0, deliveriesAtFirstFailure: 0 })
  }

  /** A batch that failed keeps its items, unless `batch_size` was lowered meanwhile. */
  const takeRetry = (): Batch => {
    const batch = removeRetry(0)
    const { batchSize } = limits()
    if (batch.items.length <= batchSize) return batch
    addRetry(slice(batch, batchSize, batch.items.length), 0)
    return slice(batch, 0, batchSize)
  }

  /** Room for one more. Whatever has failed came before all that is fresh. */
  const dropOldest = (): void => {
    if (retries.length === 0) {
      dropHead('queue_full')
      return
    }
    let index = 0
    retries.forEach(({ firstPosition }, i) => {
      if (firstPosition < (retries[index] as Batch).firstPosition) index = i
    })
    const batch = removeRetry(index)
    ledger.drop('queue_full', batch.weights[0] ?? 0, batch.onlySelf)
    if (batch.items.length <= 1) return
    const { after, round } = batch
    addRetry({ ...slice(batch, 1, batch.items.length), after, round }, index)
  }

  return {
    get items() {
      return queue.size + retryItems
    },
    get fresh() {
      return queue.size
    },
    get weight() {
      return queue.weight + retryWeight + assembledWeight
    },
    get tail() {
      return queue.tail
    },
    oldest: () => queue.oldest(),
    retryDue,
    taken: () => retries.reduce((first, batch) => Math.min(first, batch.firstPosition), queue.head),
    enqueue(item, weight, at, self, bytes) {
      const { queueSize, overflow } = limits()
      if (queue.size + retryItems >= queueSize) {
        if (overflow === 'drop_newest') {
          ledger.drop('queue_full', weight, self)
          return false
        }
        dropOldest()
      }
      queue.push(item, weight, at, self, bytes)
      return true
    },
    take() {
      return retryDue() ? takeRetry() : takeFresh()
    },
    takeUntried(round) {
      // What fails goes to the back, so a tried batch in front means that only tried ones are left.
      const [first] = retries
      const batch = first && first.round !== round ? takeRetry() : takeFresh()
      if (batch) batch.round = round
      return batch
    },
    requeue(batch) {
      batch.after = queue.tail
      addRetry(batch, retries.length)
    },
    split(batch) {
      if (batch.items.length === 1) {
        dropBatch('too_large', batch)
        return
      }
      const middle = Math.ceil(batch.items.length / 2)
      addRetry(slice(batch, middle, batch.items.length), 0)
      addRetry(slice(batch, 0, middle), 0)
    },
    hurry() {
      for (const batch of retries) batch.after = 0
    },
    expire(at) {
      while (queue.oldest() < at) dropHead('max_age')
      for (let index = retries.length - 1; index >= 0; index -= 1)
        if ((retries[index] as Batch).at < at) dropBatch('max_age', removeRetry(index))
    },
    drop(reason) {
      while (retries.length > 0) dropBatch(reason, removeRetry(retries.length - 1))
      while (queue.size > 0) dropHead(reason)
    },
  }
}
