import type { TelemetryEvent } from '../../../bus/event.ts'
import { isTraceparent } from '../../../bus/traceparent.ts'
import {
  type AttributeLimits,
  attributeValue,
  cutText,
  type EventFields,
  failureFrom,
  failureOf,
} from '../spans/attributes.ts'
import { isLinks } from '../spans/links.ts'
import type { OpenSpan } from '../spans/open-span.ts'
import { epoch, exceptionEvent, flagsOf, internal, kinds, notesOf, statusCodes } from '../spans/record.ts'
import { writeKnownKeyValue } from './any-value.ts'
import {
  openItem,
  writeCount,
  writeFlags,
  writeName,
  writeSpanId,
  writeStatus,
  writeTextField,
  writeTime,
  writeTraceId,
} from './fields.ts'
import { type KnownText, keyRoles, knownText, roleOf } from './known-text.ts'
import { closeMessage, ensure, type ProtobufWriter } from './protobuf-writer.ts'
import { writeEvent } from './span.ts'

/** Fields of both events beyond which looking for a key among them takes longer than a set of keys. */
const maxFields = 2 * 64

/**
 * Results of the walk over the fields of a span. One object serves all spans, because spans are written one after
 * another.
 */
const found = {
  /** Attributes that the span may still have. */
  room: 0,
  dropped: 0,
  /** 0: none. */
  kind: 0,
  hasLinks: false,
}

/**
 * Writes the span that `finishSpan` would make of an open span and the event that ends it, straight from the fields of
 * the two events. False, with nothing written, for a span that has more than attributes: events, links, many fields.
 */
export function writeFinishedSpan(
  writer: ProtobufWriter,
  span: OpenSpan,
  end: TelemetryEvent,
  isError: boolean,
  limits: AttributeLimits,
): boolean {
  const { start, trace } = span
  const notes = notesOf(span)
  if (start.fields.length + end.fields.length > maxFields) return false
  if (notes !== undefined && notes.events.length + notes.droppedEvents > 0) return false
  const before = writer.at
  const opened = openItem(writer)
  writeTraceId(writer, 0x0a, trace)
  writeSpanId(writer, 0x12, span.spanHigh, span.spanLow)
  writeTextField(writer, 0x1a, trace.traceState)
  ensure(writer, 10)
  if ((span.parentHigh | span.parentLow) !== 0) writeSpanId(writer, 0x22, span.parentHigh, span.parentLow)
  writeName(writer, 0x2a, notes?.name ?? span.name)

  found.room = limits.count
  found.dropped = notes?.droppedAttributes ?? 0
  found.kind = 0
  found.hasLinks = false
  writeFields(writer, end, undefined, isError, limits.length)
  writeFields(writer, start, end, isError, limits.length)
  if (found.hasLinks) {
    writer.at = before
    return false
  }

  const startTime = epoch(start.time)
  const endTime = Math.max(epoch(end.time), startTime)
  ensure(writer, 36)
  writeCount(writer, 0x30, found.kind === 0 ? internal : found.kind)
  writeTime(writer, 0x39, startTime)
  writeTime(writer, 0x41, endTime)
  writeCount(writer, 0x50, found.dropped)
  if (isError) writeFailure(writer, end, endTime, limits)
  else writeStatus(writer, statusCodes.unset, '')
  writeFlags(writer, flagsOf(span))
  closeMessage(writer, opened, 2)
  return true
}

function writeFailure(
  writer: ProtobufWriter,
  end: TelemetryEvent,
  time: number,
  limits: AttributeLimits,
): void {
  const failure = failureOf(end)
  if (failure.error !== undefined) writeEvent(writer, exceptionEvent(failure, time, limits))
  writeStatus(writer, statusCodes.error, cutText(failure.message, limits.length))
}

/** Of `later`, which is written first, the fields win. */
function writeFields(
  writer: ProtobufWriter,
  { fields, metadataStart }: EventFields,
  later: EventFields | undefined,
  isError: boolean,
  maxLength: number,
): void {
  for (let i = 0; i < metadataStart; i += 2) {
    const value = fields[i + 1]
    if (typeof value !== 'number' || !Number.isFinite(value)) continue
    const key = fields[i] as string
    const known = knownText(key)
    const role = known === undefined ? roleOf(key) : known.role
    if (later !== undefined && isTaken(later, later.metadataStart, key, role, isError)) continue
    writeField(writer, key, known, value, maxLength)
  }
  const shift = later === undefined ? 0 : later.metadataStart - metadataStart
  for (let i = metadataStart; i < fields.length; i += 2) {
    const value = fields[i + 1]
    if (value === null || value === undefined) continue
    const key = fields[i] as string
    const known = knownText(key)
    const role = known === undefined ? roleOf(key) : known.role
    if (isConsumed(role, value, isError)) continue
    if (isMeasured(fields, metadataStart, key)) continue
    if (later !== undefined && isTaken(later, i + shift, key, role, isError)) continue
    writeField(writer, key, known, value, maxLength)
  }
}

function writeField(
  writer: ProtobufWriter,
  key: string,
  known: KnownText | undefined,
  value: unknown,
  maxLength: number,
): void {
  if (key === '') return
  const kept =
    typeof value === 'string' && value.length <= maxLength ? value : attributeValue(value, maxLength)
  if (kept === undefined || found.room <= 0) found.dropped++
  else {
    found.room--
    writeKnownKeyValue(writer, 0x4a, key, known, kept)
  }
}

/** Whether the value says something about the span itself, and is no attribute of it. */
function isConsumed(role: number, value: unknown, isError: boolean): boolean {
  switch (role) {
    case keyRoles.attribute:
      return false
    case keyRoles.traceparent:
      return isTraceparent(value)
    case keyRoles.tracestate:
      return typeof value === 'string'
    case keyRoles.failure:
      return isError && typeof value === 'object' && failureFrom(value) !== undefined
    case keyRoles.links:
      if (!isLinks(value)) return false
      found.hasLinks = true
      return true
    default: {
      const kind = kinds.get(value)
      if (kind === undefined) return false
      if (found.kind === 0) found.kind = kind
      return true
    }
  }
}

/** A measurement wins over metadata of its name in the same event. */
function isMeasured(fields: readonly unknown[], metadataStart: number, key: string): boolean {
  for (let i = 0; i < metadataStart; i += 2)
    if (fields[i] === key && Number.isFinite(fields[i + 1])) return true
  return false
}

/**
 * Whether an event has a field of this key that became an attribute, or was dropped. `likely`: where it stands if both
 * events have the same metadata in the same order.
 */
function isTaken(event: EventFields, likely: number, key: string, role: number, isError: boolean): boolean {
  const { fields, metadataStart } = event
  if (isMeasured(fields, metadataStart, key)) return true
  let at = likely
  if (at >= fields.length || fields[at] !== key) {
    at = metadataStart
    while (at < fields.length && fields[at] !== key) at += 2
    if (at >= fields.length) return false
  }
  const value = fields[at + 1]
  return value !== null && value !== undefined && !isConsumed(role, value, isError)
}
