import { SpanKind, SpanStatusCode, TraceFlags } from '@opentelemetry/api'
import type { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer'
import { resourceFromAttributes } from '@opentelemetry/resources'

export type ReadableSpan = Parameters<typeof ProtobufTraceSerializer.serializeRequest>[0][number]

const resource = resourceFromAttributes({ 'service.name': 'a test', 'host.cpus': 2 })
const instrumentationScope = { name: 'telemachine-test', version: '1.2.3' }
let ids = 0

/** A finished span of the OpenTelemetry SDK, as its serializers take it. */
export function spanOf(given: Partial<ReadableSpan> = {}): ReadableSpan {
  ids += 1
  const spanId = ids.toString(16).padStart(16, '0')
  return {
    name: 'a span',
    kind: SpanKind.INTERNAL,
    spanContext: () => ({ traceId: `${spanId}${spanId}`, spanId, traceFlags: TraceFlags.SAMPLED }),
    startTime: [1_700_000_000, 1],
    endTime: [1_700_000_001, 999_999_999],
    status: { code: SpanStatusCode.UNSET },
    attributes: {},
    links: [],
    events: [],
    duration: [1, 999_999_998],
    ended: true,
    resource,
    instrumentationScope,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
    ...given,
  }
}
