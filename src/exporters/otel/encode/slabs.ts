import type { TelemetryEvent } from '../../../bus/event.ts'
import { bytesOf } from '../../../bus/snapshot.ts'
import { EncodedSpan } from '../encoded-span.ts'
import type { SpanRecord } from '../span-record.ts'
import type { AttributeLimits } from '../spans/attributes.ts'
import type { OpenSpan } from '../spans/open-span.ts'
import { finishSpan } from '../spans/record.ts'
import { writeFinishedSpan } from './finished-span.ts'
import { createWriter, type ProtobufWriter, shrink } from './protobuf-writer.ts'
import { writeSpan } from './span.ts'

export interface SpanSlabs {
  /** Encodes the span that an event ends. */
  finish(span: OpenSpan, end: TelemetryEvent, isError: boolean, limits: AttributeLimits): EncodedSpan
  encode(span: SpanRecord): EncodedSpan
  /** Takes the memory of a span back that nobody keeps, if it is the latest. */
  release(span: EncodedSpan): void
  /** Forgets the memory at hand; what was encoded keeps its own. */
  clear(): void
}

const slabBytes = 32 * 1024
/** Most spans take less. One that takes more has memory of its own. */
const roomForSpan = 2048
/** By the estimate of its events a span of this size may not fit: it is written elsewhere first. */
const maybeTooBig = 1024
const keptScratch = 1024 * 1024

/**
 * Encodes spans one after the other into slabs of memory that they share: outside of V8's heap, where thousands of
 * them may wait for a backend without the garbage collector looking at any, and each is encoded once however often it
 * is sent. A slab is freed when the last of its spans is; `compact` moves spans that have to wait elsewhere.
 */
export function createSpanSlabs(): SpanSlabs {
  let writer: ProtobufWriter | undefined
  /** Where the latest span begins. */
  let start = 0
  /** For spans that are probably too big for a slab. */
  let scratch: ProtobufWriter | undefined

  const slab = (): ProtobufWriter => {
    if (writer === undefined || writer.at > slabBytes - roomForSpan) writer = createWriter(slabBytes)
    start = writer.at
    return writer
  }

  /** The span that was written to `into`, whose memory and view at hand were these before. */
  const taken = (into: ProtobufWriter, memory: Buffer, view: DataView): EncodedSpan => {
    const { bytes, at } = into
    if (bytes === memory && at - start <= roomForSpan) return new EncodedSpan(bytes, start, at)
    const own = ownCopy(bytes, start, at)
    into.bytes = memory
    into.view = view
    into.at = start
    return own
  }

  const write = (
    into: ProtobufWriter,
    span: OpenSpan,
    end: TelemetryEvent,
    isError: boolean,
    limits: AttributeLimits,
  ): void => {
    if (!writeFinishedSpan(into, span, end, isError, limits))
      writeSpan(into, finishSpan(span, end, isError, limits))
  }

  return {
    finish: (span, end, isError, limits) => {
      if (bytesOf(end) + bytesOf(span.start as TelemetryEvent) > maybeTooBig) {
        scratch ??= createWriter()
        scratch.at = 0
        write(scratch, span, end, isError, limits)
        const { bytes, at } = scratch
        const encoded = at > roomForSpan ? ownCopy(bytes, 0, at) : copiedTo(slab(), bytes, at)
        shrink(scratch, keptScratch)
        return encoded
      }
      const into = slab()
      const { bytes, view } = into
      write(into, span, end, isError, limits)
      return taken(into, bytes, view)
    },
    encode: (span) => {
      const into = slab()
      const { bytes, view } = into
      writeSpan(into, span)
      return taken(into, bytes, view)
    },
    release: ({ bytes, end }) => {
      if (writer?.bytes === bytes && writer.at === end) writer.at = start
    },
    clear: () => {
      writer = undefined
      scratch = undefined
    },
  }
}

/** Memory of exactly its size, shared with nothing. */
function ownCopy(bytes: Buffer, start: number, end: number): EncodedSpan {
  const own = Buffer.allocUnsafeSlow(end - start)
  bytes.copy(own, 0, start, end)
  return new EncodedSpan(own, 0, own.length)
}

function copiedTo(into: ProtobufWriter, bytes: Buffer, size: number): EncodedSpan {
  const start = into.at
  bytes.copy(into.bytes, start, 0, size)
  into.at += size
  return new EncodedSpan(into.bytes, start, into.at)
}

/**
 * Gives the spans of a batch that has to wait longer memory of their own: others of their slabs leave the queue before
 * them, and the memory of a whole slab would wait for one span.
 */
export function compact(spans: readonly EncodedSpan[]): void {
  const sharing = spans.filter(({ bytes, start, end }) => bytes.length !== end - start)
  let size = 0
  for (const { start, end } of sharing) size += end - start
  // They have been here before.
  if (sharing[0]?.bytes.length === size) return
  const own = Buffer.allocUnsafeSlow(size)
  let at = 0
  for (const span of sharing) {
    span.bytes.copy(own, at, span.start, span.end)
    at = EncodedSpan.move(span, own, at)
  }
}
