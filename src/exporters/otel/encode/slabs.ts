import { EncodedSpan } from '../encoded-span.ts'
import type { SpanRecord } from '../span-record.ts'
import { createWriter, type ProtobufWriter } from './protobuf-writer.ts'
import { writeSpan } from './span.ts'

export interface SpanSlabs {
  encode(span: SpanRecord): EncodedSpan
  /** Forgets the memory at hand; what was encoded keeps its own. */
  clear(): void
}

const slabBytes = 64 * 1024
/** Most spans take less. One that takes more has its slab copied into a larger one. */
const roomForSpan = 2048

/**
 * Encodes spans one after the other into slabs of memory that they share: outside of V8's heap, where thousands of
 * them may wait for a backend without the garbage collector looking at any, and each is encoded once however often it
 * is sent. A slab is freed when the last of its spans is.
 */
export function createSpanSlabs(): SpanSlabs {
  let writer: ProtobufWriter | undefined

  return {
    encode: (span) => {
      if (writer === undefined || writer.at > slabBytes - roomForSpan) writer = createWriter(slabBytes)
      const start = writer.at
      writeSpan(writer, span)
      return new EncodedSpan(writer.bytes, start, writer.at)
    },
    clear: () => {
      writer = undefined
    },
  }
}
