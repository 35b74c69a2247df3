// The same operations through OpenTelemetry's SDK and through telemachine, decoded at a backend and compared field by
// field. Each difference is named here and explained in docs/opentelemetry.md; there are no others.
import assert from 'node:assert/strict'
import * as api from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import {
  defaultResource,
  detectResources,
  envDetector,
  hostDetector,
  processDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources'
import { SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { createTelemetry } from '../../src/index.ts'
import { createBackend, type ReceivedSpan } from '../../src/testing/index.ts'
import { quietLogger } from '../support/quiet-logger.ts'

const traceId = '0af7651916cd43dd8448eb211c80319c'
const remoteSpan = 'b7ad6b7169203331'
const linked = '00f067aa0ba902b7'
const failure = new TypeError('no such table')
const values = {
  text: 'é 😀',
  integer: 42,
  double: 1.5,
  large: 2 ** 53,
  flag: true,
  texts: ['a', 'b'],
  numbers: [1, 2.5],
  'dotted.key': 'x',
}

async function throughTheSdk(url: string): Promise<void> {
  const detected = detectResources({ detectors: [processDetector, hostDetector, envDetector] })
  const resource = defaultResource()
    .merge(detected)
    .merge(resourceFromAttributes({ 'service.name': 'shop' }))
  const provider = new TracerProvider({
    resource,
    spanProcessors: [new SimpleSpanProcessor({ exporter: new OTLPTraceExporter({ url }) })],
  })
  const tracer = provider.getTracer('shop', '1')
  const remote = api.trace.setSpanContext(api.ROOT_CONTEXT, {
    traceId,
    spanId: remoteSpan,
    traceFlags: 1,
    isRemote: true,
    traceState: api.createTraceState('a=1,b=2'),
  })
  const link = {
    context: { traceId, spanId: linked, traceFlags: 1, isRemote: true },
    attributes: { why: 'retry' },
  }
  const request = tracer.startSpan(
    'request',
    { kind: api.SpanKind.SERVER, attributes: values, links: [link] },
    remote,
  )
  const query = tracer.startSpan('query', { kind: api.SpanKind.CLIENT }, api.trace.setSpan(remote, request))
  query.recordException(failure)
  query.setStatus({ code: api.SpanStatusCode.ERROR, message: failure.message })
  query.end()
  request.end()
  await provider.forceFlush()
  await provider.shutdown()
}

async function throughTelemachine(endpoint: string, client: 'native' | 'package'): Promise<void> {
  const telemetry = createTelemetry({
    logger: quietLogger,
    drainOnExit: false,
    config: { env: {}, init: { otel: { endpoint, client, service_name: 'shop' } } },
  })
  await telemetry.start()
  const metadata = {
    correlation_id: 7,
    traceparent: `00-${traceId}-${remoteSpan}-01`,
    tracestate: 'a=1,b=2',
    span_kind: 'server',
    links: [{ traceparent: `00-${traceId}-${linked}-01`, attributes: { why: 'retry' } }],
    ...values,
  }
  telemetry.span('request', metadata, () => {
    telemetry.emit('query.start', {}, { correlation_id: 7, span_kind: 'client' })
    telemetry.emit('query.error', { duration_ms: 3 }, { correlation_id: 7, error: failure })
  })
  await telemetry.flush()
  await telemetry.stop()
}

/** Ids as the names of the spans they belong to, times as whether they are sound. */
function comparable(spans: readonly ReceivedSpan[]): Record<string, unknown> {
  const names = new Map(spans.map(({ spanId, name }) => [spanId, name]))
  const now = BigInt(Date.now()) * 1_000_000n
  const recent = (time: bigint): boolean => time <= now + 1_000_000n && time > now - 60_000_000_000n
  return Object.fromEntries(
    spans.map(({ spanId, startTimeUnixNano: start, endTimeUnixNano: end, events, ...span }) => [
      span.name,
      {
        ...span,
        idIsUnique: spanId.length === 16 && names.size === spans.length,
        parentSpanId: names.get(span.parentSpanId) ?? span.parentSpanId,
        timesAreSound: recent(start) && recent(end) && start <= end,
        events: events.map(({ timeUnixNano, ...event }) => ({
          ...event,
          timeIsInside: timeUnixNano >= start && timeUnixNano <= end,
        })),
      },
    ]),
  )
}

/** Paths at which two values differ, with what is on either side. */
function differences(sdk: unknown, ours: unknown, path = ''): string[] {
  const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null
  if (isObject(sdk) && isObject(ours)) {
    const keys = new Set([...Object.keys(sdk), ...Object.keys(ours)])
    return [...keys].flatMap((key) => {
      const name = path === '' ? key : `${path} ${key}`
      if (!Object.hasOwn(sdk, key)) return [`${name}: only ours`]
      if (!Object.hasOwn(ours, key)) return [`${name}: only the SDK's`]
      return differences(sdk[key as never], ours[key as never], name)
    })
  }
  return Object.is(sdk, ours) ? [] : [`${path}: differs`]
}

/** As docs/opentelemetry.md explains them. */
const explained = [
  'request attributes correlation_id: only ours',
  'request attributes duration_ms: only ours',
  'request scope name: differs',
  'request scope version: differs',
  'query attributes correlation_id: only ours',
  'query attributes duration_ms: only ours',
  'query scope name: differs',
  'query scope version: differs',
]

for (const client of ['native', 'package'] as const)
  describe(`what the ${client} client sends, beside OpenTelemetry's SDK`, () => {
    it('differs in nothing but what is explained', async () => {
      const [theirs, ours] = [createBackend(), createBackend()]
      await Promise.all([theirs.listen(), ours.listen()])
      try {
        await throughTheSdk(theirs.url)
        await throughTelemachine(ours.url, client)
        assert.deepEqual([theirs.spanCount, ours.spanCount], [2, 2])
        const found = differences(comparable(theirs.spans), comparable(ours.spans))
        assert.deepEqual(found.toSorted(), explained.toSorted())
      } finally {
        await Promise.all([theirs.close(), ours.close()])
      }
    })
  })
