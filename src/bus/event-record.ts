import { inspect } from 'node:util'
import type { SpanScope, TelemetryEvent } from './event.ts'
import { maxKeys, textBytes } from './sanitize.ts'
import { Scope } from './span-scope.ts'

/**
 * Who emitted an event. `self`: telemachine reports on itself (or a handler of such a report emitted it).
 * `span`: `span()` opens or ends its own scope with it; `self_span`: both. `caller`: everybody else.
 */
export type Origin = 'caller' | 'span' | 'self' | 'self_span'

/** Whom a report is about: it is never delivered there. Ids of an exporter's inbox, of a handler. */
export interface About {
  readonly exporter?: string | undefined
  readonly handler?: string | undefined
}

/** Fields that few events need: views, made when first read, and the exporter that the event is about. */
class Extra {
  readonly about: About | undefined
  readonly packed: Packed
  measurements: Readonly<Record<string, number>> | undefined
  metadata: Readonly<Record<string, unknown>> | undefined
  shown: ShownEvent | undefined

  constructor(packed: Packed, about: About | undefined) {
    this.packed = packed
    this.about = about
    this.measurements = undefined
    this.metadata = undefined
    this.shown = undefined
  }
}

/** An origin in the lowest two bits, and above them about how many bytes an event takes. */
type Packed = number

const origins: readonly Origin[] = ['caller', 'span', 'self', 'self_span']
const spanBit = 1
const selfBit = 2
const originBits = 3
const originOfCaller = 0
const maxBytes = 2 ** 28 - 1

const pack = (origin: number, bytes: number): Packed => (Math.min(bytes, maxBytes) << 2) | origin

const numberOf: Readonly<Record<Origin, number>> = {
  caller: originOfCaller,
  span: spanBit,
  self: selfBit,
  self_span: selfBit | spanBit,
}

/** Bytes of an event without fields, its place in an inbox included. */
const eventBytes = 176

/** The snapshot of an event. Inboxes and drivers share it; it is never written to again. */
export class EventRecord implements TelemetryEvent {
  // `declare`: a field definition would be a store of its own, before the constructor's.
  declare readonly name: string
  declare readonly time: number
  declare readonly fields: readonly unknown[]
  declare readonly metadataStart: number
  readonly #scope: SpanScope | undefined
  #hidden: Packed | Extra

  /** `bytes`: about how many its fields take. */
  constructor(
    name: string,
    time: number,
    fields: readonly unknown[],
    metadataStart: number,
    scope: SpanScope | undefined,
    origin: Origin,
    bytes: number = fieldsBytes(fields),
    about?: About,
  ) {
    this.name = name
    this.time = time
    this.fields = fields
    this.metadataStart = metadataStart
    this.#scope = scope
    const packed = pack(numberOf[origin], eventBytes + bytes)
    this.#hidden = about === undefined ? packed : new Extra(packed, about)
  }

  get scope(): SpanScope | undefined {
    return this.#scope instanceof Scope ? this.#scope.shown : this.#scope
  }

  /** All that was kept: also strings, booleans and null, which exporters refuse. */
  get measurements(): Readonly<Record<string, number>> {
    const extra = this.#extra()
    extra.measurements ??= view<number>(this.fields, 0, this.metadataStart)
    return extra.measurements
  }

  get metadata(): Readonly<Record<string, unknown>> {
    const extra = this.#extra()
    extra.metadata ??= view(this.fields, this.metadataStart, this.fields.length)
    return extra.metadata
  }

  #extra(): Extra {
    if (typeof this.#hidden === 'number') this.#hidden = new Extra(this.#hidden, undefined)
    return this.#hidden
  }

  toJSON(): object {
    const { name, time, measurements, metadata } = this
    return { name, time, measurements, metadata }
  }

  [inspect.custom](): object {
    return this.toJSON()
  }

  /** The scope of an event with its ids as words; undefined also for one whose ids are invalid. */
  static scopeOf(event: TelemetryEvent): Scope | undefined {
    const scope = #scope in event ? event.#scope : event.scope
    return scope === undefined || scope instanceof Scope ? scope : Scope.from(scope)
  }

  /** The event as applications see it: one and the same object for all of them. */
  static shown(event: EventRecord): ShownEvent {
    const extra = event.#extra()
    extra.shown ??= new ShownEvent(event)
    return extra.shown
  }

  /** Origin and bytes; undefined for an event that something else made. */
  static packedOf(event: object): Packed | undefined {
    if (!(#hidden in event)) return ShownEvent.packedOf(event)
    const hidden = event.#hidden
    return typeof hidden === 'number' ? hidden : hidden.packed
  }

  static originOf(event: object): Origin {
    return origins[(EventRecord.packedOf(event) ?? originOfCaller) & originBits]!
  }

  static aboutOf(event: object): About | undefined {
    if (!(#hidden in event) || typeof event.#hidden === 'number') return undefined
    return event.#hidden.about
  }

  static {
    // A field that has held nothing but fractions gets a box of its own from V8 for each. After something else it refers to
    // the number at hand, which untimed events share.
    new EventRecord('', undefined as never, [], 0, undefined, 'caller', 0)
  }
}

/**
 * An event as handlers see it. What one may copy of it - by a spread, `Object.keys`, `structuredClone` - is what an event
 * is made of: name, time, measurements, metadata. The rest is there to be read.
 */
export class ShownEvent implements TelemetryEvent {
  readonly name: string
  readonly time: number
  readonly measurements: Readonly<Record<string, number>>
  readonly metadata: Readonly<Record<string, unknown>>
  readonly #record: EventRecord

  constructor(record: EventRecord) {
    this.name = record.name
    this.time = record.time
    this.measurements = record.measurements
    this.metadata = record.metadata
    this.#record = record
  }

  get fields(): readonly unknown[] {
    return this.#record.fields
  }

  get metadataStart(): number {
    return this.#record.metadataStart
  }

  get scope(): SpanScope | undefined {
    return this.#record.scope
  }

  static packedOf(event: object): Packed | undefined {
    return #record in event ? EventRecord.packedOf(event.#record) : undefined
  }
}

/** Returns the view of an event that applications see. */
export const shownEvent = (event: TelemetryEvent): TelemetryEvent =>
  event instanceof EventRecord ? EventRecord.shown(event) : event

/** A method of events that know their bytes and are no {@link EventRecord}. */
export const measured: unique symbol = Symbol('measured')

/**
 * About how many bytes an event takes in memory, with its texts. For an event that is not ours it is a rough guess,
 * made of no more than its first {@link maxKeys} fields.
 */
export function bytesOf(event: TelemetryEvent): number {
  const packed = EventRecord.packedOf(event)
  if (packed !== undefined) return packed >>> 2
  try {
    const { [measured]: measure } = event as { [measured]?: () => number }
    return eventBytes + (measure === undefined ? fieldsBytes(event.fields) : measure.call(event))
  } catch {
    return eventBytes
  }
}

/** Estimates the bytes of unmeasured fields: the strings among the first few. */
function fieldsBytes(fields: readonly unknown[]): number {
  const count = Math.min(fields.length, 2 * 2 * maxKeys)
  let bytes = 0
  for (let i = 0; i < count; i++) {
    const part = fields[i]
    bytes += typeof part === 'string' ? textBytes(part) : 16
  }
  return bytes
}

const nothing: Readonly<Record<string, never>> = Object.freeze({})

function view<Value>(
  fields: readonly unknown[],
  start: number,
  end: number,
): Readonly<Record<string, Value>> {
  if (start === end) return nothing
  // A plain object, which equals another one. No key of an event is `__proto__`.
  const object: Record<string, Value> = {}
  for (let i = start; i < end; i += 2) object[fields[i] as string] = fields[i + 1] as Value
  return Object.freeze(object)
}

/** True for telemachine's reports on itself: what fails while handling one is counted, never reported again. */
export const isSelfTelemetry = (event: TelemetryEvent): boolean =>
  ((EventRecord.packedOf(event) ?? originOfCaller) & selfBit) !== 0

/**
 * True for the start, success and error events of `span()`: their `scope` is the span they open or end.
 * The scope of any other event is the span around it.
 */
export const isSpanBoundary = (event: TelemetryEvent): boolean =>
  ((EventRecord.packedOf(event) ?? originOfCaller) & spanBit) !== 0
