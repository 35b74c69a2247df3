import { inspect } from 'node:util'
import type { Clock } from '../clock.ts'
import type { SpanScope, TelemetryEvent } from './event.ts'
import { createSanitizer, nestedBytes, type SanitizedCounts } from './sanitize.ts'
import type { Scopes } from './scope.ts'

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

/** What most events never need: nothing but what this holds is ever added to one. */
interface More {
  readonly origin: Origin
  readonly about: About | undefined
  measurements: Readonly<Record<string, number>> | undefined
  metadata: Readonly<Record<string, unknown>> | undefined
}

const none: More = { origin: 'caller', about: undefined, measurements: undefined, metadata: undefined }

/** What a record and its place in an inbox take, and each place in its list of fields, beside what the values hold. */
const recordBytes = 128
const placeBytes = 16

/** Of this module alone; a private field would be a function call in each construction. */
const more = Symbol('more')

/** The snapshot that travels: handlers, inboxes and drivers share it, and nobody writes to it. */
export class EventRecord implements TelemetryEvent {
  // `declare`: a field definition would be a store of its own, before the constructor's.
  declare readonly name: string
  declare readonly time: number
  declare readonly fields: readonly unknown[]
  declare readonly metadataStart: number
  declare readonly scope: SpanScope | undefined
  /** Bytes that it takes in memory, about. */
  declare readonly bytes: number
  declare [more]: More | undefined

  constructor(
    name: string,
    time: number,
    fields: readonly unknown[],
    metadataStart: number,
    scope: SpanScope | undefined,
    origin: Origin,
    about?: About,
    valueBytes = bytesOfValues(fields),
  ) {
    this.name = name
    this.time = time
    this.fields = fields
    this.metadataStart = metadataStart
    this.scope = scope
    this.bytes = recordBytes + name.length + fields.length * placeBytes + valueBytes
    this[more] = origin === 'caller' ? undefined : { ...none, origin, about }
  }

  /** All that was kept: also strings, booleans and null, which exporters refuse. */
  get measurements(): Readonly<Record<string, number>> {
    const kept = this.#kept()
    kept.measurements ??= view<number>(this.fields, 0, this.metadataStart)
    return kept.measurements
  }

  get metadata(): Readonly<Record<string, unknown>> {
    const kept = this.#kept()
    kept.metadata ??= view(this.fields, this.metadataStart, this.fields.length)
    return kept.metadata
  }

  /** A handler may have frozen the event: then views are built each time. */
  #kept(): More {
    const kept = this[more] ?? { ...none }
    Reflect.set(this, more, kept)
    return kept
  }

  toJSON(): object {
    const { name, time, measurements, metadata } = this
    return { name, time, measurements, metadata }
  }

  [inspect.custom](): object {
    return this.toJSON()
  }

  static originOf(event: object): Origin {
    return (event as Partial<EventRecord>)[more]?.origin ?? 'caller'
  }

  static aboutOf(event: object): About | undefined {
    return (event as Partial<EventRecord>)[more]?.about
  }
}

function view<Value>(
  fields: readonly unknown[],
  start: number,
  end: number,
): Readonly<Record<string, Value>> {
  const object: Record<string, Value> = Object.create(null)
  for (let i = start; i < end; i += 2) object[fields[i] as string] = fields[i + 1] as Value
  return Object.freeze(object)
}

/** True for telemachine's reports on itself: what fails while handling one is counted, never reported again. */
export function isSelfTelemetry(event: TelemetryEvent): boolean {
  const origin = EventRecord.originOf(event)
  return origin === 'self' || origin === 'self_span'
}

/**
 * True for the start, success and error events of `span()`: their `scope` is the span they open or end.
 * The scope of any other event is the span around it.
 */
export function isSpanBoundary(event: TelemetryEvent): boolean {
  const origin = EventRecord.originOf(event)
  return origin === 'span' || origin === 'self_span'
}

/** Makes records. Never throws: what cannot be recorded is told to `onDrop`, and undefined comes back. */
export interface Recorder {
  /**
   * The snapshot of what was emitted. `scopes`: where the emitter's scope is found; none has none. Unless it is
   * `timed`, its time may be that of an earlier event of the turn: on many machines a clock costs a quarter of an emit.
   */
  record(
    name: string,
    measurements: unknown,
    metadata: unknown,
    scopes: Scopes | undefined,
    timed: boolean,
    origin: Origin,
    about?: About,
  ): EventRecord | undefined
  /** The usable part of metadata as `[key, value, …]`, of at most `room` keys. */
  capture(metadata: unknown, room: number): unknown[]
  /** The record of fields that were captured before. */
  wrap(
    name: string,
    fields: readonly unknown[],
    metadataStart: number,
    scope: SpanScope,
    origin: Origin,
  ): EventRecord | undefined
  /** What is recorded from now on is of a later turn. */
  endTurn(): void
  readonly sanitized: SanitizedCounts
}

/**
 * Cloned for each event. Of an array literal V8 learns how long its arrays live: after a burst it would make them in the
 * old generation, where each of them, though dead within the turn, lives on until the next full collection.
 */
const noFields: unknown[] = ['']
noFields.length = 0

/** How deeply getters that a recording reads may record in turn. */
const maxRecordings = 8

export function createRecorder(
  clock: Clock,
  maxValueLength: () => number,
  onDrop: (reason: 'recursion' | 'failed') => void,
): Recorder {
  const sanitizer = createSanitizer(maxValueLength)
  let recordings = 0
  /** Of the first event since the last hand-over that is not timed. */
  let latest: number | undefined

  const guarded = <Result>(read: () => Result): Result | undefined => {
    if (recordings >= maxRecordings) {
      onDrop('recursion')
      return undefined
    }
    recordings++
    try {
      return read()
    } catch {
      // A clock that throws, a stack that is full.
      onDrop('failed')
      return undefined
    } finally {
      recordings--
    }
  }

  return {
    // As `guarded`, written out: this runs per event.
    record: (name, measurements, metadata, scopes, timed, origin, about) => {
      if (recordings >= maxRecordings) {
        onDrop('recursion')
        return undefined
      }
      recordings++
      try {
        if (!timed) latest ??= clock.now()
        const time = timed ? clock.now() : latest!
        const scope = scopes?.current()
        const fields = noFields.slice()
        const measured = sanitizer.measurements(measurements, fields)
        const metadataStart = fields.length
        const valueBytes = measured + sanitizer.metadata(metadata, fields)
        return new EventRecord(name, time, fields, metadataStart, scope, origin, about, valueBytes)
      } catch {
        latest = undefined
        onDrop('failed')
        return undefined
      } finally {
        recordings--
      }
    },
    capture: (metadata, room) => {
      const fields = noFields.slice()
      guarded(() => sanitizer.metadata(metadata, fields, room))
      return fields
    },
    wrap: (name, fields, metadataStart, scope, origin) =>
      guarded(() => new EventRecord(name, clock.now(), fields, metadataStart, scope, origin)),
    endTurn: () => {
      latest = undefined
    },
    sanitized: sanitizer.counts,
  }
}

function bytesWithin(value: object): number {
  const members: unknown[] = Object.values(value)
  return members.length * nestedBytes + bytesOfValues(members, 0, 1)
}

/** What values take beside their places: a byte per character of text, a flat rate per nested value. */
function bytesOfValues(values: readonly unknown[], first = 1, step = 2): number {
  let bytes = 0
  for (let i = first; i < values.length; i += step) {
    const value = values[i]
    if (typeof value === 'string') bytes += value.length
    else if (typeof value === 'object' && value !== null) bytes += bytesWithin(value)
  }
  return bytes
}

/** Bytes that an event takes in memory, about. */
export const bytesOf = (event: TelemetryEvent): number =>
  (event as Partial<EventRecord>).bytes ??
  recordBytes + event.name.length + event.fields.length * placeBytes + bytesOfValues(event.fields)
