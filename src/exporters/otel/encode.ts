import { attributesOf, writeAttributes } from './any-value.ts'
import {
  closeMessage,
  createWriter,
  ensure,
  openMessage,
  type ProtobufWriter,
  shrink,
  varintSize,
  writeByte,
  writeFixed32,
  writeFixed64,
  writeIdWord,
  writeText,
  writeUint32,
} from './protobuf-writer.ts'
import type { SpanEvent, SpanLink, SpanRecord, TraceId } from './span-record.ts'

/** What all spans of a client have in common. Empty texts are absent ones. */
export interface EncoderOptions {
  readonly resource: {
    readonly attributes: Readonly<Record<string, unknown>>
    readonly schemaUrl?: string | undefined
  }
  readonly scope: {
    readonly name: string
    readonly version?: string | undefined
    readonly schemaUrl?: string | undefined
    readonly attributes?: Readonly<Record<string, unknown>> | undefined
  }
}

export interface Encoder {
  /** The bytes of an ExportTraceServiceRequest (opentelemetry-proto v1), the caller's to keep. */
  encode(records: readonly SpanRecord[]): Uint8Array
  /** Bytes that a request takes beside its spans: resource, scope and framing; at most. */
  readonly overheadBytes: number
}

// Tags: field number << 3 | wire type (0 varint, 1 fixed64, 2 length-delimited, 5 fixed32).
const requestResourceSpans = 0x0a
const resourceSpansResource = 0x0a
const resourceSpansScopeSpans = 0x12
const scopeSpansScope = 0x0a
const scopeSpansSpans = 0x12
const schemaUrl = 0x1a

const traceIdBytes = 16
const spanIdBytes = 8
const keptBuffer = 8 * 1024 * 1024
const longestLength = 5

/** Encodes in one pass. The resource and the scope are encoded once, here. */
export function createEncoder({ resource, scope }: EncoderOptions): Encoder {
  const writer = createWriter()
  const resourceHead = encodeResource(writer, resource)
  const scopeHead = encodeScope(writer, scope)
  const overheadBytes = 3 * (1 + longestLength) + resourceHead.length + scopeHead.length

  const encode = (records: readonly SpanRecord[]): Uint8Array => {
    // Spans first: the lengths in front of them are known when they are there.
    writer.at = overheadBytes
    ensure(writer, 0)
    for (const record of records) writeSpan(writer, record)
    const end = writer.at

    const scopeSpans = scopeHead.length + end - overheadBytes
    const resourceSpans = resourceHead.length + 1 + varintSize(scopeSpans) + scopeSpans
    const start =
      end - scopeSpans - resourceHead.length - (2 + varintSize(scopeSpans) + varintSize(resourceSpans))
    writer.at = start
    writeByte(writer, requestResourceSpans)
    writeUint32(writer, resourceSpans)
    writer.bytes.set(resourceHead, writer.at)
    writer.at += resourceHead.length
    writeByte(writer, resourceSpansScopeSpans)
    writeUint32(writer, scopeSpans)
    writer.bytes.set(scopeHead, writer.at)

    const request = Buffer.allocUnsafeSlow(end - start)
    writer.bytes.copy(request, 0, start, end)
    shrink(writer, keptBuffer)
    return request
  }

  return { encode, overheadBytes }
}

/** The fields of ResourceSpans without its scopes. */
function encodeResource(writer: ProtobufWriter, resource: EncoderOptions['resource']): Buffer {
  writer.at = 0
  writeByte(writer, resourceSpansResource)
  const start = openMessage(writer, 2)
  writeAttributes(writer, 0x0a, attributesOf(resource.attributes))
  closeMessage(writer, start, 2)
  return taken(writer, resource.schemaUrl)
}

/** The fields of ScopeSpans without its spans. */
function encodeScope(writer: ProtobufWriter, scope: EncoderOptions['scope']): Buffer {
  writer.at = 0
  writeByte(writer, scopeSpansScope)
  const start = openMessage(writer, 1)
  writeTextField(writer, 0x0a, scope.name)
  writeTextField(writer, 0x12, scope.version ?? '')
  writeAttributes(writer, 0x1a, attributesOf(scope.attributes ?? {}))
  closeMessage(writer, start, 1)
  return taken(writer, scope.schemaUrl)
}

function taken(writer: ProtobufWriter, url = ''): Buffer {
  writeTextField(writer, schemaUrl, url)
  return Buffer.from(writer.bytes.subarray(0, writer.at))
}

function writeSpan(writer: ProtobufWriter, span: SpanRecord): void {
  ensure(writer, 48)
  writeByte(writer, scopeSpansSpans)
  const start = openMessage(writer, 2)
  writeTraceId(writer, 0x0a, span.traceId)
  writeSpanId(writer, 0x12, span.spanHigh, span.spanLow)
  writeTextField(writer, 0x1a, span.traceState)
  ensure(writer, 10)
  if (span.parentHigh !== 0 || span.parentLow !== 0)
    writeSpanId(writer, 0x22, span.parentHigh, span.parentLow)
  writeTextField(writer, 0x2a, span.name)
  ensure(writer, 24)
  writeCount(writer, 0x30, span.kind)
  writeTime(writer, 0x39, span.startTime)
  writeTime(writer, 0x41, span.endTime)
  writeAttributes(writer, 0x4a, span.attributes)
  ensure(writer, 24)
  writeCount(writer, 0x50, span.droppedAttributesCount)
  for (const event of span.events) writeEvent(writer, event)
  ensure(writer, 6)
  writeCount(writer, 0x60, span.droppedEventsCount)
  for (const link of span.links) writeLink(writer, link)
  ensure(writer, 6)
  writeCount(writer, 0x70, span.droppedLinksCount)
  writeStatus(writer, span.statusCode, span.statusMessage)
  writeFlags(writer, span.flags)
  closeMessage(writer, start, 2)
}

function writeEvent(writer: ProtobufWriter, event: SpanEvent): void {
  ensure(writer, 16)
  writeByte(writer, 0x5a)
  const start = openMessage(writer, 1)
  ensure(writer, 9)
  writeTime(writer, 0x09, event.time)
  writeTextField(writer, 0x12, event.name)
  writeAttributes(writer, 0x1a, event.attributes)
  ensure(writer, 6)
  writeCount(writer, 0x20, event.droppedAttributesCount)
  closeMessage(writer, start, 1)
}

function writeLink(writer: ProtobufWriter, link: SpanLink): void {
  ensure(writer, 32)
  writeByte(writer, 0x6a)
  const start = openMessage(writer, 1)
  writeTraceId(writer, 0x0a, link.traceId)
  writeSpanId(writer, 0x12, link.spanHigh, link.spanLow)
  writeTextField(writer, 0x1a, link.traceState)
  writeAttributes(writer, 0x22, link.attributes)
  ensure(writer, 6)
  writeCount(writer, 0x28, link.droppedAttributesCount)
  if (link.flags !== 0) {
    ensure(writer, 5)
    writeByte(writer, 0x35)
    writeFixed32(writer, link.flags)
  }
  closeMessage(writer, start, 1)
}

/** Always there, as the package's serializer has it: an empty status says unset. */
function writeStatus(writer: ProtobufWriter, code: number, message: string): void {
  ensure(writer, 8)
  writeByte(writer, 0x7a)
  const start = openMessage(writer, 1)
  writeTextField(writer, 0x12, message)
  ensure(writer, 6)
  writeCount(writer, 0x18, code)
  closeMessage(writer, start, 1)
}

/** The one field beyond 15, so its tag has two bytes. */
function writeFlags(writer: ProtobufWriter, flags: number): void {
  if (flags === 0) return
  ensure(writer, 6)
  writeByte(writer, 0x85)
  writeByte(writer, 0x01)
  writeFixed32(writer, flags)
}

function writeTraceId(writer: ProtobufWriter, tag: number, { w0, w1, w2, w3 }: TraceId): void {
  writeByte(writer, tag)
  writeByte(writer, traceIdBytes)
  writeIdWord(writer, w0)
  writeIdWord(writer, w1)
  writeIdWord(writer, w2)
  writeIdWord(writer, w3)
}

function writeSpanId(writer: ProtobufWriter, tag: number, high: number, low: number): void {
  writeByte(writer, tag)
  writeByte(writer, spanIdBytes)
  writeIdWord(writer, high)
  writeIdWord(writer, low)
}

const word = 2 ** 32
const block = 2 ** 20

/**
 * Epoch milliseconds as exact nanoseconds without BigInt; the arithmetic is explained at SpanRecord. Remainders are
 * taken by subtraction: `%` of doubles is a call into the C library.
 */
function writeTime(writer: ProtobufWriter, tag: number, time: number): void {
  const ms = Math.floor(time)
  const blocks = Math.floor(ms / block)
  const high = blocks * 1e6
  const upper = Math.floor(high / 4096)
  const sum = (high - upper * 4096) * block + (ms - blocks * block) * 1e6 + Math.round((time - ms) * 1e6)
  const carry = Math.floor(sum / word)
  writeByte(writer, tag)
  writeFixed64(writer, upper + carry, sum - carry * word)
}

function writeTextField(writer: ProtobufWriter, tag: number, text: string): void {
  if (text === '') return
  ensure(writer, 1)
  writeByte(writer, tag)
  writeText(writer, text)
}

/** Needs 6 bytes. */
function writeCount(writer: ProtobufWriter, tag: number, count: number): void {
  if (count === 0) return
  writeByte(writer, tag)
  writeUint32(writer, count)
}
