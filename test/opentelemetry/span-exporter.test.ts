// The drop-in for users of an OpenTelemetry SDK: its finished spans go through a queue, breaker and ledger of ours,
// and arrive as the SDK made them.
import assert from 'node:assert/strict'
import { ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BatchSpanProcessor, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { createTelemetry, mock, otel, prometheus } from '../../src/index.ts'
import { sdkSpanOf, spanExporter } from '../../src/opentelemetry/index.ts'
import { type Backend, createBackend } from '../../src/testing/index.ts'
import { quietLogger } from '../support/quiet-logger.ts'
import { spanOf } from '../testing/spans.ts'

interface Result {
  readonly code: number
  readonly error?: Error & { readonly code?: string }
}

describe('spanExporter', () => {
  let backend: Backend
  const stops: (() => Promise<unknown>)[] = []

  beforeEach(async () => {
    backend = createBackend()
    await backend.listen()
  })
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop()
    await backend.close()
  })

  function system(init: Record<string, Record<string, unknown>> = {}) {
    const telemetry = createTelemetry({
      logger: quietLogger,
      drainOnExit: false,
      types: [otel(), prometheus(), mock()],
      config: { env: {}, init: { otel: { endpoint: backend.url, flush_interval: 0.01 }, ...init } },
    })
    stops.push(() => telemetry.stop())
    return telemetry
  }
  const resultOf = (exporter: ReturnType<typeof spanExporter>, spans = [spanOf()]): Result => {
    let result: Result | undefined
    exporter.export(spans, (given) => {
      result = given
    })
    assert.ok(result, 'export() answers at once')
    return result
  }
  const refusal = (exporter: ReturnType<typeof spanExporter>): string | undefined => {
    const { code, error } = resultOf(exporter)
    assert.equal(code, 1)
    return error?.code
  }

  for (const client of ['native', 'package'])
    it(`carries what an SDK finishes, with its own resource and scope, through the ${client} client`, async () => {
      const telemetry = system({ otel: { endpoint: backend.url, client, service_name: 'ours' } })
      await telemetry.start()
      const provider = new TracerProvider({
        resource: resourceFromAttributes({ 'service.name': 'theirs' }),
        spanProcessors: [new BatchSpanProcessor({ exporter: spanExporter(telemetry) })],
      })
      const tracer = provider.getTracer('cart', '3', { schemaUrl: 'https://s' })
      const parent = tracer.startSpan('parent', { kind: SpanKind.SERVER, attributes: { a: 1 } })
      const child = tracer.startSpan('child', {}, trace.setSpan(ROOT_CONTEXT, parent))
      child.addEvent('e', { b: [true, false] }).end()
      parent.end()
      telemetry.emit('ours.start', {}, { correlation_id: 1 })
      telemetry.emit('ours.success', {}, { correlation_id: 1 })
      await provider.forceFlush()
      await telemetry.flush()
      assert.equal(backend.spanCount, 3)
      const named = (name: string) => backend.spans.find((span) => span.name === name)!
      assert.equal(named('parent').resource?.attributes['service.name'], 'theirs')
      assert.equal(named('parent').scope?.name, 'cart')
      assert.equal(named('parent').kind, 2)
      assert.equal(named('child').parentSpanId, parent.spanContext().spanId)
      assert.deepEqual(named('child').events[0]?.attributes, { b: [true, false] })
      assert.equal(named('ours').resource?.attributes['service.name'], 'ours')
      assert.equal(named('ours').scope?.name, 'telemachine')
      const { accepted, delivered } = telemetry.status().exporters.otel!.ledger
      assert.deepEqual([accepted, delivered], [4, 4])
      await provider.shutdown()
    })

  it('keeps spans over an outage, a change of client and a move of the endpoint', async () => {
    const telemetry = system({
      otel: { endpoint: backend.url, flush_interval: 0.01, reset_timeout: 0.05, drain_timeout: 0.2 },
    })
    await telemetry.start()
    const provider = new TracerProvider({
      spanProcessors: [new SimpleSpanProcessor({ exporter: spanExporter(telemetry, 'otel') })],
    })
    const tracer = provider.getTracer('t')
    backend.fault({ type: 'status', status: 503 })
    for (let i = 0; i < 50; i++) tracer.startSpan(`before ${i}`).end()
    await telemetry.config.put('otel.client', 'package')
    const other = createBackend()
    await other.listen()
    stops.push(() => other.close())
    await telemetry.config.put('otel.endpoint', other.url)
    for (let i = 0; i < 50; i++) tracer.startSpan(`after ${i}`).end()
    await provider.forceFlush()
    await other.waitForSpans(100)
    assert.equal(new Set(other.spans.map((span) => span.name)).size, 100)
    assert.equal(telemetry.status().exporters.otel?.ledger.delivered, 100)
  })

  it('says success when the spans are accepted, before they are delivered', async () => {
    const telemetry = system()
    await telemetry.start()
    backend.fault({ type: 'hang' })
    assert.deepEqual(resultOf(spanExporter(telemetry), [spanOf(), spanOf()]), { code: 0 })
    assert.equal(telemetry.status().exporters.otel?.ledger.accepted, 2)
    backend.cutConnections()
    await backend.clear()
  })

  describe('with a BatchSpanProcessor', () => {
    const batched = async (changes: Record<string, unknown> = {}) => {
      const telemetry = system({
        otel: { endpoint: backend.url, flush_interval: 10, reset_timeout: 0.05, ...changes },
      })
      await telemetry.start()
      const processor = new BatchSpanProcessor({ exporter: spanExporter(telemetry), maxExportBatchSize: 10 })
      const provider = new TracerProvider({ spanProcessors: [processor] })
      stops.push(() => provider.shutdown())
      const end = (count: number): void => {
        for (let i = 0; i < count; i++) provider.getTracer('t').startSpan(`s${i}`).end()
      }
      return { telemetry, provider, end }
    }
    const delivered = ({ telemetry }: Awaited<ReturnType<typeof batched>>): number =>
      telemetry.status().exporters.otel!.ledger.delivered

    it('flushes until the spans are settled, however long the backend takes', async () => {
      const system = await batched()
      backend.fault({ type: 'drip', accepted: true, size: 20, bytes: 1, intervalMs: 5 })
      system.end(25)
      await system.provider.forceFlush()
      assert.deepEqual([delivered(system), backend.spanCount], [25, 25])
    })

    it('flushes over a failure of the backend that passes', async () => {
      const system = await batched()
      backend.fault({ type: 'status', status: 503 }, { times: 1 })
      system.end(3)
      await system.provider.forceFlush()
      assert.equal(delivered(system), 3)
    })

    it('takes spans while the backend hangs, beyond what the processor could queue', async () => {
      const system = await batched()
      backend.fault({ type: 'hang' })
      for (let i = 0; i < 30; i++) {
        system.end(100)
        await new Promise((resolve) => setImmediate(resolve))
      }
      assert.equal(system.telemetry.status().exporters.otel!.ledger.accepted, 3000)
      await backend.clear()
      backend.cutConnections()
    })

    it('reports a flush that ends before the spans are settled', async () => {
      const flushed: unknown[] = []
      const { telemetry } = await batched()
      const flush = telemetry.flush
      telemetry.flush = (options) => {
        flushed.push(options)
        return flush.call(telemetry, { ...options, timeoutMs: 50 })
      }
      const provider = new TracerProvider({
        spanProcessors: [new BatchSpanProcessor({ exporter: spanExporter(telemetry) })],
      })
      backend.fault({ type: 'hang' })
      provider.getTracer('t').startSpan('s').end()
      await assert.rejects(provider.forceFlush(), (errors) => {
        const [error] = errors as [{ code: string; message: string }]
        assert.equal(error.code, 'FLUSH_INCOMPLETE')
        return /"otel".*queued/.test(error.message)
      })
      assert.deepEqual(flushed, [{ exporters: ['otel'], timeoutMs: 30_000 }])
      backend.cutConnections()
      await backend.clear()
      await provider.shutdown()
    })

    it('leaves the length of stack traces as it was', async () => {
      const { stackTraceLimit } = Error
      const system = await batched()
      system.end(3)
      await system.provider.forceFlush()
      assert.equal(Error.stackTraceLimit, stackTraceLimit)
    })
  })

  it('says why not: before the start, unknown, unfit, disabled, shut down, stopped', async () => {
    const telemetry = system({ prometheus: { port: 0 }, mock: {} })
    const exporter = spanExporter(telemetry)
    assert.equal(refusal(exporter), 'EXPORTER_UNKNOWN')
    await telemetry.start()
    assert.equal(refusal(spanExporter(telemetry, 'nobody')), 'EXPORTER_UNKNOWN')
    assert.equal(refusal(spanExporter(telemetry, 'prometheus')), 'EXPORTER_UNFIT')
    assert.equal(refusal(spanExporter(telemetry, 'mock')), 'EXPORTER_UNFIT')
    await telemetry.config.put('otel.enabled', false)
    assert.equal(refusal(exporter), 'STOPPED')
    await telemetry.config.put('otel.enabled', true)
    assert.equal(resultOf(exporter).code, 0)
    await exporter.shutdown()
    assert.equal(refusal(exporter), 'STOPPED')
    assert.equal(backend.spanCount, 1)
    telemetry.emit('still.start', {}, { correlation_id: 1 })
    telemetry.emit('still.success', {}, { correlation_id: 1 })
    await telemetry.flush()
    assert.equal(backend.spanCount, 2, 'telemetry runs on')
    const later = spanExporter(telemetry)
    await telemetry.stop()
    assert.equal(refusal(later), 'STOPPED')
    assert.throws(() => spanExporter({} as never), { code: 'TELEMETRY_INVALID' })
  })

  it('does not mind what other properties a span has', async () => {
    const telemetry = system()
    await telemetry.start()
    const decorated = Object.assign(spanOf({ name: 'decorated' }), { bytes: 1234, start: 0, end: 9 })
    spanExporter(telemetry).export([decorated], () => {})
    telemetry.emit('ours.start', {}, { correlation_id: 1 })
    telemetry.emit('ours.success', {}, { correlation_id: 1 })
    await telemetry.flush()
    assert.deepEqual(backend.spans.map(({ name }) => name).sort(), ['decorated', 'ours'])
    await telemetry.stop()
  })

  it('drops a span that cannot be sent, alone', async () => {
    const telemetry = system()
    await telemetry.start()
    const context = { traceId: 'x'.repeat(32), spanId: '0'.repeat(16), traceFlags: 1 }
    const hostile = [
      spanOf({ spanContext: () => context }),
      spanOf({
        spanContext: () => {
          throw new Error('broken')
        },
      }),
      spanOf({ startTime: [Number.NaN, 0] }),
      spanOf({ name: 7 as never }),
      spanOf({ parentSpanContext: { ...context, spanId: 'short' } }),
      undefined as never,
    ]
    assert.equal(resultOf(spanExporter(telemetry), [...hostile, spanOf({ name: 'fine' })]).code, 0)
    await telemetry.flush()
    assert.deepEqual(
      backend.spans.map((span) => span.name),
      ['fine'],
    )
    const { accepted, delivered, dropped } = telemetry.status().exporters.otel!.ledger
    assert.deepEqual([accepted, delivered, dropped], [7, 1, { failed: 5, not_a_span: 1 }])
  })

  it('ignores patterns and sampling, which are for events', async () => {
    const telemetry = system({
      otel: { endpoint: backend.url, event_patterns: ['job.*'], sampling_rate: 0 },
    })
    await telemetry.start()
    assert.equal(resultOf(spanExporter(telemetry)).code, 0)
    await telemetry.flush()
    assert.equal(backend.spanCount, 1)
  })

  it('may feed a driver of one’s own', async () => {
    const names: unknown[] = []
    const own = {
      ...mock(),
      type: 'own',
      takesSdkSpans: true,
      ingest: (event: Parameters<typeof sdkSpanOf>[0]) => void names.push(sdkSpanOf(event)?.name),
    }
    const telemetry = createTelemetry({
      logger: quietLogger,
      drainOnExit: false,
      types: [own],
      config: { env: {}, init: { own: {} } },
    })
    stops.push(() => telemetry.stop())
    await telemetry.start()
    resultOf(spanExporter(telemetry, 'own'), [spanOf({ name: 'for own' })])
    await telemetry.flush()
    assert.deepEqual(names.filter(Boolean), ['for own'])
  })
})
