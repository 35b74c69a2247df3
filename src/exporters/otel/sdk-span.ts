import { CarrierEvent } from '../../bus/carrier-event.ts'
import type { TelemetryEvent } from '../../bus/event.ts'
import { readSpanId, readTraceId } from '../../bus/trace-id.ts'
import { TelemetryError } from '../../errors.ts'
import type { ReadableSpan } from './readable-span.ts'
import { sizeOfItem } from './spans/size.ts'

/** A finished span of an OpenTelemetry SDK on its way to one exporter. {@link sdkSpanOf} gets it back. */
export class SdkSpanEvent extends CarrierEvent<ReadableSpan> {
  readonly name = 'opentelemetry.span'

  protected sizeOf(span: ReadableSpan): number {
    return sizeOfItem(span)
  }
}

/** The SDK's span that an event carries, as the SDK made it. For drivers with `takesSdkSpans`. */
export const sdkSpanOf = (event: TelemetryEvent): ReadableSpan | undefined => SdkSpanEvent.carriedBy(event)

/** Throws a TelemetryError `SPAN_INVALID` for what cannot be sent as a span. */
export function checkSdkSpan(span: ReadableSpan): void {
  const { traceId, spanId } = span.spanContext()
  const { spanId: parentId } = span.parentSpanContext ?? {}
  for (const [what, valid] of [
    ['trace id', isTraceId(traceId)],
    ['span id', isSpanId(spanId)],
    ['parent span id', !parentId || isSpanId(parentId)],
    ['name', typeof span.name === 'string'],
    ['start time', isTime(span.startTime)],
    ['end time', isTime(span.endTime)],
    ['event time', span.events.every(({ time }) => isTime(time))],
    ['link', span.links.every(({ context }) => isSpanId(context.spanId) && isTraceId(context.traceId))],
    ['resource', typeof span.resource?.attributes === 'object'],
    ['instrumentation scope', typeof span.instrumentationScope?.name === 'string'],
  ] as const)
    if (!valid) throw new TelemetryError('SPAN_INVALID', `the ${what} of a finished span is not valid`)
}

const isTraceId = (id: string): boolean => id.length === 32 && readTraceId(id, 0) !== undefined
const isSpanId = (id: string): boolean => id.length === 16 && readSpanId(id, 0)

/** `[seconds, nanoseconds]` since 1970, within 64 bits. Fractions of a nanosecond, which floats leave, are rounded. */
const isTime = ([seconds, nanoseconds]: readonly number[]): boolean =>
  Number.isInteger(seconds) &&
  seconds! >= 0 &&
  seconds! < 2 ** 34 &&
  Number.isFinite(nanoseconds) &&
  nanoseconds! >= 0 &&
  nanoseconds! <= 1e9
