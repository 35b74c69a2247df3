import { deserialize, serialize } from 'node:v8'
import { ErrorSnapshot, type TelemetryEvent } from '../bus/event.ts'
import { EventRecord, shownEvent } from '../bus/event-record.ts'

/** Name, time, fields and the place where metadata begins. */
type Packed = readonly [name: string, time: number, fields: readonly unknown[], metadataStart: number]

/** Makes a Map of an Error, which would lose its class on the way: metadata has no others. */
const flat = (value: unknown): unknown => {
  if (value instanceof ErrorSnapshot) return new Map(Object.entries(value))
  if (Array.isArray(value)) return value.map(flat)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, flat(inner)]))
}

const whole = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(whole)
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Map)
    return new ErrorSnapshot(value.get('type'), value.get('message'), value.get('stack'))
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, whole(inner)]))
}

/** For exporters whose items are events: {@link ExporterDefinition.pack}. Scopes are left out. */
export const packEvents = (events: readonly TelemetryEvent[]): Buffer =>
  serialize(
    events.map(
      ({ name, time, fields, metadataStart }): Packed => [name, time, fields.map(flat), metadataStart],
    ),
  )

/** The events that were packed. */
export const unpackEvents = (packed: Buffer): readonly TelemetryEvent[] =>
  (deserialize(packed) as readonly Packed[]).map(([name, time, fields, metadataStart]) =>
    shownEvent(new EventRecord(name, time, fields.map(whole), metadataStart, undefined, 'caller')),
  )
