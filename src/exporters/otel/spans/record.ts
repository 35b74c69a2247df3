import type { TelemetryEvent } from '../../../bus/event.ts'
import type { SpanNote, SpanNotes } from '../../../bus/span-scope.ts'
import { isTraceparent } from '../../../bus/traceparent.ts'
import { noAttributes, noEvents, type SpanEvent, type SpanLink, type SpanRecord } from '../span-record.ts'
import {
  type AttributeLimits,
  cutText,
  type EventFields,
  type Failure,
  failureFrom,
  failureOf,
  fieldAttributes,
  spanAttributes,
} from './attributes.ts'
import { isLinks, type Links, linksOf, noSpanLinks } from './links.ts'
import type { OpenSpan } from './open-span.ts'

/** OTLP SpanKind. */
export const internal = 1
export const kinds: ReadonlyMap<unknown, number> = new Map([
  ['internal', internal],
  ['server', 2],
  ['client', 3],
  ['producer', 4],
  ['consumer', 5],
])

/** OTLP StatusCode. */
export const statusCodes = { unset: 0, error: 2 } as const

const hasRemoteBit = 0x100
const isRemoteBit = 0x200

/** The span of an open one and the event that ends it. */
export function finishSpan(
  span: OpenSpan,
  end: TelemetryEvent,
  isError: boolean,
  limits: AttributeLimits,
): SpanRecord {
  const { start } = span
  const { attributes, dropped } = spanAttributes(end, start, limits, isError ? consumedByError : consumed)
  const failure = isError ? failureOf(end) : undefined
  const notes = notesOf(span)
  const links = linksBetween(start, end, limits)
  const startTime = epoch(start.time)
  const endTime = Math.max(epoch(end.time), startTime)
  return {
    name: notes?.name ?? span.name,
    kind: kindOf(end) ?? kindOf(start) ?? internal,
    traceId: span.trace,
    spanHigh: span.spanHigh,
    spanLow: span.spanLow,
    parentHigh: span.parentHigh,
    parentLow: span.parentLow,
    traceState: span.trace.traceState,
    flags: flagsOf(span),
    startTime,
    endTime,
    attributes,
    droppedAttributesCount: dropped + (notes?.droppedAttributes ?? 0),
    events: eventsOf(notes, failure, endTime, limits),
    droppedEventsCount: notes?.droppedEvents ?? 0,
    links: links.links,
    droppedLinksCount: links.dropped,
    statusCode: isError ? statusCodes.error : statusCodes.unset,
    statusMessage: failure === undefined ? '' : cutText(failure.message, limits.length),
  }
}

/** Events, links and errors that a running `span()` was given. */
export const notesOf = ({ own, scope }: OpenSpan): SpanNotes | undefined => (own ? scope?.notes : undefined)

function eventsOf(
  notes: SpanNotes | undefined,
  failure: Failure | undefined,
  endTime: number,
  limits: AttributeLimits,
): readonly SpanEvent[] {
  const noted = notes === undefined ? noEvents : notes.events.map((note) => notedEvent(note, limits))
  return failure?.error === undefined ? noted : [...noted, exceptionEvent(failure, endTime, limits)]
}

function notedEvent({ name, time, fields }: SpanNote, limits: AttributeLimits): SpanEvent {
  const { attributes, dropped } = fieldAttributes({ fields, metadataStart: 0 }, limits)
  return { name, time: epoch(time), attributes, droppedAttributesCount: dropped }
}

/** OTLP flags. */
export const flagsOf = ({ trace, parentIsRemote }: OpenSpan): number =>
  trace.flags | hasRemoteBit | (parentIsRemote ? isRemoteBit : 0)

/** A time that OTLP can say; 0 for any other. */
export const epoch = (time: number): number => (time > 0 && time < Number.POSITIVE_INFINITY ? time : 0)

function kindOf({ fields, metadataStart }: EventFields): number | undefined {
  for (let i = metadataStart; i < fields.length; i += 2) {
    const key = fields[i]
    if (key !== 'span_kind' && key !== 'span.kind') continue
    const kind = kinds.get(fields[i + 1])
    if (kind !== undefined) return kind
  }
  return undefined
}

/**
 * Metadata that becomes part of the span itself is no attribute beside it. What only looks like it (a count named
 * `links`, an invalid `traceparent`) stays an attribute, so that nothing vanishes.
 */
function consumed(key: string, value: unknown): boolean {
  switch (key) {
    case 'traceparent':
      return isTraceparent(value)
    case 'tracestate':
      return typeof value === 'string'
    case 'span_kind':
    case 'span.kind':
      return kinds.has(value)
    case 'links':
      return isLinks(value)
    default:
      return false
  }
}

/** An Error is the exception event and the status; a plain message is the status and an attribute. */
const consumedByError = (key: string, value: unknown): boolean =>
  ((key === 'error' || key === 'reason') && typeof value === 'object' && failureFrom(value) !== undefined) ||
  consumed(key, value)

export function exceptionEvent({ error }: Failure, time: number, limits: AttributeLimits): SpanEvent {
  const attributes: string[] = []
  const add = (key: string, value: string | undefined): void => {
    if (value) attributes.push(key, cutText(value, limits.length))
  }
  add('exception.type', error?.type)
  add('exception.message', error?.message)
  add('exception.stacktrace', error?.stack)
  return {
    name: 'exception',
    time,
    attributes: attributes.length > 0 ? attributes : noAttributes,
    droppedAttributesCount: 0,
  }
}

function linksBetween(start: EventFields, end: EventFields, limits: AttributeLimits): Links {
  const first = linksOf(start, limits)
  const last = linksOf(end, limits)
  if (last === noSpanLinks) return first
  if (first === noSpanLinks) return last
  // span() repeats its metadata in its end, and so do others: one list said twice is one list.
  const added = last.links.filter((link) => !first.links.some((known) => isSameLink(known, link)))
  return { links: [...first.links, ...added], dropped: Math.max(first.dropped, last.dropped) }
}

const isSameLink = (a: SpanLink, b: SpanLink): boolean =>
  a.spanLow === b.spanLow &&
  a.spanHigh === b.spanHigh &&
  a.traceId.w0 === b.traceId.w0 &&
  a.traceId.w1 === b.traceId.w1 &&
  a.traceId.w2 === b.traceId.w2 &&
  a.traceId.w3 === b.traceId.w3
