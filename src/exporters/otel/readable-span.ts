import type { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { spanHex, traceHex } from '../../bus/trace-id.ts'
import type { SpanOrigin } from './resource.ts'
import type { FlatAttributes, SpanEvent, SpanLink, SpanRecord } from './span-record.ts'

/** OpenTelemetry's ReadableSpan, of the version that the package was built with. */
export type ReadableSpan = Parameters<OTLPTraceExporter['export']>[0][number]
type TraceState = NonNullable<ReturnType<ReadableSpan['spanContext']>['traceState']>

type SpanContext = ReturnType<ReadableSpan['spanContext']>

/** Makes what the package's serializer reads of a span; resource and scope objects are shared. */
export function createReadableSpans({ resource, scope }: SpanOrigin): (record: SpanRecord) => ReadableSpan {
  return (record) => new RecordedSpan(record, resource as ReadableSpan['resource'], scope)
}

const sampled = 1

class RecordedSpan implements ReadableSpan {
  declare readonly name: string
  declare readonly kind: number
  declare readonly context: SpanContext
  declare readonly parentSpanContext: SpanContext | undefined
  declare readonly startTime: [number, number]
  declare readonly endTime: [number, number]
  declare readonly ended: true
  declare readonly attributes: ReadableSpan['attributes']
  declare readonly droppedAttributesCount: number
  declare readonly events: ReadableSpan['events']
  declare readonly droppedEventsCount: number
  declare readonly links: ReadableSpan['links']
  declare readonly droppedLinksCount: number
  declare readonly status: ReadableSpan['status']
  declare readonly resource: ReadableSpan['resource']
  declare readonly instrumentationScope: ReadableSpan['instrumentationScope']

  constructor(
    record: SpanRecord,
    resource: ReadableSpan['resource'],
    scope: ReadableSpan['instrumentationScope'],
  ) {
    const traceId = traceHex(record.traceId)
    const isRoot = (record.parentHigh | record.parentLow) === 0
    this.name = record.name
    this.kind = record.kind - 1
    this.context = {
      traceId,
      spanId: spanHex(record.spanHigh, record.spanLow),
      traceFlags: record.flags & 0xff,
      traceState: stateOf(record.traceState),
    }
    this.parentSpanContext = isRoot
      ? undefined
      : {
          traceId,
          spanId: spanHex(record.parentHigh, record.parentLow),
          traceFlags: sampled,
          isRemote: (record.flags & 0x200) !== 0,
        }
    this.startTime = hrTime(record.startTime)
    this.endTime = hrTime(record.endTime)
    this.ended = true
    this.attributes = objectOf(record.attributes)
    this.droppedAttributesCount = record.droppedAttributesCount
    this.events = record.events.length === 0 ? noEvents : record.events.map(eventOf)
    this.droppedEventsCount = record.droppedEventsCount
    this.links = record.links.length === 0 ? noLinks : record.links.map(linkOf)
    this.droppedLinksCount = record.droppedLinksCount
    this.status =
      record.statusMessage === ''
        ? { code: record.statusCode }
        : { code: record.statusCode, message: record.statusMessage }
    this.resource = resource
    this.instrumentationScope = scope
  }

  spanContext(): SpanContext {
    return this.context
  }

  get duration(): [number, number] {
    const seconds = this.endTime[0] - this.startTime[0]
    const nanos = this.endTime[1] - this.startTime[1]
    return nanos < 0 ? [seconds - 1, nanos + 1e9] : [seconds, nanos]
  }
}

const noEvents: ReadableSpan['events'] = []
const noLinks: ReadableSpan['links'] = []

const eventOf = (event: SpanEvent): ReadableSpan['events'][number] => ({
  name: event.name,
  time: hrTime(event.time),
  attributes: objectOf(event.attributes),
  droppedAttributesCount: event.droppedAttributesCount,
})

const linkOf = (link: SpanLink): ReadableSpan['links'][number] => ({
  context: {
    traceId: traceHex(link.traceId),
    spanId: spanHex(link.spanHigh, link.spanLow),
    traceFlags: link.flags & 0xff,
    isRemote: (link.flags & 0x200) !== 0,
    traceState: stateOf(link.traceState),
  },
  attributes: objectOf(link.attributes),
  droppedAttributesCount: link.droppedAttributesCount,
})

/** `[seconds, nanoseconds]`; see {@link SpanRecord} for why this is exact. */
export function hrTime(time: number): [number, number] {
  const ms = Math.floor(time)
  const seconds = Math.floor(ms / 1000)
  const nanos = (ms % 1000) * 1e6 + Math.round((time - ms) * 1e6)
  return nanos < 1e9 ? [seconds, nanos] : [seconds + 1, nanos - 1e9]
}

/** A plain object, whose keys V8 enumerates by its shape: one without a prototype is a hash table. */
function objectOf(attributes: FlatAttributes): ReadableSpan['attributes'] {
  const object: Record<string, unknown> = {}
  for (let i = 0; i < attributes.length; i += 2) {
    const key = attributes[i] as string
    if (key === '__proto__')
      Object.defineProperty(object, key, { value: attributes[i + 1], enumerable: true })
    else object[key] = attributes[i + 1]
  }
  return object as ReadableSpan['attributes']
}

/** Only its text is read. */
const stateOf = (text: string): TraceState | undefined =>
  text === '' ? undefined : ({ serialize: () => text } as TraceState)
