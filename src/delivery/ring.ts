import { withoutRejection } from '../errors.ts'

/**
 * Items waiting for export, oldest first, in a growing ring. Each carries its weight in events, when it came, its
 * sizes, and whether it comes from self-telemetry. Positions count items since the beginning and never decrease.
 */
export interface ItemRing {
  readonly size: number
  /** Sum of the weights. */
  readonly weight: number
  /** Sum of what the items take in memory. */
  readonly bytes: number
  /** Position of the oldest item; equals `tail` when empty. */
  readonly head: number
  /** Position the next item gets. */
  readonly tail: number
  /** `wire`: bytes of the item in a request, 0 if unknown. `memory`: bytes it keeps from being freed. */
  push(item: unknown, weight: number, at: number, self: boolean, wire: number, memory: number): void
  /** Arrival time of the oldest item, in monotonic milliseconds; Infinity when empty. */
  oldest(): number
  /** The oldest item comes from self-telemetry. */
  headIsSelf(): boolean
  /** Bytes of the oldest item in a request, as far as they are known. */
  headWire(): number
  /** Removes the oldest item and returns its weight. */
  drop(): number
  /** Bytes in a request of each item of a batch that was taken. */
  wiresOf(batch: ItemBatch): readonly number[]
  /** Removes and returns the oldest items: as many as fit, at least one. */
  take(most: RequestRoom): ItemBatch
}

/** The room in a request. */
export interface RequestRoom {
  readonly items: number
  /** Bytes in the request. */
  readonly wire: number
  /** Bytes in memory. */
  readonly memory: number
}

/** Items on their way together. */
export interface ItemBatch {
  readonly items: unknown[]
  readonly weights: number[]
  /** Bytes of each item in memory. */
  readonly sizes: number[]
  /** Bytes of each item in a request, unless the driver can be asked for them. */
  readonly wires: number[] | undefined
  weight: number
  bytes: number
  /** Arrival of the oldest, in monotonic milliseconds. */
  at: number
  /** Position of the oldest item: a flush waits while any unsettled batch is older than itself. */
  firstPosition: number
  /** False as soon as one item does not come from self-telemetry. */
  onlySelf: boolean
}

const smallest = 64
/** Slots for a backlog of a fraction of a second: a ring that gave them back would grow again and again. */
const keptCapacity = 16_384

/** @param sizeOf bytes of an item in a request, where the driver says so later than when it queues the item. */
export function createRing(sizeOf?: (item: unknown) => number): ItemRing {
  let capacity = smallest
  let mask = capacity - 1
  let items: unknown[] = new Array(capacity)
  let weights: number[] = new Array(capacity).fill(0)
  let times: number[] = new Array(capacity).fill(0)
  let selfs: boolean[] = new Array(capacity).fill(false)
  let wires: number[] = new Array(capacity).fill(0)
  let memories: number[] = new Array(capacity).fill(0)

  const resize = (to: number): void => {
    const reordered = <T>(from: T[]): T[] => {
      const copy: T[] = new Array(to)
      for (let i = ring.head; i < ring.tail; i += 1) copy[i & (to - 1)] = from[i & mask] as T
      return copy
    }
    items = reordered(items)
    weights = reordered(weights)
    times = reordered(times)
    selfs = reordered(selfs)
    wires = reordered(wires)
    memories = reordered(memories)
    capacity = to
    mask = to - 1
  }

  const asked = (item: unknown): number => {
    try {
      return Math.max(withoutRejection(sizeOf?.(item) ?? 0), 0) || 0
    } catch {
      return 0
    }
  }
  const wireAt = (slot: number): number =>
    sizeOf === undefined ? (wires[slot] as number) : asked(items[slot])

  /** A copy of `count` slots from the head on. */
  const slice = <T>(from: T[], count: number): T[] => {
    const start = ring.head & mask
    const end = start + count
    if (end <= capacity) return from.slice(start, end)
    return from.slice(start).concat(from.slice(0, end - capacity))
  }

  const shrink = (): void => {
    // A ring that grew in an outage gives its memory back once it has emptied.
    if (ring.size === 0 && capacity > keptCapacity) resize(smallest)
  }

  const fitting = (most: RequestRoom): number => {
    const available = Math.min(ring.tail - ring.head, most.items)
    let wire = wireAt(ring.head & mask)
    let memory = memories[ring.head & mask] as number
    let count = 1
    while (count < available) {
      const slot = (ring.head + count) & mask
      wire += wireAt(slot)
      memory += memories[slot] as number
      if (wire > most.wire || memory > most.memory) break
      count += 1
    }
    return count
  }

  // The numbers are plain properties: they are read per event, and V8 calls getters there.
  const ring = {
    size: 0,
    weight: 0,
    bytes: 0,
    head: 0,
    tail: 0,
    push(item: unknown, itemWeight: number, at: number, self: boolean, wire: number, memory: number) {
      if (ring.tail - ring.head === capacity) resize(capacity * 2)
      const slot = ring.tail & mask
      items[slot] = item
      weights[slot] = itemWeight
      times[slot] = at
      selfs[slot] = self
      wires[slot] = wire
      memories[slot] = memory
      ring.weight += itemWeight
      ring.bytes += memory
      ring.tail += 1
      ring.size += 1
    },
    oldest: () => (ring.head === ring.tail ? Number.POSITIVE_INFINITY : (times[ring.head & mask] as number)),
    headIsSelf: () => ring.size > 0 && (selfs[ring.head & mask] as boolean),
    headWire: () => (ring.head === ring.tail ? 0 : wireAt(ring.head & mask)),
    drop() {
      if (ring.head === ring.tail) return 0
      const slot = ring.head & mask
      const itemWeight = weights[slot] as number
      items[slot] = undefined
      ring.head += 1
      ring.size -= 1
      ring.weight -= itemWeight
      ring.bytes -= memories[slot] as number
      shrink()
      return itemWeight
    },
    wiresOf: (batch: ItemBatch) => batch.wires ?? batch.items.map(asked),
    take(most: RequestRoom) {
      const count = fitting(most)
      const batch: ItemBatch = {
        items: slice(items, count),
        weights: slice(weights, count),
        sizes: slice(memories, count),
        wires: sizeOf === undefined ? slice(wires, count) : undefined,
        weight: 0,
        bytes: 0,
        at: times[ring.head & mask] as number,
        firstPosition: ring.head,
        onlySelf: true,
      }
      for (let i = 0; i < count; i += 1) {
        const slot = (ring.head + i) & mask
        items[slot] = undefined
        batch.weight += batch.weights[i] as number
        batch.bytes += batch.sizes[i] as number
        if (selfs[slot] === false) batch.onlySelf = false
      }
      ring.head += count
      ring.size -= count
      ring.weight -= batch.weight
      ring.bytes -= batch.bytes
      shrink()
      return batch
    },
  }
  return ring
}
