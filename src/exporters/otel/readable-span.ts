import type { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { traceHex, wordHex } from '../../bus/trace-id.ts'
import type { SpanOrigin } from './resource.ts'
import type { FlatAttributes, SpanRecord } from './span-record.ts'

/** OpenTelemetry's ReadableSpan, of the version that the package was built with. */
export type ReadableSpan = Parameters<OTLPTraceExporter['export']>[0][number]
type TraceState = NonNullable<ReturnType<ReadableSpan['spanContext']>['traceState']>

/** Makes what the package's serializer reads of a span; resource and scope objects are shared. */
export function createReadableSpans({ resource, scope }: SpanOrigin): (record: SpanRecord) => ReadableSpan {
  const sharedResource = resource as ReadableSpan['resource']

  return (record) => {
    const traceId = traceHex(record.traceId)
    const context = {
      traceId,
      spanId: wordHex(record.spanHigh) + wordHex(record.spanLow),
      traceFlags: record.flags & 0xff,
      ...(record.traceState !== '' && { traceState: stateOf(record.traceState) }),
    }
    const isRoot = (record.parentHigh | record.parentLow) === 0
    return {
      name: record.name,
      kind: record.kind - 1,
      spanContext: () => context,
      ...(!isRoot && {
        parentSpanContext: {
          traceId,
          spanId: wordHex(record.parentHigh) + wordHex(record.parentLow),
          traceFlags: 1,
          isRemote: (record.flags & 0x200) !== 0,
        },
      }),
      startTime: hrTime(record.startTime),
      endTime: hrTime(record.endTime),
      duration: hrTime(record.endTime - record.startTime),
      ended: true,
      attributes: objectOf(record.attributes),
      droppedAttributesCount: record.droppedAttributesCount,
      events: record.events.map((event) => ({
        name: event.name,
        time: hrTime(event.time),
        attributes: objectOf(event.attributes),
        droppedAttributesCount: event.droppedAttributesCount,
      })),
      droppedEventsCount: record.droppedEventsCount,
      links: record.links.map((link) => ({
        context: {
          traceId: traceHex(link.traceId),
          spanId: wordHex(link.spanHigh) + wordHex(link.spanLow),
          traceFlags: link.flags & 0xff,
          isRemote: (link.flags & 0x200) !== 0,
          ...(link.traceState !== '' && { traceState: stateOf(link.traceState) }),
        },
        attributes: objectOf(link.attributes),
        droppedAttributesCount: link.droppedAttributesCount,
      })),
      droppedLinksCount: record.droppedLinksCount,
      status: {
        code: record.statusCode,
        ...(record.statusMessage !== '' && { message: record.statusMessage }),
      },
      resource: sharedResource,
      instrumentationScope: scope,
    } as ReadableSpan
  }
}

/** `[seconds, nanoseconds]`; see {@link SpanRecord} for why this is exact. */
export function hrTime(time: number): [number, number] {
  const ms = Math.floor(time)
  const seconds = Math.floor(ms / 1000)
  const nanos = (ms % 1000) * 1e6 + Math.round((time - ms) * 1e6)
  return nanos < 1e9 ? [seconds, nanos] : [seconds + 1, nanos - 1e9]
}

/** Without a prototype: a key may be called `__proto__`. */
function objectOf(attributes: FlatAttributes): Record<string, unknown> {
  const object: Record<string, unknown> = Object.create(null)
  for (let i = 0; i < attributes.length; i += 2) object[attributes[i] as string] = attributes[i + 1]
  return object
}

/** Only its text is read. */
const stateOf = (text: string): TraceState => ({ serialize: () => text }) as TraceState
