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
  readonly many?: 'list' | 'packed' | 'attributes' | undefined
  readonly isOptional?: boolean
}

/** One message of opentelemetry-proto v1: both decoders walk these tables. */
export interface Message extends MessageOptions {
  readonly name: string
  /** At the index of the field's number. */
  readonly fields: (Field | undefined)[]
  /** Creates the decoded message without any field. */
  create(): Record<string, unknown>
}

interface MessageOptions {
  /** At most one field may be present, and its value is what the message decodes to. */
  readonly oneof?: boolean
  /** Fields without which the message is invalid. */
  readonly required?: readonly string[]
  /** The message decodes to this field's value alone. */
  readonly only?: string
  /** An absent one is decoded as an empty one, and not as null. */
  readonly neverNull?: boolean
}

export const field = (number: number, name: string, type: Field['type'], many?: Field['many']): Field => ({
  ...{ number, name, type, many },
})

/** A field that tells whether it is present: an absent one is null, and not zero. */
export const optional = (number: number, name: string, type: Scalar): Field => ({
  ...{ number, name, type, isOptional: true },
})

/** Returns the value to which an absent field is decoded. */
function absent({ type, many, isOptional }: Field): unknown {
  if (many !== undefined) return many === 'attributes' ? {} : []
  if (isOptional) return null
  if (typeof type !== 'string') return type.neverNull ? type.create() : null
  return absentScalars[type] ?? 0
}

const absentScalars: Readonly<Partial<Record<Scalar, unknown>>> = {
  ...{ string: '', traceId: '', spanId: '', parentSpanId: '' },
  ...{ bool: false, fixed64: 0n },
}

export function message(name: string, fields: readonly Field[], options: MessageOptions = {}): Message {
  const table: (Field | undefined)[] = []
  for (const each of fields) table[each.number] = each
  const create = (): Record<string, unknown> => {
    const empty: Record<string, unknown> = {}
    for (const each of fields) empty[each.name] = absent(each)
    return empty
  }
  return { name, fields: table, create, ...options }
}

export const anyValue: Message = { name: 'AnyValue', fields: [], oneof: true, create: () => ({}) }

export const keyValue = message('KeyValue', [field(1, 'key', 'string'), field(2, 'value', anyValue)])

const arrayValue = message('ArrayValue', [field(1, 'values', anyValue, 'list')], { only: 'values' })

const keyValueList = message('KeyValueList', [field(1, 'values', keyValue, 'attributes')], { only: 'values' })

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

const entityRef = message('EntityRef', [
  field(1, 'schemaUrl', 'string'),
  field(2, 'type', 'string'),
  field(3, 'idKeys', 'string', 'list'),
  field(4, 'descriptionKeys', 'string', 'list'),
])

const resource = message('Resource', [
  field(1, 'attributes', keyValue, 'attributes'),
  field(2, 'droppedAttributesCount', 'uint32'),
  field(3, 'entityRefs', entityRef, 'list'),
])

const scope = message('InstrumentationScope', [
  field(1, 'name', 'string'),
  field(2, 'version', 'string'),
  field(3, 'attributes', keyValue, 'attributes'),
  field(4, 'droppedAttributesCount', 'uint32'),
])

/** The messages of a signal around its items: a request, in it one for each resource, in that one for each scope. */
export function requestMessage(
  name: string,
  signal: 'Spans' | 'Logs' | 'Metrics',
  items: string,
  item: Message,
): Message {
  const ofScope = message(`Scope${signal}`, [
    field(1, 'scope', scope),
    field(2, items, item, 'list'),
    field(3, 'schemaUrl', 'string'),
  ])
  const ofResource = message(`Resource${signal}`, [
    field(1, 'resource', resource),
    field(2, `scope${signal}`, ofScope, 'list'),
    field(3, 'schemaUrl', 'string'),
  ])
  return message(name, [field(1, `resource${signal}`, ofResource, 'list')])
}
