// Beside an OpenTelemetry SDK: spans nest under each other whichever of the two opened them, and our own requests are
// left alone by instrumentations.
import assert from 'node:assert/strict'
import * as api from '@opentelemetry/api'
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { createBus } from '../../src/bus/bus.ts'
import type { TelemetryEvent } from '../../src/bus/event.ts'
import { createSpan } from '../../src/bus/span.ts'
import { createSystemClock } from '../../src/clock.ts'
import { openHttpClient } from '../../src/exporters/http/http.ts'
import { openTelemetryScopes } from '../../src/opentelemetry/active-span.ts'
import { createBackend } from '../../src/testing/index.ts'
import { quietLogger } from '../support/quiet-logger.ts'
import { asyncContextManager } from './context-manager.ts'

/** A bus and its span() as createTelemetry wires them, and an SDK's tracer beside them. */
function both(samplingRate = 1) {
  const clock = createSystemClock()
  const scopes = openTelemetryScopes()
  const bus = createBus({ clock, logger: quietLogger, maxValueLength: () => 1000, scopes })
  const span = createSpan({ bus, clock, scopes, samplingRate: () => samplingRate })
  const events: TelemetryEvent[] = []
  bus.attach('all', '*', (event) => events.push(event))
  bus.open()
  const memory = new InMemorySpanExporter()
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter: memory })] })
  const scopeOf = (name: string) => {
    const scope = events.find((event) => event.name === name)?.scope
    assert.ok(scope, name)
    return scope
  }
  return { bus, span, scopeOf, memory, tracer: provider.getTracer('t') }
}

describe('beside @opentelemetry/api', () => {
  describe('with a context manager', () => {
    before(() => {
      assert.ok(api.context.setGlobalContextManager(asyncContextManager()))
    })
    after(() => api.context.disable())

    it('its active span is the parent of ours, and of plain events', async () => {
      const { bus, span, scopeOf, tracer } = both()
      await tracer.startActiveSpan('theirs', async (theirs) => {
        const { traceId, spanId } = theirs.spanContext()
        await Promise.resolve()
        span('ours', () => {})
        bus.emit('plain')
        assert.deepEqual(
          [scopeOf('ours.start').traceId, scopeOf('ours.start').parentSpanId],
          [traceId, spanId],
        )
        assert.equal(scopeOf('ours.start').traceFlags, 1)
        assert.equal(scopeOf('plain').spanId, spanId)
        theirs.end()
      })
    })

    it('sees our span as active, across awaits, and makes its spans children of it', async () => {
      const { bus, span, scopeOf, memory, tracer } = both()
      await span('ours', async (handle) => {
        await Promise.resolve()
        const active = api.trace.getActiveSpan()
        assert.equal(active?.spanContext().spanId, scopeOf('ours.start').spanId)
        assert.equal(active?.isRecording(), false)
        assert.equal(active?.setAttribute('a', 1).addEvent('e').updateName('n'), active)
        const { traceId, spanId, traceFlags } = active!.spanContext()
        assert.equal(`00-${traceId}-${spanId}-0${traceFlags}`, handle.traceparent)
        tracer.startActiveSpan('theirs', (theirs) => {
          span('inner', () => {})
          bus.emit('deep')
          theirs.end()
        })
        bus.emit('mine')
      })
      const [theirs] = memory.getFinishedSpans()
      assert.equal(theirs?.parentSpanContext?.spanId, scopeOf('ours.start').spanId)
      assert.equal(theirs?.spanContext().traceId, scopeOf('ours.start').traceId)
      assert.equal(scopeOf('inner.start').parentSpanId, theirs?.spanContext().spanId)
      assert.equal(scopeOf('deep').spanId, theirs?.spanContext().spanId)
      assert.equal(scopeOf('mine'), scopeOf('ours.start'))
      assert.equal(api.trace.getActiveSpan(), undefined)
    })

    it('samples nothing under a span of a trace that no exporter of ours takes', () => {
      const { span, memory, tracer } = both(0)
      span('ours', () => tracer.startActiveSpan('theirs', (theirs) => theirs.end()))
      assert.deepEqual(memory.getFinishedSpans(), [])
    })

    it('says of a context that was only received that it is remote, and hands its state on', () => {
      const { bus, span, scopeOf } = both()
      const remote: api.SpanContext = {
        traceId: '0af7651916cd43dd8448eb211c80319c',
        spanId: 'b7ad6b7169203331',
        traceFlags: 1,
        isRemote: true,
        traceState: api.createTraceState('a=1,b=2'),
      }
      api.context.with(api.trace.setSpanContext(api.ROOT_CONTEXT, remote), () => {
        bus.emit('plain')
        span('ours', (handle) => {
          assert.equal(handle.tracestate, 'a=1,b=2')
          const { traceState } = api.trace.getActiveSpan()!.spanContext()
          assert.equal(traceState?.get('b'), '2')
          assert.equal(traceState?.set('b', '3').set('c', '4').unset('a').serialize(), 'c=4,b=3')
          span('inner', () => {})
        })
      })
      assert.equal(scopeOf('plain').isRemote, true)
      assert.equal(scopeOf('ours.start').parentIsRemote, true)
      assert.equal(scopeOf('inner.start').parentIsRemote, false)
    })

    it('gives way to a traceparent that names another trace', () => {
      const { span, scopeOf, tracer } = both()
      const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
      tracer.startActiveSpan('theirs', (theirs) => {
        span('ours', { traceparent }, () => {})
        theirs.end()
      })
      assert.equal(scopeOf('ours.start').parentSpanId, 'b7ad6b7169203331')
    })

    it('finds instrumentation suppressed on our own requests, and nowhere else', async () => {
      const backend = createBackend()
      await backend.listen()
      const client = openHttpClient({ url: backend.url })
      const suppressed: boolean[] = []
      const key = api.createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING')
      const { Agent } = await import('node:http')
      const { addRequest } = Agent.prototype as unknown as { addRequest: (...args: unknown[]) => unknown }
      Object.assign(Agent.prototype, {
        addRequest(this: unknown, ...args: unknown[]) {
          suppressed.push(api.context.active().getValue(key) === true)
          return addRequest.apply(this, args)
        },
      })
      try {
        await client.post(new Uint8Array(0))
        assert.deepEqual(suppressed, [true])
        assert.equal(api.context.active().getValue(key), undefined)
      } finally {
        Object.assign(Agent.prototype, { addRequest })
        await client.close()
        await backend.close()
      }
    })
  })

  it('nothing happens without a context manager, nor with one that throws', () => {
    const { span, scopeOf } = both()
    span('alone', () => {})
    assert.equal(scopeOf('alone.start').parentSpanId, undefined)
    const broken = (): never => {
      throw new Error('broken')
    }
    const hostile = {
      ...asyncContextManager(),
      active: broken,
      with: broken,
    } as unknown as api.ContextManager
    assert.ok(api.context.setGlobalContextManager(hostile))
    try {
      assert.equal(
        span('still', () => 7),
        7,
      )
    } finally {
      Reflect.deleteProperty(globalThis[Symbol.for('opentelemetry.js.api.1') as never], 'context')
    }
  })
})
