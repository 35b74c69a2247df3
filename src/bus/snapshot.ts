import type { Clock } from '../clock.ts'
import type { SpanScope } from './event.ts'
import { type About, EventRecord, type Origin } from './event-record.ts'
import { type FieldRoom, newFields } from './field-room.ts'
import { createSanitizer, type SanitizedCounts } from './sanitize.ts'
import type { Scopes } from './scope.ts'

export {
  type About,
  bytesOf,
  EventRecord,
  isSelfTelemetry,
  isSpanBoundary,
  measured,
  type Origin,
  shownEvent,
} from './event-record.ts'

/** Makes records. Never throws: what cannot be recorded is told to `onDrop`, and undefined comes back. */
export interface Recorder {
  /**
   * The snapshot of what was emitted. `scopes`: where the emitter's scope is found; none has none. Unless it is
   * `timed`, its time may be that of an earlier event of the turn: on many machines a clock costs a quarter of an emit.
   * `room`: of the events like this one.
   */
  record(
    name: string,
    measurements: unknown,
    metadata: unknown,
    scopes: Scopes | undefined,
    timed: boolean,
    origin: Origin,
    about?: About,
    room?: FieldRoom,
  ): EventRecord | undefined
  /** Appends the usable part of metadata, at most `room` keys, to `fields`. Returns about how many bytes it takes. */
  capture(metadata: unknown, fields: unknown[], room: number): number
  /** The record of fields that were captured before. `time`: default now. */
  wrap(
    name: string,
    fields: readonly unknown[],
    metadataStart: number,
    scope: SpanScope,
    origin: Origin,
    bytes: number,
    time?: number,
  ): EventRecord | undefined
  /** Ends the turn: later events get a time of their own. */
  endTurn(): void
  readonly sanitized: SanitizedCounts
}

/** How deeply getters that a recording reads may record in turn. */
const maxRecordings = 8

export function createEventRecorder(
  clock: Clock,
  maxValueLength: () => number,
  onDrop: (reason: 'recursion' | 'failed') => void,
): Recorder {
  const sanitizer = createSanitizer(maxValueLength)
  let recordings = 0
  /** Time of the first untimed event since the last hand-over. */
  let latest: number | undefined

  return {
    record: (name, measurements, metadata, scopes, timed, origin, about, room) => {
      if (recordings >= maxRecordings) {
        onDrop('recursion')
        return undefined
      }
      recordings++
      try {
        if (!timed) latest ??= clock.now()
        const time = timed ? clock.now() : latest!
        const scope = scopes?.current()
        const fields = room === undefined ? newFields() : room.newFields()
        let bytes = sanitizer.measurements(measurements, fields, 0)
        const metadataStart = sanitizer.end
        bytes += sanitizer.metadata(metadata, fields, metadataStart)
        const { end } = sanitizer
        if (fields.length > end) fields.length = end
        room?.learn(end)
        return new EventRecord(name, time, fields, metadataStart, scope, origin, bytes, about)
      } catch {
        // A clock that throws, a stack that is full.
        latest = undefined
        onDrop('failed')
        return undefined
      } finally {
        recordings--
      }
    },
    capture: (metadata, fields, room) => {
      if (recordings >= maxRecordings) {
        onDrop('recursion')
        return 0
      }
      recordings++
      try {
        return sanitizer.metadata(metadata, fields, fields.length, room)
      } catch {
        onDrop('failed')
        return 0
      } finally {
        recordings--
      }
    },
    wrap: (name, fields, metadataStart, scope, origin, bytes, time) => {
      if (recordings >= maxRecordings) {
        onDrop('recursion')
        return undefined
      }
      try {
        return new EventRecord(name, time ?? clock.now(), fields, metadataStart, scope, origin, bytes)
      } catch {
        onDrop('failed')
        return undefined
      }
    },
    endTurn: () => {
      latest = undefined
    },
    sanitized: sanitizer.counts,
  }
}
