import type { Outcome } from '../../outcome.ts'
import { EncodedItem } from '../encoded-item.ts'
import { isEncoded, type SpanItem } from '../span-item.ts'
import { createWriter, type ProtobufWriter, shrink } from './protobuf-writer.ts'

/** Memory that items are encoded into. */
export interface Slabs {
  /** Where the next item is written. `bytes`: about what it will take, or less than 1 KiB if it will take less. */
  open(bytes: number): ProtobufWriter
  /** The item that was written since `open`. */
  take(): EncodedItem
  /** Takes back the memory of an item that is not kept, if it is the latest. */
  release(item: EncodedItem): void
  /** Forgets the memory at hand; what was encoded keeps its own. */
  clear(): void
}

const slabBytes = 32 * 1024
/** Most items take less. One that takes more has memory of its own. */
const roomForItem = 2048
/** By the estimate an item of this size may not fit: it is written elsewhere first. */
const maybeTooBig = 1024
const keptScratch = 1024 * 1024

/**
 * Items are encoded one after the other into slabs of memory that they share: outside of V8's heap, where thousands of
 * them may wait for a backend without the garbage collector looking at any, and each is encoded once however often it
 * is sent. A slab is freed when the last of its items is; `compact` moves items that have to wait elsewhere.
 */
export function createSlabs(): Slabs {
  let writer: ProtobufWriter | undefined
  /** Where the latest item begins, and the memory and view of the slab. */
  let start = 0
  let memory: Buffer | undefined
  let view: DataView | undefined
  /** For items that are probably too big for a slab. */
  let scratch: ProtobufWriter | undefined
  let inScratch = false

  const slab = (): ProtobufWriter => {
    if (writer === undefined || writer.at > slabBytes - roomForItem) {
      writer = createWriter(slabBytes)
      memory = writer.bytes
      view = writer.view
    }
    start = writer.at
    return writer
  }

  const takeFromScratch = (from: ProtobufWriter): EncodedItem => {
    const { bytes, at } = from
    const encoded = at > roomForItem ? ownCopy(bytes, 0, at) : copiedTo(slab(), bytes, at)
    shrink(from, keptScratch)
    return encoded
  }

  return {
    open: (bytes) => {
      inScratch = bytes > maybeTooBig
      if (!inScratch) return slab()
      scratch ??= createWriter()
      scratch.at = 0
      return scratch
    },
    take: () => {
      if (inScratch) return takeFromScratch(scratch!)
      const into = writer!
      const { bytes, at } = into
      if (bytes === memory && at - start <= roomForItem) return new EncodedItem(bytes, start, at)
      const own = ownCopy(bytes, start, at)
      into.bytes = memory!
      into.view = view!
      into.at = start
      return own
    },
    release: ({ bytes, end }) => {
      if (writer?.bytes === bytes && writer.at === end) writer.at = start
    },
    clear: () => {
      writer = undefined
      memory = undefined
      view = undefined
      scratch = undefined
    },
  }
}

/** Memory of exactly its size, shared with nothing. */
function ownCopy(bytes: Buffer, start: number, end: number): EncodedItem {
  const own = Buffer.allocUnsafeSlow(end - start)
  bytes.copy(own, 0, start, end)
  return new EncodedItem(own, 0, own.length)
}

function copiedTo(into: ProtobufWriter, bytes: Buffer, size: number): EncodedItem {
  const start = into.at
  bytes.copy(into.bytes, start, 0, size)
  into.at += size
  return new EncodedItem(into.bytes, start, into.at)
}

/**
 * Gives the items of a batch that has to wait longer memory of their own: others of their slabs leave the queue before
 * them, and the memory of a whole slab would wait for one item.
 */
export function compact(items: readonly EncodedItem[]): void {
  const sharing = items.filter(({ bytes, start, end }) => bytes.length !== end - start)
  let size = 0
  for (const { start, end } of sharing) size += end - start
  // They have been here before.
  if (sharing[0]?.bytes.length === size) return
  const own = Buffer.allocUnsafeSlow(size)
  let at = 0
  for (const item of sharing) {
    item.bytes.copy(own, at, item.start, item.end)
    at = EncodedItem.move(item, own, at)
  }
}

/** Runs an attempt to send a batch, after which what has to wait longer has memory of its own. */
export async function compacting(
  batch: readonly SpanItem[],
  attempt: () => Promise<Outcome>,
): Promise<Outcome> {
  let settled = false
  try {
    const outcome = await attempt()
    settled = outcome.type !== 'retry' && outcome.type !== 'too_large'
    return outcome
  } finally {
    if (!settled) compact(batch.filter(isEncoded))
  }
}
