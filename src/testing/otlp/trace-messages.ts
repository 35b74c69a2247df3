import {
  type DecodedAttributes,
  type DecodedResource,
  type DecodedScope,
  field,
  keyValue,
  message,
  requestMessage,
} from './messages.ts'

/** An event of a decoded span. */
export interface DecodedSpanEvent {
  readonly timeUnixNano: bigint
  readonly name: string
  readonly attributes: DecodedAttributes
  readonly droppedAttributesCount: number
}

/** A link of a decoded span. */
export interface DecodedLink {
  readonly traceId: string
  readonly spanId: string
  readonly traceState: string
  readonly attributes: DecodedAttributes
  readonly droppedAttributesCount: number
  readonly flags: number
}

/** Ids are lower-case hex (`parentSpanId` is empty for a root), times nanoseconds since the epoch. */
export interface DecodedSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string
  readonly traceState: string
  readonly flags: number
  readonly name: string
  /** 0 unspecified, 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  readonly kind: number
  readonly startTimeUnixNano: bigint
  readonly endTimeUnixNano: bigint
  readonly attributes: DecodedAttributes
  readonly droppedAttributesCount: number
  readonly events: readonly DecodedSpanEvent[]
  readonly droppedEventsCount: number
  readonly links: readonly DecodedLink[]
  readonly droppedLinksCount: number
  /** `code`: 0 unset, 1 ok, 2 error. */
  readonly status: { readonly code: number; readonly message: string }
}

/** The decoded spans of one instrumentation scope. */
export interface DecodedScopeSpans {
  readonly scope: DecodedScope | null
  readonly spans: readonly DecodedSpan[]
  readonly schemaUrl: string
}

/** The decoded spans of one resource. */
export interface DecodedResourceSpans {
  readonly resource: DecodedResource | null
  readonly scopeSpans: readonly DecodedScopeSpans[]
  readonly schemaUrl: string
}

/** A decoded ExportTraceServiceRequest of OTLP. */
export interface DecodedTraceRequest {
  readonly resourceSpans: readonly DecodedResourceSpans[]
}

const spanEvent = message('Event', [
  field(1, 'timeUnixNano', 'fixed64'),
  field(2, 'name', 'string'),
  field(3, 'attributes', keyValue, 'attributes'),
  field(4, 'droppedAttributesCount', 'uint32'),
])

const link = message(
  'Link',
  [
    field(1, 'traceId', 'traceId'),
    field(2, 'spanId', 'spanId'),
    field(3, 'traceState', 'string'),
    field(4, 'attributes', keyValue, 'attributes'),
    field(5, 'droppedAttributesCount', 'uint32'),
    field(6, 'flags', 'fixed32'),
  ],
  { required: ['traceId', 'spanId'] },
)

const status = message('Status', [field(2, 'message', 'string'), field(3, 'code', 'statusCode')], {
  neverNull: true,
})

const span = message(
  'Span',
  [
    field(1, 'traceId', 'traceId'),
    field(2, 'spanId', 'spanId'),
    field(3, 'traceState', 'string'),
    field(4, 'parentSpanId', 'parentSpanId'),
    field(5, 'name', 'string'),
    field(6, 'kind', 'kind'),
    field(7, 'startTimeUnixNano', 'fixed64'),
    field(8, 'endTimeUnixNano', 'fixed64'),
    field(9, 'attributes', keyValue, 'attributes'),
    field(10, 'droppedAttributesCount', 'uint32'),
    field(11, 'events', spanEvent, 'list'),
    field(12, 'droppedEventsCount', 'uint32'),
    field(13, 'links', link, 'list'),
    field(14, 'droppedLinksCount', 'uint32'),
    field(15, 'status', status),
    field(16, 'flags', 'fixed32'),
  ],
  { required: ['traceId', 'spanId'] },
)

export const traceRequest = requestMessage('ExportTraceServiceRequest', 'Spans', 'spans', span)
