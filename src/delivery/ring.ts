/**
 * Items waiting for export, oldest first, in a growing ring. Each carries its weight in events, when it came, its
 * sizes, and whether it stems from self-telemetry. Positions count items since the beginning and never step back.
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
  peek(): unknown
  /** Bytes of the oldest item in a request, as far as they were said. */
  readonly headWire: number
  /** Bytes of the oldest item in memory. */
  readonly headMemory: number
  /** The oldest item stems from self-telemetry. */
  readonly headIsSelf: boolean
  /** Removes the oldest item and returns its weight; appends it to `into` if given. */
  take(into?: ItemBatch): number
}

/** Items on their way together. */
export interface ItemBatch {
  readonly items: unknown[]
  readonly weights: number[]
  /** What each item takes in memory. */
  readonly sizes: number[]
  weight: number
  bytes: number
  /** Arrival of the oldest, in monotonic milliseconds. */
  at: number
  /** Position of the oldest item: a flush waits while any unsettled batch is older than itself. */
  firstPosition: number
  /** False as soon as one item does not stem from self-telemetry. */
  onlySelf: boolean
}

export const emptyBatch = (): ItemBatch => ({
  items: [],
  weights: [],
  sizes: [],
  weight: 0,
  bytes: 0,
  at: Number.POSITIVE_INFINITY,
  firstPosition: Number.POSITIVE_INFINITY,
  onlySelf: true,
})

const smallest = 64

export function createRing(): ItemRing {
  let capacity = smallest
  let mask = capacity - 1
  let items: unknown[] = new Array(capacity)
  let weights: number[] = new Array(capacity).fill(0)
  let times: number[] = new Array(capacity).fill(0)
  let selfs: boolean[] = new Array(capacity).fill(false)
  let wires: number[] = new Array(capacity).fill(0)
  let memories: number[] = new Array(capacity).fill(0)
  let head = 0
  let tail = 0
  let weight = 0
  let bytes = 0

  const resize = (to: number): void => {
    const reordered = <T>(from: T[]): T[] => {
      const copy: T[] = new Array(to)
      for (let i = head; i < tail; i += 1) copy[i & (to - 1)] = from[i & mask] as T
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

  return {
    get size() {
      return tail - head
    },
    get weight() {
      return weight
    },
    get bytes() {
      return bytes
    },
    get head() {
      return head
    },
    get tail() {
      return tail
    },
    push(item, itemWeight, at, self, wire, memory) {
      if (tail - head === capacity) resize(capacity * 2)
      const slot = tail & mask
      items[slot] = item
      weights[slot] = itemWeight
      times[slot] = at
      selfs[slot] = self
      wires[slot] = wire
      memories[slot] = memory
      weight += itemWeight
      bytes += memory
      tail += 1
    },
    oldest: () => (head === tail ? Number.POSITIVE_INFINITY : (times[head & mask] as number)),
    get headWire() {
      return head === tail ? 0 : (wires[head & mask] as number)
    },
    get headMemory() {
      return head === tail ? 0 : (memories[head & mask] as number)
    },
    get headIsSelf() {
      return head !== tail && (selfs[head & mask] as boolean)
    },
    peek: () => (head === tail ? undefined : items[head & mask]),
    take(into) {
      if (head === tail) return 0
      const slot = head & mask
      const itemWeight = weights[slot] as number
      const memory = memories[slot] as number
      if (into) {
        into.items.push(items[slot])
        into.weights.push(itemWeight)
        into.sizes.push(memory)
        into.weight += itemWeight
        into.bytes += memory
        into.at = Math.min(into.at, times[slot] as number)
        into.firstPosition = Math.min(into.firstPosition, head)
        into.onlySelf &&= selfs[slot] as boolean
      }
      items[slot] = undefined
      head += 1
      weight -= itemWeight
      bytes -= memory
      // A ring that grew in an outage gives its memory back once it has emptied.
      if (head === tail && capacity > 4096) resize(smallest)
      return itemWeight
    },
  }
}
