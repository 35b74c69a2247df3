/** A decoded attribute value: int64 as a number where that is exact, else as a bigint; an empty value is null. */
export type DecodedValue =
  | string
  | boolean
  | number
  | bigint
  | null
  | Uint8Array
  | readonly DecodedValue[]
  | DecodedAttributes

/** The attributes of a decoded message, by key. */
export interface DecodedAttributes {
  readonly [key: string]: DecodedValue
}

/** The resource of decoded spans. */
export interface DecodedResource {
  readonly attributes: DecodedAttributes
  readonly droppedAttributesCount: number
  readonly entityRefs: readonly unknown[]
}

/** The instrumentation scope of decoded spans. */
export interface DecodedScope {
  readonly name: string
  readonly version: string
  readonly attributes: DecodedAttributes
  readonly droppedAttributesCount: number
}

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

export type Scalar =
  | 'string'
  | 'bool'
  | 'int64'
  | 'uint32'
  | 'double'
  | 'bytes'
  | 'fixed32'
  | 'fixed64'
  | 'count64'
  | 'sfixed64'
  | 'uint64'
  | 'sint32'
  | 'temporality'
  | 'traceId'
  | 'spanId'
  | 'parentSpanId'
  | 'kind'
  | 'statusCode'
  | 'severityNumber'

export interface Field {
  readonly number: number
  /** The name in OTLP/JSON, and in what is decoded. */
  readonly name: string
  readonly type: Scalar | Message
  /**
   * `list`: repeated. `packed`: repeated numbers, one after the other in a single field. `attributes`: repeated KeyValue,
   * decoded to one object.
   */
  readonly many?: 'list' | 'packed' | 'attributes'
}

/** One message of opentelemetry-proto v1: both decoders walk these tables. */
export interface Message {
  readonly name: string
  /** At the index of the field's number. */
  readonly fields: (Field | undefined)[]
  /** Creates the decoded message without any field. */
  create(): Record<string, unknown>
  /** At most one field may be present, and its value is what the message decodes to. */
  readonly oneof?: boolean
  /** Fields without which the message is invalid. */
  readonly required?: readonly string[]
  /** The message decodes to this field's value alone. */
  readonly only?: string
}

export const field = (number: number, name: string, type: Field['type'], many?: Field['many']): Field => ({
  number,
  name,
  type,
  many,
})

export const byNumber = (fields: readonly Field[]): (Field | undefined)[] => {
  const table: (Field | undefined)[] = []
  for (const each of fields) table[each.number] = each
  return table
}

export const anyValue: Message = { name: 'AnyValue', fields: [], oneof: true, create: () => ({}) }

export const keyValue: Message = {
  name: 'KeyValue',
  fields: byNumber([field(1, 'key', 'string'), field(2, 'value', anyValue)]),
  create: () => ({ key: '', value: null }),
}

const arrayValue: Message = {
  name: 'ArrayValue',
  fields: byNumber([field(1, 'values', anyValue, 'list')]),
  only: 'values',
  create: () => ({ values: [] }),
}

const keyValueList: Message = {
  name: 'KeyValueList',
  fields: byNumber([field(1, 'values', keyValue, 'attributes')]),
  only: 'values',
  create: () => ({ values: {} }),
}

for (const each of [
  field(1, 'stringValue', 'string'),
  field(2, 'boolValue', 'bool'),
  field(3, 'intValue', 'int64'),
  field(4, 'doubleValue', 'double'),
  field(5, 'arrayValue', arrayValue),
  field(6, 'kvlistValue', keyValueList),
  field(7, 'bytesValue', 'bytes'),
])
  anyValue.fields[each.number] = each

const entityRef: Message = {
  name: 'EntityRef',
  fields: byNumber([
    field(1, 'schemaUrl', 'string'),
    field(2, 'type', 'string'),
    field(3, 'idKeys', 'string', 'list'),
    field(4, 'descriptionKeys', 'string', 'list'),
  ]),
  create: () => ({ schemaUrl: '', type: '', idKeys: [], descriptionKeys: [] }),
}

export const resource: Message = {
  name: 'Resource',
  fields: byNumber([
    field(1, 'attributes', keyValue, 'attributes'),
    field(2, 'droppedAttributesCount', 'uint32'),
    field(3, 'entityRefs', entityRef, 'list'),
  ]),
  create: () => ({ attributes: {}, droppedAttributesCount: 0, entityRefs: [] }),
}

export const scope: Message = {
  name: 'InstrumentationScope',
  fields: byNumber([
    field(1, 'name', 'string'),
    field(2, 'version', 'string'),
    field(3, 'attributes', keyValue, 'attributes'),
    field(4, 'droppedAttributesCount', 'uint32'),
  ]),
  create: () => ({ name: '', version: '', attributes: {}, droppedAttributesCount: 0 }),
}

const spanEvent: Message = {
  name: 'Event',
  fields: byNumber([
    field(1, 'timeUnixNano', 'fixed64'),
    field(2, 'name', 'string'),
    field(3, 'attributes', keyValue, 'attributes'),
    field(4, 'droppedAttributesCount', 'uint32'),
  ]),
  create: () => ({ timeUnixNano: 0n, name: '', attributes: {}, droppedAttributesCount: 0 }),
}

const link: Message = {
  name: 'Link',
  fields: byNumber([
    field(1, 'traceId', 'traceId'),
    field(2, 'spanId', 'spanId'),
    field(3, 'traceState', 'string'),
    field(4, 'attributes', keyValue, 'attributes'),
    field(5, 'droppedAttributesCount', 'uint32'),
    field(6, 'flags', 'fixed32'),
  ]),
  required: ['traceId', 'spanId'],
  create: () => ({
    traceId: '',
    spanId: '',
    traceState: '',
    attributes: {},
    droppedAttributesCount: 0,
    flags: 0,
  }),
}

const status: Message = {
  name: 'Status',
  fields: byNumber([field(2, 'message', 'string'), field(3, 'code', 'statusCode')]),
  create: () => ({ code: 0, message: '' }),
}

const span: Message = {
  name: 'Span',
  fields: byNumber([
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
  ]),
  required: ['traceId', 'spanId'],
  create: () => ({
    traceId: '',
    spanId: '',
    parentSpanId: '',
    traceState: '',
    flags: 0,
    name: '',
    kind: 0,
    startTimeUnixNano: 0n,
    endTimeUnixNano: 0n,
    attributes: {},
    droppedAttributesCount: 0,
    events: [],
    droppedEventsCount: 0,
    links: [],
    droppedLinksCount: 0,
    status: { code: 0, message: '' },
  }),
}

/** The messages of a signal around its items: a request, in it one for each resource, in that one for each scope. */
export function requestMessage(
  name: string,
  signal: 'Spans' | 'Logs' | 'Metrics',
  items: string,
  item: Message,
): Message {
  const scopes = `scope${signal}`
  const resources = `resource${signal}`
  const ofScope: Message = {
    name: `Scope${signal}`,
    fields: byNumber([
      field(1, 'scope', scope),
      field(2, items, item, 'list'),
      field(3, 'schemaUrl', 'string'),
    ]),
    create: () => ({ scope: null, [items]: [], schemaUrl: '' }),
  }
  const ofResource: Message = {
    name: `Resource${signal}`,
    fields: byNumber([
      field(1, 'resource', resource),
      field(2, scopes, ofScope, 'list'),
      field(3, 'schemaUrl', 'string'),
    ]),
    create: () => ({ resource: null, [scopes]: [], schemaUrl: '' }),
  }
  return {
    name,
    fields: byNumber([field(1, resources, ofResource, 'list')]),
    create: () => ({ [resources]: [] }),
  }
}

export const traceRequest = requestMessage('ExportTraceServiceRequest', 'Spans', 'spans', span)
