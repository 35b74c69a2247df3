import type { Link, SpanContext } from '@opentelemetry/api'
import { createTraceState } from '@opentelemetry/api'
import { resourceFromAttributes } from '@opentelemetry/resources'
import type { ReadableSpan } from '@opentelemetry/sdk-trace'
import type { EncoderOptions } from '../../../src/exporters/otel/encode/encode.ts'
import type { FlatAttributes, SpanRecord, TraceId } from '../../../src/exporters/otel/span-record.ts'

// What the SDK would hand to the package's serializer for the same spans.

const hex = (...words: number[]): string =>
  words.map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('')

const traceIdOf = ({ w0, w1, w2, w3 }: TraceId): string => hex(w0, w1, w2, w3)

function hrTime(time: number): [number, number] {
  const ms = Math.floor(time)
  const nanos = BigInt(ms) * 1_000_000n + BigInt(Math.round((time - ms) * 1e6))
  return [Number(nanos / 1_000_000_000n), Number(nanos % 1_000_000_000n)]
}

export function unflatten(attributes: FlatAttributes): Record<string, never> {
  const pairs: [string, never][] = []
  for (let i = 0; i < attributes.length; i += 2)
    pairs.push([attributes[i] as string, attributes[i + 1] as never])
  return Object.fromEntries(pairs)
}

/** A trace state that says exactly this text, also when it is none that a W3C parser would keep. */
const traceStateOf = (text: string) =>
  text === '' ? undefined : Object.assign(createTraceState(), { serialize: () => text })

const contextOf = (traceId: string, spanId: string, flags: number, traceState: string): SpanContext => ({
  traceId,
  spanId,
  traceFlags: flags & 0xff,
  isRemote: (flags & 0x200) !== 0,
  traceState: traceStateOf(traceState),
})

export function toReadableSpans(records: readonly SpanRecord[], options: EncoderOptions): ReadableSpan[] {
  const resource = resourceFromAttributes(options.resource.attributes as never, {
    schemaUrl: options.resource.schemaUrl,
  })
  const instrumentationScope = { ...options.scope } as ReadableSpan['instrumentationScope']
  return records.map((record): ReadableSpan => {
    const traceId = traceIdOf(record.traceId)
    const own = contextOf(
      traceId,
      hex(record.spanHigh, record.spanLow),
      record.flags & ~0x200,
      record.traceState,
    )
    const root = record.parentHigh === 0 && record.parentLow === 0
    return {
      name: record.name,
      kind: record.kind - 1,
      spanContext: () => own,
      parentSpanContext: root
        ? undefined
        : contextOf(traceId, hex(record.parentHigh, record.parentLow), record.flags, ''),
      startTime: hrTime(record.startTime),
      endTime: hrTime(record.endTime),
      duration: hrTime(record.endTime - record.startTime),
      status: { code: record.statusCode, message: record.statusMessage },
      attributes: unflatten(record.attributes),
      links: record.links.map(
        (link): Link => ({
          context: contextOf(
            traceIdOf(link.traceId),
            hex(link.spanHigh, link.spanLow),
            link.flags,
            link.traceState,
          ),
          attributes: unflatten(link.attributes),
          droppedAttributesCount: link.droppedAttributesCount,
        }),
      ),
      events: record.events.map((event) => ({
        name: event.name,
        time: hrTime(event.time),
        attributes: unflatten(event.attributes),
        droppedAttributesCount: event.droppedAttributesCount,
      })),
      ended: true,
      resource,
      instrumentationScope,
      droppedAttributesCount: record.droppedAttributesCount,
      droppedEventsCount: record.droppedEventsCount,
      droppedLinksCount: record.droppedLinksCount,
    }
  })
}
