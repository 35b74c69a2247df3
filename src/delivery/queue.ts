import type { DropReason } from '../exporters/drop-reasons.ts'
import { type Batch, batchOf, fitting, sliceBatch } from './batch.ts'
import type { Ledger } from './ledger.ts'
import { createRequestLimits, type RequestLimits } from './request-limits.ts'
import { createRetries } from './retries.ts'
import { createRing } from './ring.ts'

export interface QueueLimits {
  /** Items that may wait. */
  readonly queueSize: number
  /** Bytes of memory for what waits, is in flight or is held by the driver. */
  readonly queueBytes: number
  readonly batchSize: number
  readonly maxRequestBytes: number
  readonly overflow: 'drop_newest' | 'drop_oldest'
}

/** What waits for export: fresh items, and failed batches that stand at the back. */
export interface Queue {
  readonly items: number
  readonly weight: number
  /** Bytes of what waits or is in flight. */
  readonly bytes: number
  readonly tail: number
  /** Arrival of the oldest fresh item, in monotonic milliseconds. */
  oldest(): number
  /** A failed batch whose turn has come. */
  retryDue(): boolean
  /** Fresh items, without failed batches. */
  readonly fresh: number
  /** A request can be filled, or there is no room for more. */
  full(): boolean
  /** Position before which everything has been taken. */
  taken(): number
  /**
   * False: it was dropped for want of room. `wire`: bytes in a request, 0 if unknown. `memory`: bytes it keeps from
   * being freed.
   */
  enqueue(item: unknown, weight: number, at: number, self: boolean, wire: number, memory: number): boolean
  /** Room for so many bytes beside what waits and is in flight, made by dropping the oldest if the configuration says so. */
  makeRoom(bytes: number): boolean
  take(): Batch | undefined
  /** Takes the next batch that was not tried in this round of a drain, whether or not its turn has come. */
  takeUntried(round: number): Batch | undefined
  /** To the back of the queue. */
  requeue(batch: Batch): void
  /** Both halves go next; a batch of one cannot be split and is dropped `too_large`. */
  split(batch: Batch): void
  /** Everything that failed may go at once. */
  hurry(): void
  /** A batch has left the exporter, one way or another: its memory is free. */
  release(bytes: number): void
  /** Learns from what the backend says of the size of requests. */
  readonly requests: RequestLimits
  /** Drops whatever came before `at`, in monotonic milliseconds. */
  expire(at: number): void
  drop(reason: DropReason): void
}

/** Memory of an item's place in the queue beside the item itself. */
const slotBytes = 96

export function createQueue(options: {
  ledger: Ledger
  limits: () => QueueLimits
  sizeOf: ((item: unknown) => number) | undefined
  /** What a request takes beside its items. */
  requestBytes: () => number
  /** Bytes that the driver holds for this exporter. */
  heldBytes: () => number
}): Queue {
  const { ledger, limits, sizeOf, requestBytes, heldBytes } = options
  const ring = createRing(sizeOf)
  const retries = createRetries()
  const requests = createRequestLimits()
  let inFlightBytes = 0

  const bytes = (): number => ring.bytes + retries.bytes + inFlightBytes
  /** Failed batches stand in the order of `after`, so the first one tells. */
  const retryDue = (): boolean => (retries.first()?.after ?? Number.POSITIVE_INFINITY) <= ring.head

  const dropHead = (reason: DropReason): void => {
    const self = ring.headIsSelf()
    ledger.drop(reason, ring.drop(), self)
  }
  const dropBatch = (reason: DropReason, batch: Batch): void =>
    ledger.drop(reason, batch.weight, batch.onlySelf)

  const lease = (batch: Batch): Batch => {
    inFlightBytes += batch.bytes
    return batch
  }

  const takeFresh = (): Batch | undefined => {
    const { batchSize, maxRequestBytes } = limits()
    const room = maxRequestBytes - requestBytes()
    while (ring.size > 0 && ring.headWire() > room) dropHead('too_large')
    if (ring.size === 0) return undefined
    return lease(batchOf(ring.take({ items: batchSize, wire: room, memory: requests.bytes })))
  }

  /** Puts the items from `count` on back to the front, and returns those before. */
  const cutOff = (batch: Batch, count: number): Batch => {
    if (count < batch.items.length)
      retries.addFirst({ ...sliceBatch(batch, count, batch.items.length), after: 0, round: 0 })
    return { ...sliceBatch(batch, 0, count), after: 0, round: 0 }
  }

  /**
   * A batch that failed keeps its items, unless requests have to be smaller by now. Undefined: its first item is too
   * large by now, and was dropped.
   */
  const leaseFailed = (batch: Batch): Batch | undefined => {
    const { batchSize, maxRequestBytes } = limits()
    const wire = maxRequestBytes - requestBytes()
    const wires = ring.wiresOf(batch)
    if ((wires[0] ?? 0) > wire) {
      dropBatch('too_large', cutOff(batch, 1))
      return undefined
    }
    const count = fitting(batch, wires, { items: batchSize, wire, memory: requests.bytes })
    return lease(batch.items.length === count ? batch : cutOff(batch, count))
  }

  /** Whatever has failed came before all that is fresh. */
  const dropOldest = (): void => {
    if (retries.size() === 0) {
      dropHead('queue_full')
      return
    }
    const { weight, onlySelf } = retries.removeOldestItem()
    ledger.drop('queue_full', weight, onlySelf)
  }

  const makeRoom = (wanted: number): boolean => {
    const { queueBytes, overflow } = limits()
    if (bytes() + heldBytes() + wanted <= queueBytes) return true
    if (overflow === 'drop_newest') return false
    while (bytes() + heldBytes() + wanted > queueBytes && ring.size + retries.items > 0) dropOldest()
    return bytes() + heldBytes() + wanted <= queueBytes
  }

  return {
    requests,
    get items() {
      return ring.size + retries.items
    },
    get fresh() {
      return ring.size
    },
    get weight() {
      return ring.weight + retries.weight
    },
    get bytes() {
      return bytes()
    },
    get tail() {
      return ring.tail
    },
    oldest: () => ring.oldest(),
    retryDue,
    full() {
      const { queueSize, queueBytes, batchSize, maxRequestBytes } = limits()
      return (
        ring.size >= batchSize ||
        ring.bytes >= Math.min(maxRequestBytes, requests.bytes) ||
        ring.size + retries.items >= queueSize ||
        ring.bytes >= queueBytes / 2
      )
    },
    taken: () => Math.min(retries.firstPosition(), ring.head),
    enqueue(item, weight, at, self, wire, memory) {
      const { queueSize, overflow } = limits()
      const size = memory + slotBytes
      if (ring.size + retries.items >= queueSize) {
        if (overflow === 'drop_newest') {
          ledger.drop('queue_full', weight, self)
          return false
        }
        dropOldest()
      }
      if (!makeRoom(size)) {
        ledger.drop('queue_full', weight, self)
        return false
      }
      ring.push(item, weight, at, self, wire, size)
      return true
    },
    makeRoom,
    take() {
      while (retryDue()) {
        const batch = leaseFailed(retries.takeFirst())
        if (batch) return batch
      }
      return takeFresh()
    },
    takeUntried(round) {
      let batch: Batch | undefined
      // What an old client could not finish comes back behind batches that the drain has tried.
      for (let failed = retries.takeUntried(round); failed && !batch; ) {
        batch = leaseFailed(failed)
        if (!batch) failed = retries.takeUntried(round)
      }
      batch ??= takeFresh()
      if (batch) batch.round = round
      return batch
    },
    requeue(batch) {
      inFlightBytes -= batch.bytes
      batch.after = ring.tail
      retries.add(batch)
    },
    split(batch) {
      inFlightBytes -= batch.bytes
      if (batch.items.length === 1) return dropBatch('too_large', batch)
      const middle = Math.ceil(batch.items.length / 2)
      const fresh = { after: 0, round: 0 }
      retries.addFirst({ ...sliceBatch(batch, middle, batch.items.length), ...fresh })
      retries.addFirst({ ...sliceBatch(batch, 0, middle), ...fresh })
    },
    hurry: () => retries.hurry(),
    release(freed) {
      inFlightBytes -= freed
    },
    expire(at) {
      while (ring.oldest() < at) dropHead('max_age')
      for (const batch of retries.removeBefore(at)) dropBatch('max_age', batch)
    },
    drop(reason) {
      while (retries.size() > 0) dropBatch(reason, retries.takeFirst())
      while (ring.size > 0) dropHead(reason)
    },
  }
}
