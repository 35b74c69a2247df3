import { encodeResource, encodeScope } from '../../otel/encode/heads.ts'
import { createWriter, varintSize, writeByte, writeUint32 } from '../../otel/encode/protobuf-writer.ts'
import type { SpanOrigin } from '../../otel/resource.ts'
import type { Collection, Heads, Piece } from '../collection.ts'

export interface Requests {
  /** The bytes of an ExportMetricsServiceRequest (opentelemetry-proto v1) with these pieces of a collection. */
  join(collection: Pick<Collection, 'bytes' | 'heads'>, pieces: readonly Piece[]): Uint8Array
  /** The encoded resource and scope of this process. */
  readonly heads: Heads
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
  const own: Heads = { resource: encodeResource(writer, resource), scope: encodeScope(writer, scope) }
  return {
    join({ bytes, heads = own }, pieces) {
      const { resource: resourceHead, scope: scopeHead } = heads
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
    heads: own,
    overheadBytes: 2 * (1 + longestLength) + own.resource.length + own.scope.length,
  }
}
