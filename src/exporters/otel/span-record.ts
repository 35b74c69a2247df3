import type { TraceId } from '../../bus/trace-id.ts'

/**
 * A finished span, as `ingest.ts` builds it and encoders walk it: plain data, one shape, every field always there.
 *
 * Ids are 32-bit words, most significant first, kept as *signed* integers (V8 stores those in the object itself, where
 * a Uint8Array(8) costs an allocation of 150 ns). The bytes on the wire are the words in big-endian order; the hex of
 * a word `w` is `(w >>> 0).toString(16).padStart(8, '0')`.
 *
 * Times are epoch milliseconds, finite, >= 0 and with fractions. The exact nanoseconds, without BigInt, are
 * `ms * 1e6 + ns` where `ms = Math.floor(time)` and `ns = Math.round((time - ms) * 1e6)` (0 to 1,000,000 inclusive: it
 * may carry). As two 32-bit halves: `high = Math.floor(ms / 2 ** 20) * 1e6` and `low = (ms % 2 ** 20) * 1e6 + ns` are
 * both exact doubles and the value is `high * 2 ** 20 + low`; hence `sum = (high % 4096) * 2 ** 20 + low`, low half
 * `sum % 2 ** 32`, high half `Math.floor(high / 4096) + Math.floor(sum / 2 ** 32)`.
 */
export interface SpanRecord {
  readonly name: string
  /** OTLP SpanKind: 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  readonly kind: number
  /** Shared by the spans of a trace. */
  readonly traceId: TraceId
  readonly spanHigh: number
  readonly spanLow: number
  /** Both words 0: a root span (all-zero span ids do not exist). */
  readonly parentHigh: number
  readonly parentLow: number
  /** The W3C `tracestate` text; empty: none. */
  readonly traceState: string
  /** OTLP flags: the W3C trace flags in the low 8 bits, 0x100 (always set), 0x200 when the parent is remote. */
  readonly flags: number
  readonly startTime: number
  /** Never before `startTime`. */
  readonly endTime: number
  readonly attributes: FlatAttributes
  readonly droppedAttributesCount: number
  readonly events: readonly SpanEvent[]
  readonly droppedEventsCount: number
  readonly links: readonly SpanLink[]
  readonly droppedLinksCount: number
  /** OTLP StatusCode: 0 unset, 1 ok, 2 error. */
  readonly statusCode: number
  /** Empty: none. */
  readonly statusMessage: string
}

export type { TraceId }

/** `[key, value, key, value, …]`; keys are unique and not empty, limits are already applied. */
export type FlatAttributes = readonly (string | AttributeValue)[]

/**
 * As OpenTelemetry has them. Arrays hold one type, with null where an element had none (an empty AnyValue on the
 * wire). Numbers are finite; an integer within int64 (-0 included) travels as OTLP int, every other number as double,
 * as the package's serializer does it. Strings may hold lone surrogates: what UTF-8 makes of them (U+FFFD) is the
 * encoder's.
 */
export type AttributeValue =
  | string
  | number
  | boolean
  | readonly (string | null)[]
  | readonly (number | null)[]
  | readonly (boolean | null)[]

export interface SpanEvent {
  readonly name: string
  readonly time: number
  readonly attributes: FlatAttributes
  readonly droppedAttributesCount: number
}

export interface SpanLink {
  readonly traceId: TraceId
  readonly spanHigh: number
  readonly spanLow: number
  readonly traceState: string
  /** As in {@link SpanRecord.flags}; a link from a `traceparent` is remote. */
  readonly flags: number
  readonly attributes: FlatAttributes
  readonly droppedAttributesCount: number
}

export const noAttributes: FlatAttributes = []
export const noEvents: readonly SpanEvent[] = []
export const noLinks: readonly SpanLink[] = []
