import assert from 'node:assert/strict'
import { ErrorSnapshot, type SpanScope, type TelemetryEvent } from '../../../src/bus/event.ts'
import { EventRecord, type Origin } from '../../../src/bus/snapshot.ts'
import { spanHex, traceHex } from '../../../src/bus/trace-id.ts'
import type { DropReason } from '../../../src/exporters/drop-reasons.ts'
import type { Config } from '../../../src/exporters/exporter.ts'
import { decodeSpan } from '../../../src/exporters/otel/decode.ts'
import type { EncodedItem } from '../../../src/exporters/otel/encoded-item.ts'
import {
  createSpanState,
  expireSpans,
  ingestSpanEvent,
  type SpanSink,
} from '../../../src/exporters/otel/ingest.ts'
import { type OtelConfig, otelSchema } from '../../../src/exporters/otel/schema.ts'
import type { SpanRecord } from '../../../src/exporters/otel/span-record.ts'

export const startOfTime = 1_700_000_000_000

/** The defaults of the otel exporter's own keys, and `max_request_bytes`. */
export const otelConfig = (changes: Config = {}) =>
  ({
    max_request_bytes: 4 * 1024 * 1024,
    ...Object.fromEntries(Object.entries(otelSchema).map(([key, { default: value }]) => [key, value])),
    ...changes,
  }) as unknown as OtelConfig

const flat = (fields: object): unknown[] =>
  Object.entries(fields).flatMap(([key, value]) => [
    key,
    value instanceof Error ? new ErrorSnapshot(value.name, value.message, value.stack) : value,
  ])

export function eventOf(
  name: string,
  measurements: object,
  metadata: object,
  time: number,
  scope?: SpanScope,
  origin: Origin = boundaryOf(name, scope) ? 'span' : 'caller',
): TelemetryEvent {
  const head = flat(measurements)
  return new EventRecord(name, time, [...head, ...flat(metadata)], head.length, scope, origin)
}

/** As `span()` names its own events. */
const boundaryOf = (name: string, scope: SpanScope | undefined): boolean =>
  scope !== undefined && scope.name !== '' && name.slice(0, name.lastIndexOf('.')) === scope.name

/** A finished span as a reader likes it: hex ids, attributes as an object. */
export interface ShownSpan extends Omit<SpanRecord, 'traceId' | 'attributes'> {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string
  readonly attributes: Readonly<Record<string, unknown>>
  readonly record: SpanRecord
}

export const shown = (record: SpanRecord): ShownSpan => ({
  ...record,
  traceId: traceHex(record.traceId),
  spanId: spanHex(record.spanHigh, record.spanLow),
  parentSpanId:
    (record.parentHigh | record.parentLow) === 0 ? '' : spanHex(record.parentHigh, record.parentLow),
  attributes: attributesOf(record.attributes),
  record,
})

export function attributesOf(flatAttributes: readonly unknown[]): Record<string, unknown> {
  const attributes: Record<string, unknown> = {}
  for (let i = 0; i < flatAttributes.length; i += 2)
    Object.defineProperty(attributes, flatAttributes[i] as string, {
      value: flatAttributes[i + 1],
      enumerable: true,
      configurable: true,
    })
  return attributes
}

/**
 * Plays the unit around the driver: weights go where the contract of `Sink` says, and the ledger must add up after
 * every event.
 */
export function driveSpans(changes: Config = {}) {
  let config = otelConfig(changes)
  const state = createSpanState()
  const items: SpanRecord[] = []
  const dropped = new Map<DropReason, number>()
  let now = startOfTime
  let accepted = 0
  let delivered = 0
  let held = 0
  let ofEvent = 0
  let full = false
  const heldBytes: number[] = []

  const take = (weight: number): void => {
    const fromEvent = Math.min(weight, ofEvent)
    ofEvent -= fromEvent
    held -= weight - fromEvent
    assert.ok(held >= 0, 'released more than was held')
  }
  const sink: SpanSink = {
    state,
    get config() {
      return config
    },
    get now() {
      return now
    },
    get monotonic() {
      return now - startOfTime
    },
    item: (item, weight = 1) => {
      const record = decodeSpan(item as EncodedItem)
      take(weight)
      delivered += weight
      items.push(record)
      return true
    },
    hold: (bytes = 0) => {
      assert.equal(ofEvent, 1, 'an event is held once, before anything else becomes of it')
      if (full) {
        sink.drop('queue_full')
        return false
      }
      ofEvent = 0
      held++
      heldBytes.push(bytes)
      return true
    },
    drop: (reason, weight = 1) => {
      take(weight)
      dropped.set(reason, (dropped.get(reason) ?? 0) + weight)
    },
  }
  const totalDropped = (): number => [...dropped.values()].reduce((sum, weight) => sum + weight, 0)
  const addsUp = (): void => {
    assert.equal(ofEvent, 0, 'an event was not accounted')
    assert.equal(delivered + held + totalDropped(), accepted)
  }

  return {
    state,
    /** Inside `scope`; as the `span()` itself, unless the name or `origin` says otherwise. */
    emit(
      name: string,
      metadata: object = {},
      measurements: object = {},
      scope?: SpanScope,
      origin?: Origin,
    ): void {
      accepted++
      ofEvent = 1
      ingestSpanEvent(eventOf(name, measurements, metadata, now, scope, origin), sink)
      addsUp()
    },
    /** Moves the time and lets the exporter tick. */
    pass(ms: number): void {
      now += ms
      expireSpans(sink)
      addsUp()
    },
    configure(more: Config): void {
      config = { ...config, ...more }
    },
    get items() {
      return items
    },
    get spans(): ShownSpan[] {
      return items.map(shown)
    },
    /** The one finished span of a name. */
    span(name: string): ShownSpan {
      const found = items.filter((record) => record.name === name)
      assert.equal(found.length, 1, `${found.length} spans named ${name}`)
      return shown(found[0]!)
    },
    get dropped(): Readonly<Record<string, number>> {
      return Object.fromEntries(dropped)
    },
    get held() {
      return held
    },
    /** What each `hold` said, in order. */
    heldBytes,
    /** Whether the queue has no room: a start is not held. */
    set full(value: boolean) {
      full = value
    },
  }
}

let scopes = 0

/** A scope as `span()` makes it; a child of `parent`. */
export function scopeOf(name: string, parent?: SpanScope, more: Partial<SpanScope> = {}): SpanScope {
  const n = (++scopes).toString(16)
  return {
    name,
    traceId: parent?.traceId ?? `a${n.padStart(31, '0')}`,
    spanId: `b${n.padStart(15, '0')}`,
    parentSpanId: parent?.spanId,
    traceFlags: parent?.traceFlags,
    ...more,
  }
}
