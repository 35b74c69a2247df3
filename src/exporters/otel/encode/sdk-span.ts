import { readSpanId, readTraceId, readWords } from '../../../bus/trace-id.ts'
import type { ReadableSpan } from '../readable-span.ts'
import { attributesOf, writeAttributes } from './any-value.ts'
import {
  openItem,
  writeCount,
  writeFlags,
  writeLinkFlags,
  writeNanoseconds,
  writeSpanId,
  writeStatus,
  writeTextField,
  writeTraceId,
} from './fields.ts'
import { closeMessage, ensure, openMessage, type ProtobufWriter, writeByte } from './protobuf-writer.ts'

const hasRemoteBit = 0x100
const isRemoteBit = 0x200

/** A finished span of an OpenTelemetry SDK as a field of its ScopeSpans; it has passed `checkSdkSpan`. */
export function writeSdkSpan(writer: ProtobufWriter, span: ReadableSpan): void {
  const { traceId, spanId, traceFlags, traceState } = span.spanContext()
  const parent = span.parentSpanContext
  const start = openItem(writer)
  writeIds(writer, traceId, spanId)
  writeTextField(writer, 0x1a, traceState?.serialize() ?? '')
  ensure(writer, 10)
  if (parent?.spanId && readSpanId(parent.spanId, 0)) writeSpanId(writer, 0x22, readWords[0]!, readWords[1]!)
  writeTextField(writer, 0x2a, span.name)
  ensure(writer, 24)
  writeCount(writer, 0x30, span.kind + 1)
  writeHrTime(writer, 0x39, span.startTime)
  writeHrTime(writer, 0x41, span.endTime)
  writeAttributes(writer, 0x4a, attributesOf(span.attributes))
  ensure(writer, 24)
  writeCount(writer, 0x50, span.droppedAttributesCount)
  for (const event of span.events) writeEvent(writer, event)
  ensure(writer, 6)
  writeCount(writer, 0x60, span.droppedEventsCount)
  for (const link of span.links) writeLink(writer, link)
  ensure(writer, 6)
  writeCount(writer, 0x70, span.droppedLinksCount)
  writeStatus(writer, span.status.code, span.status.message ?? '')
  writeFlags(writer, flagsOf(traceFlags, parent?.isRemote))
  closeMessage(writer, start, 2)
}

function writeEvent(writer: ProtobufWriter, event: ReadableSpan['events'][number]): void {
  ensure(writer, 16)
  writeByte(writer, 0x5a)
  const start = openMessage(writer, 1)
  ensure(writer, 9)
  writeHrTime(writer, 0x09, event.time)
  writeTextField(writer, 0x12, event.name)
  writeAttributes(writer, 0x1a, attributesOf(event.attributes ?? {}))
  ensure(writer, 6)
  writeCount(writer, 0x20, event.droppedAttributesCount ?? 0)
  closeMessage(writer, start, 1)
}

function writeLink(writer: ProtobufWriter, link: ReadableSpan['links'][number]): void {
  const { traceId, spanId, traceFlags, isRemote, traceState } = link.context
  ensure(writer, 32)
  writeByte(writer, 0x6a)
  const start = openMessage(writer, 1)
  writeIds(writer, traceId, spanId)
  writeTextField(writer, 0x1a, traceState?.serialize() ?? '')
  writeAttributes(writer, 0x22, attributesOf(link.attributes ?? {}))
  ensure(writer, 6)
  writeCount(writer, 0x28, link.droppedAttributesCount ?? 0)
  writeLinkFlags(writer, flagsOf(traceFlags, isRemote))
  closeMessage(writer, start, 1)
}

function writeIds(writer: ProtobufWriter, traceId: string, spanId: string): void {
  writeTraceId(writer, 0x0a, readTraceId(traceId, 0)!)
  readSpanId(spanId, 0)
  writeSpanId(writer, 0x12, readWords[0]!, readWords[1]!)
}

const flagsOf = (traceFlags: number, isRemote: boolean | undefined): number =>
  (traceFlags & 0xff) | hasRemoteBit | (isRemote ? isRemoteBit : 0)

function writeHrTime(
  writer: ProtobufWriter,
  tag: number,
  [seconds, nanoseconds]: readonly [number, number],
): void {
  const whole = Math.round(nanoseconds)
  const ms = Math.floor(whole / 1e6)
  writeNanoseconds(writer, tag, seconds * 1000 + ms, whole - ms * 1e6)
}
