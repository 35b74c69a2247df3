import { encodeResource, encodeScope } from '../../otel/encode/heads.ts'
import { createWriter, varintSize, writeByte, writeUint32 } from '../../otel/encode/protobuf-writer.ts'
import type { SpanOrigin } from '../../otel/resource.ts'
import type { Piece } from '../collection.ts'

export interface Requests {
  /** The bytes of an ExportMetricsServiceRequest (opentelemetry-proto v1) with these pieces of a collection. */
  join(bytes: Buffer, pieces: readonly Piece[]): Uint8Array
  /** Bytes that a request takes beside its pieces, at most. */
  readonly overheadBytes: number
}

// Tags of length-delimited fields: field number << 3 | 2. Those of resource and scope are the same for all signals.
const requestResourceMetrics = 0x0a
const resourceMetricsScopeMetrics = 0x12

const longestLength = 5

/** Encodes the parts that all requests share, once. */
export function createRequests({ resource, scope }: SpanOrigin): Requests {
  const writer = createWriter()
  const resourceHead = encodeResource(writer, resource)
  const scopeHead = encodeScope(writer, scope)
  return {
    join(bytes, pieces) {
      let size = scopeHead.length
      for (const { start, end } of pieces) size += end - start
      const whole = resourceHead.length + 1 + varintSize(size) + size
      const into = createWriter(1 + varintSize(whole) + whole)
      writeByte(into, requestResourceMetrics)
      writeUint32(into, whole)
      into.at += resourceHead.copy(into.bytes, into.at)
      writeByte(into, resourceMetricsScopeMetrics)
      writeUint32(into, size)
      into.at += scopeHead.copy(into.bytes, into.at)
      for (const { start, end } of pieces) into.at += bytes.copy(into.bytes, into.at, start, end)
      return into.bytes
    },
    overheadBytes: 2 * (1 + longestLength) + resourceHead.length + scopeHead.length,
  }
}
