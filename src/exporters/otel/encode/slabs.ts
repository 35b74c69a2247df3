import { EncodedSpan } from '../encoded-span.ts'
import type { SpanRecord } from '../span-record.ts'
import { createWriter, type ProtobufWriter } from './protobuf-writer.ts'
import { writeSpan } from './span.ts'

export interface SpanSlabs {
  encode(span: SpanRecord): EncodedSpan
  /** Takes the memory of a span back that nobody keeps, if it is the latest. */
  release(span: EncodedSpan): void
  /** Forgets the memory at hand; what was encoded keeps its own. */
  clear(): void
}

const slabBytes = 64 * 1024
/** Most spans take less. One that takes more has memory of its own. */
const roomForSpan = 2048

/**
 * Encodes spans one after the other into slabs of memory that they share: outside of V8's heap, where thousands of
 * them may wait for a backend without the garbage collector looking at any, and each is encoded once however often it
 * is sent. A slab is freed when the last of its spans is.
 */
export function createSpanSlabs(): SpanSlabs {
  let writer: ProtobufWriter | undefined
  /** Where the latest span begins. */
  let start = 0

  return {
    encode: (span) => {
      if (writer === undefined || writer.at > slabBytes - roomForSpan) writer = createWriter(slabBytes)
      const { bytes: slab, view } = writer
      start = writer.at
      writeSpan(writer, span)
      const { bytes, at } = writer
      if (bytes === slab && at - start <= roomForSpan) return new EncodedSpan(bytes, start, at)
      const own = Buffer.allocUnsafeSlow(at - start)
      bytes.copy(own, 0, start, at)
      writer.bytes = slab
      writer.view = view
      writer.at = start
      return new EncodedSpan(own, 0, own.length)
    },
    release: ({ bytes, end }) => {
      if (writer?.bytes === bytes && writer.at === end) writer.at = start
    },
    clear: () => {
      writer = undefined
    },
  }
}
