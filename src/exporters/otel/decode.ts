import { readFields } from './encode/protobuf-reader.ts'
import type { EncodedItem } from './encoded-item.ts'
import type { AttributeValue, SpanEvent, SpanLink, SpanRecord, TraceId } from './span-record.ts'

/** The fields of a message while it is read. */
type Mutable<Message> = { -readonly [Key in keyof Message]: Message[Key] }

/**
 * The record that was encoded, for the package's client: it serializes spans itself, and what waits when an operator
 * switches to it has been encoded already. Text is as UTF-8 has it, -0 is 0.
 */
export function decodeSpan({ bytes, start, end }: Pick<EncodedItem, 'bytes' | 'start' | 'end'>): SpanRecord {
  let span: SpanRecord | undefined
  readFields(bytes.subarray(start, end), (_spans, value) => {
    span = readSpan(value as Buffer)
  })
  if (span === undefined) throw new RangeError('no span was encoded here')
  return span
}

function readSpan(bytes: Buffer): SpanRecord {
  const attributes: AttributeValue[] = []
  const events: SpanEvent[] = []
  const links: SpanLink[] = []
  const span: Mutable<SpanRecord> = {
    name: '',
    kind: 0,
    traceId: noTrace,
    spanHigh: 0,
    spanLow: 0,
    parentHigh: 0,
    parentLow: 0,
    traceState: '',
    flags: 0,
    startTime: 0,
    endTime: 0,
    attributes,
    droppedAttributesCount: 0,
    events,
    droppedEventsCount: 0,
    links,
    droppedLinksCount: 0,
    statusCode: 0,
    statusMessage: '',
  }
  readFields(bytes, (field, value) => {
    if (typeof value === 'bigint') {
      if (field === 6) span.kind = Number(value)
      else if (field === 7) span.startTime = milliseconds(value)
      else if (field === 8) span.endTime = milliseconds(value)
      else if (field === 10) span.droppedAttributesCount = Number(value)
      else if (field === 12) span.droppedEventsCount = Number(value)
      else if (field === 14) span.droppedLinksCount = Number(value)
      else if (field === 16) span.flags = Number(value)
    } else if (field === 1) span.traceId = traceIdOf(value)
    else if (field === 2) [span.spanHigh, span.spanLow] = spanIdOf(value)
    else if (field === 3) span.traceState = value.toString()
    else if (field === 4) [span.parentHigh, span.parentLow] = spanIdOf(value)
    else if (field === 5) span.name = value.toString()
    else if (field === 9) attributes.push(...keyValue(value))
    else if (field === 11) events.push(readEvent(value))
    else if (field === 13) links.push(readLink(value))
    else if (field === 15)
      readFields(value, (part, said) => {
        if (typeof said === 'bigint') span.statusCode = Number(said)
        else if (part === 2) span.statusMessage = said.toString()
      })
  })
  return span
}

function readEvent(bytes: Buffer): SpanEvent {
  const attributes: AttributeValue[] = []
  const event: Mutable<SpanEvent> = { name: '', time: 0, attributes, droppedAttributesCount: 0 }
  readFields(bytes, (field, value) => {
    if (typeof value === 'bigint') {
      if (field === 1) event.time = milliseconds(value)
      else if (field === 4) event.droppedAttributesCount = Number(value)
    } else if (field === 2) event.name = value.toString()
    else if (field === 3) attributes.push(...keyValue(value))
  })
  return event
}

function readLink(bytes: Buffer): SpanLink {
  const attributes: AttributeValue[] = []
  const link: Mutable<SpanLink> = {
    traceId: noTrace,
    spanHigh: 0,
    spanLow: 0,
    traceState: '',
    flags: 0,
    attributes,
    droppedAttributesCount: 0,
  }
  readFields(bytes, (field, value) => {
    if (typeof value === 'bigint') {
      if (field === 5) link.droppedAttributesCount = Number(value)
      else if (field === 6) link.flags = Number(value)
    } else if (field === 1) link.traceId = traceIdOf(value)
    else if (field === 2) [link.spanHigh, link.spanLow] = spanIdOf(value)
    else if (field === 3) link.traceState = value.toString()
    else if (field === 4) attributes.push(...keyValue(value))
  })
  return link
}

function keyValue(bytes: Buffer): [key: string, value: AttributeValue] {
  let key = ''
  let value: unknown = null
  readFields(bytes, (field, part) => {
    if (field === 1) key = part.toString()
    else value = anyValue(part as Buffer)
  })
  return [key, value as AttributeValue]
}

function anyValue(bytes: Buffer): unknown {
  let result: unknown = null
  readFields(bytes, (field, value) => {
    if (typeof value === 'bigint') {
      if (field === 2) result = value === 1n
      else if (field === 3) result = Number(BigInt.asIntN(64, value))
      else if (field === 4) result = doubleOf(value)
    } else if (field === 1) result = value.toString()
    else if (field === 5) {
      const items: unknown[] = []
      readFields(value, (_values, item) => items.push(anyValue(item as Buffer)))
      result = items
    }
  })
  return result
}

const noTrace: TraceId = { w0: 0, w1: 0, w2: 0, w3: 0 }

const traceIdOf = (id: Buffer): TraceId => ({
  w0: id.readInt32BE(0),
  w1: id.readInt32BE(4),
  w2: id.readInt32BE(8),
  w3: id.readInt32BE(12),
})

const spanIdOf = (id: Buffer): [high: number, low: number] => [id.readInt32BE(0), id.readInt32BE(4)]

/** The double that was written, or its neighbour where doubles are finer than a nanosecond; see `SpanRecord`. */
const milliseconds = (nanoseconds: bigint): number =>
  Number(nanoseconds / 1_000_000n) + Number(nanoseconds % 1_000_000n) / 1e6

const doubleOf = (bits: bigint): number => new Float64Array(BigUint64Array.of(bits).buffer)[0]!
