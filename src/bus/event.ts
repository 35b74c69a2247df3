/**
 * A telemetry event, as handlers, the mock and drivers see it: a snapshot of what was emitted.
 * `time` is epoch milliseconds, taken on the turn that called `emit`.
 */
export interface TelemetryEvent {
  readonly name: string
  readonly time: number
  /**
   * Measurements, then metadata, flattened as `[key, value, key, value, …]`; metadata begins at
   * `metadataStart`. Drivers walk this: it is the only allocation an event carries.
   * Values are strings, booleans, numbers (any number: NaN and infinities too), null, Error snapshots
   * ({@link ErrorSnapshot}), or arrays and plain objects of these.
   */
  readonly fields: readonly unknown[]
  readonly metadataStart: number
  /** The measurements as a frozen plain object. */
  readonly measurements: Readonly<Record<string, number>>
  /** The metadata as a frozen plain object. */
  readonly metadata: Readonly<Record<string, unknown>>
  /** The innermost `span()` around the `emit` of this event, or that this event opens or ends. */
  readonly scope?: SpanScope | undefined
}

/** A snapshot of an Error found in metadata. */
export class ErrorSnapshot {
  readonly type: string
  readonly message: string
  readonly stack: string | undefined
  constructor(type: string, message: string, stack: string | undefined) {
    this.type = type
    this.message = message
    this.stack = stack
  }
}

/** The place of a `span()` in its trace: W3C ids as lower-case hex. */
export interface SpanScope {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string | undefined
  /** W3C trace flags; bit 0 is sampled. Undefined: the trace began here, and each exporter decides by its own rate. */
  readonly traceFlags?: number | undefined
  /** The sampled flag of outgoing requests while `traceFlags` is undefined: set if an exporter samples the trace. */
  readonly announcedFlags?: number | undefined
  /** The parent is in another process. */
  readonly parentIsRemote?: boolean | undefined
  /** The span itself is in another process: an ambient context that was received and not continued. */
  readonly isRemote?: boolean | undefined
  readonly traceState?: string | undefined
  /** The name the span was opened with: its start event is `<name>.start`. */
  readonly name: string
}

/** Metadata value of `key`, or undefined; own keys only. */
export function metadataValue(event: TelemetryEvent, key: string): unknown {
  const { fields } = event
  for (let i = event.metadataStart; i < fields.length; i += 2) if (fields[i] === key) return fields[i + 1]
  return undefined
}

/** Measurement of `key`, or undefined. */
export function measurementValue(event: TelemetryEvent, key: string): unknown {
  const { fields, metadataStart } = event
  for (let i = 0; i < metadataStart; i += 2) if (fields[i] === key) return fields[i + 1]
  return undefined
}
