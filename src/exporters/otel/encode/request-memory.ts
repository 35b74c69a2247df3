import { createWriter, type ProtobufWriter, writerOver } from './protobuf-writer.ts'

/** Memory for requests, which serves one after the other: fresh memory for each would wait for the garbage collector. */
export interface RequestMemory {
  /** An empty writer with room for so many bytes. It never grows. */
  take(size: number): ProtobufWriter
  /** Takes a request back whose bytes are not read any more. */
  giveBack(request: Uint8Array): void
}

/** How many are kept for requests to come, and how large one may be. */
const mostKept = 2
const largestKept = 1024 * 1024

/** So that the next request, which is about as large, fits. */
const withRoomToSpare = (size: number): number => size + (size >>> 3)

export function createRequestMemory(): RequestMemory {
  const kept: ArrayBufferLike[] = []
  return {
    take(size) {
      const at = kept.findIndex(({ byteLength }) => byteLength >= size)
      const [memory] = at < 0 ? [] : kept.splice(at, 1)
      return memory === undefined ? createWriter(withRoomToSpare(size)) : writerOver(memory)
    },
    giveBack({ buffer }) {
      if (buffer.byteLength > largestKept || kept.includes(buffer)) return
      kept.unshift(buffer)
      kept.length = Math.min(kept.length, mostKept)
    },
  }
}
