import type { EncodedItem } from '../encoded-item.ts'
import type { SpanOrigin } from '../resource.ts'
import { type EncodedHead, isEncodedHead, isRestored } from '../restored-item.ts'
import { isEncoded, isSdkSpan, type SpanItem } from '../span-item.ts'
import { encodeResource, encodeScope } from './heads.ts'
import {
  closeMessage,
  createWriter,
  ensure,
  openMessage,
  type ProtobufWriter,
  shrink,
  varintSize,
  writeByte,
  writeUint32,
} from './protobuf-writer.ts'
import { createRequestMemory } from './request-memory.ts'
import { writeSdkSpan } from './sdk-span.ts'
import { writeSpan } from './span.ts'

export type { SpanOrigin as EncoderOptions } from '../resource.ts'

export interface Encoder {
  /**
   * The bytes of an ExportTraceServiceRequest (opentelemetry-proto v1), the caller's to keep. Of encoded log records,
   * whose request has fields of the same numbers, it is an ExportLogsServiceRequest.
   */
  encode(items: readonly SpanItem[]): Uint8Array
  /** Takes a request of `encode` back that is not read any more: a later request is written over it. */
  giveBack?(request: Uint8Array): void
  /** The same, with the items in their order, for `itemsOfRequest`. */
  pack(items: readonly SpanItem[]): Uint8Array
  /** Bytes that a request takes beside its items: resource, scope and framing; at most. */
  readonly overheadBytes: number
}

// Tags: field number << 3 | wire type (0 varint, 1 fixed64, 2 length-delimited, 5 fixed32).
const requestResourceSpans = 0x0a
const resourceSpansScopeSpans = 0x12

const keptBuffer = 8 * 1024 * 1024
const longestLength = 5

/** Encodes in one pass. `origin` is that of our own spans; it is encoded once, here. Those of an SDK bring theirs. */
export function createEncoder(origin: SpanOrigin): Encoder {
  const writer = createWriter()
  const memory = createRequestMemory()
  const resourceHead = encodeResource(writer, origin.resource)
  const scopeHead = encodeScope(writer, origin.scope)
  const overheadBytes = 3 * (1 + longestLength) + resourceHead.length + scopeHead.length

  /** The usual batch: spans of our own, encoded when they finished. */
  const join = (spans: readonly EncodedItem[]): Uint8Array => {
    let size = scopeHead.length
    for (const { start, end } of spans) size += end - start
    const resourceSpans = resourceHead.length + 1 + varintSize(size) + size
    const into = memory.take(1 + varintSize(resourceSpans) + resourceSpans)
    writeByte(into, requestResourceSpans)
    writeUint32(into, resourceSpans)
    put(into, resourceHead)
    writeByte(into, resourceSpansScopeSpans)
    writeUint32(into, size)
    put(into, scopeHead)
    putAll(into, spans)
    return into.bytes.subarray(0, into.at)
  }

  const heads = new WeakMap<object, Buffer>([
    [origin.resource, resourceHead],
    [origin.scope, scopeHead],
  ])
  const headOf = <Described extends object>(
    described: Described | EncodedHead,
    encodeHead: (writer: ProtobufWriter, described: Described) => Buffer,
  ): Buffer => {
    if (isEncodedHead(described)) return described.bytes
    const head = heads.get(described) ?? encodeHead(writer, described)
    heads.set(described, head)
    return head
  }

  const encodeGroups = (groups: Groups): Uint8Array => {
    // The buffer is busy once the first message is open.
    for (const [resource, scopes] of groups) {
      headOf(resource, encodeResource)
      for (const [scope] of scopes) headOf(scope, encodeScope)
    }
    writer.at = 0
    for (const [resource, scopes] of groups) {
      const resourceSpans = open(writer, requestResourceSpans, headOf(resource, encodeResource))
      for (const [scope, members] of scopes) {
        const scopeSpans = open(writer, resourceSpansScopeSpans, headOf(scope, encodeScope))
        for (const item of members) {
          if (isEncoded(item) || isRestored(item)) writeEncoded(writer, item)
          else if (isSdkSpan(item)) writeSdkSpan(writer, item)
          else writeSpan(writer, item)
        }
        closeMessage(writer, scopeSpans, groupLength)
      }
      closeMessage(writer, resourceSpans, groupLength)
    }
    const bytes = Buffer.allocUnsafeSlow(writer.at)
    writer.bytes.copy(bytes, 0, 0, writer.at)
    shrink(writer, keptBuffer)
    return bytes
  }

  return {
    giveBack: memory.giveBack,
    encode: (items) => (areEncoded(items) ? join(items) : encodeGroups(grouped(items, origin))),
    pack: (items) => (areEncoded(items) ? join(items) : encodeGroups(inRuns(items, origin))),
    overheadBytes,
  }
}

type Resource = SpanOrigin['resource'] | EncodedHead
type Scope = SpanOrigin['scope'] | EncodedHead
type Scopes = Map<Scope, SpanItem[]>
type Groups = Iterable<readonly [Resource, Iterable<readonly [Scope, readonly SpanItem[]]>]>

function originOf(item: SpanItem, own: SpanOrigin): { readonly resource: Resource; readonly scope: Scope } {
  if (isSdkSpan(item)) return { resource: item.resource, scope: item.instrumentationScope }
  return isRestored(item) ? item : own
}

/** Neighbours of the same resource and scope go together. */
function inRuns(items: readonly SpanItem[], origin: SpanOrigin): Groups {
  const runs: { readonly resource: Resource; readonly scope: Scope; readonly members: SpanItem[] }[] = []
  for (const item of items) {
    const { resource, scope } = originOf(item, origin)
    const last = runs.at(-1)
    if (last?.resource === resource && last.scope === scope) last.members.push(item)
    else runs.push({ resource, scope, members: [item] })
  }
  return runs.map(({ resource, scope, members }) => [resource, [[scope, members]]] as const)
}

/** One ResourceSpans per resource, one ScopeSpans per scope in it: each is an object that many spans share. */
function grouped(items: readonly SpanItem[], origin: SpanOrigin): Groups {
  const groups = new Map<Resource, Scopes>()
  for (const item of items) {
    const { resource, scope } = originOf(item, origin)
    const scopes: Scopes = groups.get(resource) ?? new Map()
    groups.set(resource, scopes)
    const members = scopes.get(scope)
    if (members === undefined) scopes.set(scope, [item])
    else members.push(item)
  }
  return groups
}

/** Bytes of the length prefix of a group of a few hundred spans. */
const groupLength = 3

function open(writer: ProtobufWriter, tag: number, head: Buffer): number {
  ensure(writer, 1 + longestLength + head.length)
  writeByte(writer, tag)
  const start = openMessage(writer, groupLength)
  put(writer, head)
  return start
}

const areEncoded = (items: readonly SpanItem[]): items is readonly EncodedItem[] => items.every(isEncoded)

function writeEncoded(
  writer: ProtobufWriter,
  { bytes, start, end }: Pick<EncodedItem, 'bytes' | 'start' | 'end'>,
): void {
  ensure(writer, end - start)
  put(writer, bytes.subarray(start, end))
}

function put(writer: ProtobufWriter, bytes: Uint8Array): void {
  writer.bytes.set(bytes, writer.at)
  writer.at += bytes.length
}

/** Spans that finished one after the other lie so in memory: they are copied together. */
function putAll(writer: ProtobufWriter, spans: readonly EncodedItem[]): void {
  for (let i = 0; i < spans.length; ) {
    const { bytes, start } = spans[i]!
    let { end } = spans[i]!
    for (i++; i < spans.length && spans[i]!.bytes === bytes && spans[i]!.start === end; i++)
      end = spans[i]!.end
    put(writer, bytes.subarray(start, end))
  }
}
