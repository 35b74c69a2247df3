import type { DropReason } from '../exporters/drop-reasons.ts'
import { type Batch, batchOf, dropBatch, fitting, sliceBatch } from './batch.ts'
import type { Ledger } from './ledger.ts'
import type { Queue, QueueLimits } from './queue-contract.ts'
import { createRequestLimits } from './request-limits.ts'
import { createRetries, type Retries } from './retries.ts'
import { createRing } from './ring.ts'
import type { QueueSpill } from './spill.ts'

export type { Queue, QueueLimits } from './queue-contract.ts'

/** Memory of an item's place in the queue beside the item itself. */
const slotBytes = 96

export function createQueue(options: {
  ledger: Ledger
  limits: () => QueueLimits
  sizeOf: ((item: unknown) => number) | undefined
  /** Bytes of a request beside its items. */
  requestBytes: () => number
  /** Bytes that the driver holds for this exporter. */
  heldBytes: () => number
  /** Made after the queue. */
  spool: () => QueueSpill
  /** Fresh items are due. */
  isFreshDue: () => boolean
}): Queue {
  const { ledger, limits, sizeOf, requestBytes, heldBytes, spool, isFreshDue } = options
  const ring = createRing(sizeOf)
  const retries = createRetries()
  /** Read from disk, and not tried since. Their bytes count as in flight. */
  const fetched = createRetries()
  const requests = createRequestLimits()
  let inFlightBytes = 0
  let lastWasFetched = false

  const bytes = (): number => ring.bytes + retries.bytes + inFlightBytes
  /** Failed batches stand in the order of `after`, so the first one tells. */
  const retryDue = (): boolean => (retries.first()?.after ?? Number.POSITIVE_INFINITY) <= ring.head

  const dropHead = (reason: DropReason): void => {
    const self = ring.headIsSelf()
    ledger.drop(reason, ring.drop(), self)
  }

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
  const cutOff = (batch: Batch, count: number, to: Retries): Batch => {
    if (count < batch.items.length)
      to.addFirst({ ...sliceBatch(batch, count, batch.items.length), after: 0, round: 0 })
    return { ...sliceBatch(batch, 0, count), after: 0, round: 0 }
  }

  /**
   * A batch that failed keeps its items, unless requests have to be smaller by now. Undefined: its first item is too
   * large by now, and was dropped.
   */
  const leaseWhole = (batch: Batch, from: Retries): Batch | undefined => {
    const { batchSize, maxRequestBytes } = limits()
    const wire = maxRequestBytes - requestBytes()
    const wires = ring.wiresOf(batch)
    if ((wires[0] ?? 0) > wire) {
      const first = cutOff(batch, 1, from)
      if (from === fetched) inFlightBytes -= first.bytes
      dropBatch(ledger, 'too_large', first)
      return undefined
    }
    const count = fitting(batch, wires, { items: batchSize, wire, memory: requests.bytes })
    const taken = batch.items.length === count ? batch : cutOff(batch, count, from)
    return from === fetched ? taken : lease(taken)
  }

  const takeFetched = (): Batch | undefined => {
    if (fetched.size() === 0) spool().fetch()
    while (fetched.size() > 0) {
      const batch = leaseWhole(fetched.takeFirst(), fetched)
      if (batch) return batch
    }
    return undefined
  }

  const removeFetched = (): Batch => {
    const batch = fetched.takeFirst()
    inFlightBytes -= batch.bytes
    return batch
  }

  /** Drops the oldest items: failed batches are older than all fresh items. */
  const dropOldest = (): void => {
    if (retries.size() === 0) {
      dropHead(spool().fullReason)
      return
    }
    const { weight, onlySelf, isAmbiguous } = retries.removeOldestItem()
    if (isAmbiguous) ledger.addAmbiguous(weight)
    ledger.drop(spool().fullReason, weight, onlySelf)
  }

  // Not within `makeRoom`: V8 would make a closure for each item.
  const usedWith = (wanted: number): number => bytes() + heldBytes() + wanted

  const makeRoom = (wanted: number): boolean => {
    const { queueBytes, spillBytes, overflow } = limits()
    // Batches on their way to disk use the room above.
    if (usedWith(wanted) <= spillBytes || usedWith(wanted) + spool().bytes <= queueBytes) return true
    if (overflow === 'drop_newest') return false
    while (usedWith(wanted) + spool().bytes > queueBytes && ring.size + retries.items > 0) dropOldest()
    return usedWith(wanted) + spool().bytes <= queueBytes
  }

  const enqueueFull: Queue['enqueue'] = (item, weight, at, self, wire, size) => {
    if (spool().spill(item, weight, at, self, wire, size)) return true
    const { queueSize, overflow } = limits()
    const isFull = ring.size + retries.items + spool().items >= queueSize
    const canReplace = overflow === 'drop_oldest' && ring.size + retries.items > 0
    if (isFull && canReplace) dropOldest()
    if ((isFull && !canReplace) || !makeRoom(size)) {
      ledger.drop(spool().fullReason, weight, self)
      return false
    }
    ring.push(item, weight, at, self, wire, size)
    return true
  }

  return {
    requests,
    get items() {
      return ring.size + retries.items + fetched.items
    },
    get fresh() {
      return ring.size
    },
    get weight() {
      return ring.weight + retries.weight + fetched.weight
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
      const { spillSize, spillBytes } = limits()
      const size = memory + slotBytes
      if (ring.size + retries.items >= spillSize || bytes() + heldBytes() + size > spillBytes)
        return enqueueFull(item, weight, at, self, wire, size)
      ring.push(item, weight, at, self, wire, size)
      return true
    },
    makeRoom,
    take() {
      while (retryDue()) {
        const batch = leaseWhole(retries.takeFirst(), retries)
        if (batch) return batch
      }
      // One from disk, one fresh, as long as both are due.
      const isFreshsTurn = lastWasFetched && ring.size > 0 && isFreshDue()
      // The disk's next batch is there when its turn has come.
      if (isFreshsTurn && fetched.size() === 0) spool().fetch()
      const batch = isFreshsTurn ? undefined : takeFetched()
      lastWasFetched = batch !== undefined
      if (batch) return batch
      return spool().isFetching && !isFreshDue() ? undefined : takeFresh()
    },
    takeUntried(round) {
      let batch: Batch | undefined
      // Batches that an old client could not finish come back behind those that the drain has tried.
      for (let failed = retries.takeUntried(round); failed && !batch; ) {
        batch = leaseWhole(failed, retries)
        if (!batch) failed = retries.takeUntried(round)
      }
      batch ??= (fetched.size() > 0 ? takeFetched() : undefined) ?? takeFresh()
      if (batch) batch.round = round
      return batch
    },
    requeue(batch) {
      inFlightBytes -= batch.bytes
      batch.after = ring.tail
      batch.backing?.survived()
      retries.add(batch)
    },
    split(batch) {
      inFlightBytes -= batch.bytes
      if (batch.items.length === 1) return dropBatch(ledger, 'too_large', batch)
      const middle = Math.ceil(batch.items.length / 2)
      const fresh = { after: 0, round: 0 }
      retries.addFirst({ ...sliceBatch(batch, middle, batch.items.length), ...fresh })
      retries.addFirst({ ...sliceBatch(batch, 0, middle), ...fresh })
    },
    hurry: () => retries.hurry(),
    addFetched(batch) {
      inFlightBytes += batch.bytes
      fetched.add(batch)
    },
    get fetched() {
      return fetched.items
    },
    get nextFetched() {
      return fetched.first()
    },
    returnFetched(isWanted) {
      const returned: Batch[] = []
      for (let batch = fetched.takeWhere(isWanted); batch; batch = fetched.takeWhere(isWanted)) {
        inFlightBytes -= batch.bytes
        returned.push(batch)
      }
      return returned
    },
    takeUnbacked(at, most) {
      if (ring.oldest() < at) return batchOf(ring.take(most))
      return retries.takeWhere(({ backing }) => backing?.isLost !== false)
    },
    giveBack(batch) {
      batch.after = ring.tail
      batch.firstPosition = ring.head
      retries.add(batch)
    },
    removeAll(most) {
      const all: Batch[] = []
      while (fetched.size() > 0) all.push(removeFetched())
      while (retries.size() > 0) all.push(retries.takeFirst())
      while (ring.size > 0) all.push(batchOf(ring.take(most)))
      return all
    },
    release(freed) {
      inFlightBytes -= freed
    },
    expire(at) {
      while (ring.oldest() < at) dropHead('max_age')
      for (const batch of retries.removeBefore(at)) dropBatch(ledger, 'max_age', batch)
      for (const batch of fetched.removeBefore(at)) {
        inFlightBytes -= batch.bytes
        dropBatch(ledger, 'max_age', batch)
      }
    },
    drop(reason) {
      while (retries.size() > 0) dropBatch(ledger, reason, retries.takeFirst())
      while (fetched.size() > 0) dropBatch(ledger, reason, removeFetched())
      while (ring.size > 0) dropHead(reason)
    },
  }
}
