import type { SpanEvent, SpanLink, SpanRecord } from '../span-record.ts'
import { writeAttributes } from './any-value.ts'
import {
  openItem,
  writeCount,
  writeFlags,
  writeLinkFlags,
  writeName,
  writeSpanId,
  writeStatus,
  writeTextField,
  writeTime,
  writeTraceId,
} from './fields.ts'
import { closeMessage, ensure, openMessage, type ProtobufWriter, writeByte } from './protobuf-writer.ts'

/** A span as a field of its ScopeSpans. */
export function writeSpan(writer: ProtobufWriter, span: SpanRecord): void {
  const start = openItem(writer)
  writeTraceId(writer, 0x0a, span.traceId)
  writeSpanId(writer, 0x12, span.spanHigh, span.spanLow)
  writeTextField(writer, 0x1a, span.traceState)
  ensure(writer, 10)
  if (span.parentHigh !== 0 || span.parentLow !== 0)
    writeSpanId(writer, 0x22, span.parentHigh, span.parentLow)
  writeName(writer, 0x2a, span.name)
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

export function writeEvent(writer: ProtobufWriter, event: SpanEvent): void {
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
  writeLinkFlags(writer, link.flags)
  closeMessage(writer, start, 1)
}
