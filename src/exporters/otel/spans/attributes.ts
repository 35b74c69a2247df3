import { ErrorSnapshot } from '../../../bus/event.ts'
import type { AttributeValue, FlatAttributes } from '../span-record.ts'

export interface AttributeLimits {
  /** Attributes per span, event and link. */
  readonly count: number
  /** UTF-16 code units of a string value. */
  readonly length: number
}

/** The flattened fields of an event: measurements before `metadataStart`, metadata from it. */
export interface EventFields {
  readonly fields: readonly unknown[]
  readonly metadataStart: number
}

/** At most `length` code units, never half of a surrogate pair. */
export function cutText(text: string, length: number): string {
  if (text.length <= length) return text
  const last = text.charCodeAt(length - 1)
  const next = text.charCodeAt(length)
  const splits = last >= 0xd800 && last <= 0xdbff && next >= 0xdc00 && next <= 0xdfff
  return text.slice(0, splits ? length - 1 : length)
}

/** What OpenTelemetry has a type for: primitives and arrays of one primitive type; undefined otherwise. */
export function attributeValue(value: unknown, length: number): AttributeValue | undefined {
  if (typeof value === 'string') return cutText(value, length)
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined
  if (typeof value === 'boolean') return value
  return Array.isArray(value) ? arrayValue(value, length) : undefined
}

/** Elements that are null, or numbers that are not finite, become null; a mixture is undefined. */
function arrayValue(items: readonly unknown[], length: number): AttributeValue | undefined {
  let type: string | undefined
  let changed = false
  for (let i = 0; i < items.length; i++) {
    const item = items[i]
    if (item === null) continue
    const kind = typeof item
    if (kind !== 'string' && kind !== 'number' && kind !== 'boolean') return undefined
    type ??= kind
    if (kind !== type) return undefined
    if (kind === 'string' ? (item as string).length > length : kind === 'number' && !Number.isFinite(item))
      changed = true
  }
  if (!changed) return items as AttributeValue
  return items.map((item) =>
    typeof item === 'string' ? cutText(item, length) : Number.isFinite(item) ? item : null,
  ) as AttributeValue
}

/** Attributes collected under limits: the first value of a key stays. */
export interface Collector {
  readonly limits: AttributeLimits
  readonly attributes: (string | AttributeValue)[]
  /** Number of attributes that exceeded the limit, or have a type that OTLP does not know. */
  dropped: number
  /** The keys seen, once there are too many to look through. */
  seen: Set<string> | undefined
}

export const createCollector = (limits: AttributeLimits): Collector => ({
  limits,
  attributes: [],
  dropped: 0,
  seen: undefined,
})

const scannedKeys = 32

/** Adds an attribute, or counts one whose value is undefined. */
export function collect(collector: Collector, key: string, value: AttributeValue | undefined): void {
  const { attributes, limits } = collector
  if (key === '' || isCollected(collector, key)) return
  if (value !== undefined && attributes.length < limits.count * 2) {
    attributes.push(key, value)
    if (collector.seen !== undefined) collector.seen.add(key)
    else if (attributes.length > scannedKeys * 2) collector.seen = keysOf(attributes)
    return
  }
  collector.dropped++
  collector.seen ??= keysOf(attributes)
  collector.seen.add(key)
}

function isCollected({ attributes, seen }: Collector, key: string): boolean {
  if (seen !== undefined) return seen.has(key)
  for (let i = 0; i < attributes.length; i += 2) if (attributes[i] === key) return true
  return false
}

function keysOf(attributes: FlatAttributes): Set<string> {
  const keys = new Set<string>()
  for (let i = 0; i < attributes.length; i += 2) keys.add(attributes[i] as string)
  return keys
}

/** `[key, value]` pairs of metadata that say something about the span itself and are no attributes of it. */
export type Consumed = (key: string, value: unknown) => boolean

/**
 * Attributes of a span from its two events: the end's fields win over the start's, and a measurement over metadata
 * of the same name in one event. Null is no value; an object or a mixed array counts as dropped.
 */
export function spanAttributes(
  end: EventFields,
  start: EventFields,
  limits: AttributeLimits,
  consumed: Consumed,
): Collector {
  const collector = createCollector(limits)
  addFields(collector, end, limits, consumed)
  addFields(collector, start, limits, consumed)
  return collector
}

const nothingConsumed: Consumed = () => false

/** Attributes of one event of a span. */
export function fieldAttributes(event: EventFields, limits: AttributeLimits): Collector {
  const collector = createCollector(limits)
  addFields(collector, event, limits, nothingConsumed)
  return collector
}

function addFields(
  collector: Collector,
  { fields, metadataStart }: EventFields,
  limits: AttributeLimits,
  consumed: Consumed,
): void {
  for (let i = 0; i < metadataStart; i += 2) {
    const value = fields[i + 1]
    if (typeof value === 'number' && Number.isFinite(value)) collect(collector, fields[i] as string, value)
  }
  for (let i = metadataStart; i < fields.length; i += 2) {
    const key = fields[i] as string
    const value = fields[i + 1]
    if (value === null || value === undefined || consumed(key, value)) continue
    collect(collector, key, attributeValue(value, limits.length))
  }
}

export interface Failure {
  readonly message: string
  /** Type and stack of an Error. */
  readonly error: ErrorSnapshot | undefined
}

const noFailure: Failure = { message: '', error: undefined }

/** What `metadata.error`, or else `metadata.reason`, says about a failure. */
export function failureOf({ fields, metadataStart }: EventFields): Failure {
  let failure = noFailure
  for (let i = metadataStart; i < fields.length; i += 2) {
    const key = fields[i]
    if (key !== 'error' && key !== 'reason') continue
    const said = failureFrom(fields[i + 1])
    if (said !== undefined && (key === 'error' || failure === noFailure)) failure = said
  }
  return failure
}

export function failureFrom(value: unknown): Failure | undefined {
  if (value instanceof ErrorSnapshot) return { message: value.message, error: value }
  if (typeof value === 'string') return value === '' ? undefined : { message: value, error: undefined }
  if (typeof value === 'number') return { message: String(value), error: undefined }
  if (typeof value !== 'object' || value === null) return undefined
  const message = Object.hasOwn(value, 'message') ? (value as { message: unknown }).message : undefined
  return typeof message === 'string' && message !== '' ? { message, error: undefined } : undefined
}
