import { ErrorSnapshot, measurementValue, metadataValue, type TelemetryEvent } from '../../bus/event.ts'
import { EventRecord } from '../../bus/snapshot.ts'
import type { Scope } from '../../bus/span-scope.ts'
import { parseTraceparent } from '../../bus/traceparent.ts'
import { writeAnyValueField, writeKnownAnyValue, writeKnownKeyValue } from '../otel/encode/any-value.ts'
import {
  openItem,
  writeCount,
  writeName,
  writeRepeatedTime,
  writeSpanId,
  writeTextField,
  writeTime,
  writeTraceId,
} from '../otel/encode/fields.ts'
import { type KnownText, keyRoles, knownText, roleOf, writeKnownField } from '../otel/encode/known-text.ts'
import {
  closeMessage,
  ensure,
  type ProtobufWriter,
  writeByte,
  writeFixed32,
} from '../otel/encode/protobuf-writer.ts'
import { epoch } from '../otel/spans/record.ts'
import type { Layout } from './layouts.ts'
import type { LogSettings } from './settings.ts'
import { type Severity, severityOf } from './severity.ts'
import { bodyOf, logValue } from './values.ts'

// Tags of LogRecord: field number << 3 | wire type.
const timeTag = 0x09
const severityNumberTag = 0x10
const severityTextTag = 0x1a
const bodyTag = 0x2a
const attributesTag = 0x32
const droppedAttributesTag = 0x38
const flagsTag = 0x45
const traceIdTag = 0x4a
const spanIdTag = 0x52
const observedTimeTag = 0x59
const eventNameTag = 0x62

/**
 * Results of the walk over the fields of an event. One object serves all records, because records are written one after
 * another.
 */
const found = {
  /** Attributes that the record may still have. */
  room: 0,
  dropped: 0,
  severity: undefined as Severity | undefined,
  /** For an event without a scope: the span named by its `traceparent`. */
  scope: undefined as Scope | undefined,
  exception: undefined as ErrorSnapshot | undefined,
}

/**
 * Writes an event as a log record, straight from its fields. `observed`: when it came to the exporter, in epoch
 * milliseconds.
 */
export function writeLogRecord(
  writer: ProtobufWriter,
  event: TelemetryEvent,
  observed: number,
  settings: LogSettings,
): void {
  const scope = EventRecord.scopeOf(event)
  found.room = settings.limits.count
  found.dropped = 0
  found.severity = undefined
  found.scope = scope
  found.exception = undefined

  const layout = settings.layoutOf(event.name)
  const opened = openItem(writer)
  writeTime(writer, timeTag, epoch(event.time))
  writeRepeatedTime(writer, observedTimeTag, epoch(observed))
  if (layout.name !== undefined) writeKnownField(writer, eventNameTag, layout.name)
  else writeTextField(writer, eventNameTag, event.name)
  writeMeasurements(writer, event, settings, layout)
  writeMetadata(writer, event, settings, layout, scope === undefined)
  if (found.exception !== undefined) writeException(writer, event, settings)

  const severity = found.severity ?? layout.severity
  if (severity !== undefined) {
    ensure(writer, 2)
    writeByte(writer, severityNumberTag)
    writeByte(writer, severity.number)
    if (severity === layout.severity && layout.severityText !== undefined)
      writeKnownField(writer, severityTextTag, layout.severityText)
    else writeName(writer, severityTextTag, severity.name)
  }
  ensure(writer, 48)
  writeCount(writer, droppedAttributesTag, found.dropped)
  if (found.scope !== undefined) writeScope(writer, found.scope)
  closeMessage(writer, opened, 2)
}

/** Needs 33 bytes. */
function writeScope(writer: ProtobufWriter, scope: Scope): void {
  writeTraceId(writer, traceIdTag, scope)
  writeSpanId(writer, spanIdTag, scope.spanHigh, scope.spanLow)
  const flags = scope.traceFlags ?? scope.announcedFlags ?? 0
  if (flags === 0) return
  writeByte(writer, flagsTag)
  writeFixed32(writer, flags)
}

function writeMeasurements(
  writer: ProtobufWriter,
  { fields, metadataStart }: TelemetryEvent,
  settings: LogSettings,
  layout: Layout,
): void {
  for (let i = 0; i < metadataStart; i += 2) {
    const value = fields[i + 1]
    if (typeof value !== 'number' || !Number.isFinite(value)) continue
    const key = fields[i] as string
    writeAttribute(writer, key, layout.textOf(i >> 1, key), value, settings)
  }
}

function writeMetadata(
  writer: ProtobufWriter,
  event: TelemetryEvent,
  settings: LogSettings,
  layout: Layout,
  lacksScope: boolean,
): void {
  const { fields, metadataStart } = event
  for (let i = metadataStart; i < fields.length; i += 2) {
    const value = fields[i + 1]
    if (value === null || value === undefined) continue
    const key = fields[i] as string
    if (key === settings.bodyKey) {
      writeBody(writer, value, layout.textOf(i >> 1, key))
      continue
    }
    if (key === 'severity') {
      found.severity = severityOf(value)
      if (found.severity !== undefined) continue
    }
    const known = layout.textOf(i >> 1, key)
    const role = known === undefined ? roleOf(key) : known.role
    if (role === keyRoles.failure && isException(event, key, value)) {
      found.exception = value
      continue
    }
    if (role === keyRoles.traceparent && lacksScope) {
      found.scope = parseTraceparent(value, undefined)
      if (found.scope !== undefined) continue
    }
    if (metadataStart > 0 && isMeasured(fields, metadataStart, key)) continue
    writeAttribute(writer, key, known, value, settings)
  }
}

/** A measurement wins over metadata of its name. */
function isMeasured(fields: readonly unknown[], metadataStart: number, key: string): boolean {
  for (let i = 0; i < metadataStart; i += 2)
    if (fields[i] === key && Number.isFinite(fields[i + 1])) return true
  return false
}

function writeAttribute(
  writer: ProtobufWriter,
  key: string,
  known: KnownText | undefined,
  value: unknown,
  { limits }: LogSettings,
): void {
  if (key === '') return
  const kept =
    typeof value === 'string' && value.length <= limits.length ? value : logValue(value, limits.length)
  if (kept === undefined || found.room <= 0) found.dropped++
  else {
    found.room--
    writeKnownKeyValue(writer, attributesTag, key, known, kept)
  }
}

function writeBody(writer: ProtobufWriter, value: unknown, key: KnownText | undefined): void {
  const text = typeof value === 'string' ? key?.valueText(value) : undefined
  if (text !== undefined) {
    writeKnownAnyValue(writer, bodyTag, text)
    return
  }
  const body = bodyOf(value)
  if (body !== undefined) writeAnyValueField(writer, bodyTag, body)
}

/** An Error is the exception of the record. `error` wins over `reason`, which is then an attribute like any other. */
const isException = (event: TelemetryEvent, key: string, value: unknown): value is ErrorSnapshot =>
  value instanceof ErrorSnapshot &&
  (key === 'error' || !(metadataValue(event, 'error') instanceof ErrorSnapshot))

/** The attributes of an exception, where the event has none of their names. */
function writeException(writer: ProtobufWriter, event: TelemetryEvent, settings: LogSettings): void {
  const { exception } = found
  if (exception === undefined) return
  const add = (key: string, value: string | undefined): void => {
    if (!value || metadataValue(event, key) != null || Number.isFinite(measurementValue(event, key))) return
    writeAttribute(writer, key, knownText(key), value, settings)
  }
  add('exception.type', exception.type)
  add('exception.message', exception.message)
  add('exception.stacktrace', exception.stack)
}
