import { deserialize, serialize } from 'node:v8'
import { ErrorSnapshot, type TelemetryEvent } from '../bus/event.ts'
import { EventRecord, shownEvent } from '../bus/event-record.ts'

/** Name, time, fields and the place where metadata begins. */
type Packed = readonly [name: string, time: number, fields: readonly unknown[], metadataStart: number]

/** An Error loses its class on the way. */
const errorKey = 'telemachine error'

const flat = (value: unknown): unknown => {
  if (value instanceof ErrorSnapshot) return { [errorKey]: [value.type, value.message, value.stack] }
  if (Array.isArray(value)) return value.map(flat)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, flat(inner)]))
}

const whole = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(whole)
  if (typeof value !== 'object' || value === null) return value
  const { [errorKey]: error } = value as { [errorKey]?: ConstructorParameters<typeof ErrorSnapshot> }
  if (error !== undefined) return new ErrorSnapshot(...error)
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
