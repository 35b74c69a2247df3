// span(): runs its function once and gives back exactly what it gave, whatever happens around it; its events tell
// how long it took and where in the trace it stands.
import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { setTimeout as wait } from 'node:timers/promises'
import fc from 'fast-check'
import { type BusOptions, createBus } from '../../src/bus/bus.ts'
import { correlationKeyOf } from '../../src/bus/correlation.ts'
import { ErrorSnapshot, type SpanScope, type TelemetryEvent } from '../../src/bus/event.ts'
import { createScopes, type ParentContext, type ScopeHooks } from '../../src/bus/scope.ts'
import { isSpanBoundary } from '../../src/bus/snapshot.ts'
import { createSpan } from '../../src/bus/span.ts'
import { sampledAt, traceHex, traceIdOf } from '../../src/bus/trace-id.ts'
import { currentTraceparent } from '../../src/bus/traceparent.ts'
import { TelemetryError } from '../../src/errors.ts'
import { quietLogger } from '../support/quiet-logger.ts'

const remoteTrace = '0af7651916cd43dd8448eb211c80319c'
const remoteSpan = 'b7ad6b7169203331'
const traceparent = `00-${remoteTrace}-${remoteSpan}-01`

/** A bus, its span(), and every event that came through; each read of the clock is 5 ms later. */
function traced(hooks?: ScopeHooks, options: Partial<BusOptions> = {}) {
  let time = 0
  const clock = {
    now: () => 1_000_000 + time,
    monotonic: () => (time += 5),
    setTimeout: () => 0,
    clearTimeout: () => {},
  }
  const scopes = createScopes(hooks)
  const bus = createBus({ clock, logger: quietLogger, maxValueLength: () => 16_384, scopes, ...options })
  const events: TelemetryEvent[] = []
  bus.attach('all', '*', (event) => events.push(event))
  bus.open()
  const named = (name: string): TelemetryEvent => {
    const found = events.find((event) => event.name === name)
    assert.ok(found, `no event ${name}`)
    return found
  }
  return {
    bus,
    clock,
    events,
    named,
    scopes,
    span: createSpan({ bus, clock, scopes }),
    names: () => events.map((e) => e.name),
  }
}

describe('span', () => {
  it('emits start and success around a function, and returns its value', () => {
    const { span, events, names } = traced()
    assert.equal(
      span('db.query', { table: 'users' }, () => 42),
      42,
    )
    assert.deepEqual(names(), ['db.query.start', 'db.query.success'])
    assert.deepEqual({ ...events[0]!.measurements }, {})
    assert.deepEqual({ ...events[1]!.measurements }, { duration_ms: 5 })
    assert.equal(events[1]!.metadata.table, 'users')
  })

  it('needs no metadata', () => {
    const { span, names } = traced()
    assert.equal(
      span('a', () => 1),
      1,
    )
    assert.equal(
      span('a', undefined, () => 2),
      2,
    )
    assert.equal(names().length, 4)
  })

  it('keeps a promise a promise', async () => {
    const { span, names, named } = traced()
    const pending = span('a', async () => 'value')
    assert.ok(pending instanceof Promise)
    assert.deepEqual(names(), ['a.start'])
    assert.equal(await pending, 'value')
    assert.deepEqual({ ...named('a.success').measurements }, { duration_ms: 5 })
  })

  it('asks a thenable once', async () => {
    const { span, names } = traced()
    let asked = 0
    const query = {
      // biome-ignore lint/suspicious/noThenProperty: query builders are such objects.
      then: (resolve: (value: string) => void) => {
        asked++
        resolve('rows')
      },
    }
    assert.equal(await span('q', () => query), 'rows')
    assert.equal(asked, 1)
    assert.deepEqual(names(), ['q.start', 'q.success'])
  })

  it('rethrows the same error and tells it', () => {
    const { span, named, names } = traced()
    const error = new RangeError('too far')
    assert.throws(
      () =>
        span('a', { error: 'mine', x: 1 }, () => {
          throw error
        }),
      (thrown) => thrown === error,
    )
    assert.deepEqual(names(), ['a.start', 'a.error'])
    assert.deepEqual(named('a.error').metadata.error, new ErrorSnapshot('RangeError', 'too far', error.stack))
    assert.equal(named('a.error').metadata.x, 1)
    assert.equal(named('a.error').measurements.duration_ms, 5)
  })

  it('rejects with the same error and tells it', async () => {
    const { span, named } = traced()
    const error = new Error('later')
    await assert.rejects(
      span('a', async () => {
        throw error
      }),
      (thrown) => thrown === error,
    )
    assert.equal((named('a.error').metadata.error as ErrorSnapshot).message, 'later')
  })

  it('tells of anything that is thrown', () => {
    for (const [thrown, told] of [
      ['text', 'text'],
      [undefined, 'undefined'],
      [null, 'null'],
      [0, 0],
      [() => {}, undefined],
    ]) {
      const { span, named } = traced()
      assert.throws(
        () =>
          span('a', () => {
            throw thrown
          }),
        (caught) => caught === thrown,
      )
      assert.equal(named('a.error').metadata.error, told)
    }
  })

  it('refuses to run what is no function', () => {
    const { span, events } = traced()
    assert.throws(
      () => span('a', {}, undefined as never),
      (thrown) => thrown instanceof TelemetryError && thrown.code === 'SPAN_INVALID',
    )
    assert.equal(events.length, 0)
  })

  it('runs the function once whatever the name, the metadata and the state of the bus', () => {
    const { span, bus } = traced()
    const hostile = new Proxy(
      {},
      {
        get: () => {
          throw new Error('get')
        },
        ownKeys: () => {
          throw new Error('ownKeys')
        },
      },
    )
    const anything = fc.oneof(fc.anything({ withBigInt: true }), fc.constantFrom(hostile, Symbol('s')))
    let runs = 0
    const run = () => ++runs
    let calls = 0
    fc.assert(
      fc.property(anything, anything, (name, metadata) => {
        assert.equal(span(name as string, metadata as object, run), ++calls)
      }),
    )
    bus.close()
    assert.equal(span('closed', run), ++calls)
  })

  it('emits all its events or none: a name too long for a suffix is refused', () => {
    const { span, events, bus } = traced()
    span('n'.repeat(1018), () => {})
    assert.equal(events.length, 0)
    assert.equal(bus.status().dropped.invalid_name, 2)
    span('n'.repeat(1016), () => {})
    assert.equal(events.length, 2)
  })

  describe('correlation', () => {
    it('makes up an id that all its events carry, and no two spans share', () => {
      const { span, events } = traced()
      span('a', (handle) => {
        assert.equal(handle.correlationId, events[0]!.metadata.correlation_id)
      })
      span('b', () => {})
      const ids = events.map((event) => event.metadata.correlation_id)
      assert.equal(ids[0], ids[1])
      assert.notEqual(ids[1], ids[2])
      assert.match(String(ids[0]), /^[0-9a-f]{16}$/)
    })

    it('keeps the id it is given', () => {
      for (const id of [0, 7, 'job-1', false]) {
        const { span, events } = traced()
        assert.equal(
          span('a', { correlation_id: id }, (handle) => handle.correlationId),
          id,
        )
        assert.equal(events[1]!.metadata.correlation_id, id)
      }
      const { span, events } = traced()
      assert.equal(
        span('a', { request_id: 'r' }, (handle) => handle.correlationId),
        'r',
      )
      assert.equal(events[0]!.metadata.correlation_id, undefined)
    })

    it('replaces an invalid one', () => {
      for (const id of ['', null, undefined, {}, []]) {
        const { span, events } = traced()
        span('a', { correlation_id: id }, () => {})
        assert.match(String(events[0]!.metadata.correlation_id), /^[0-9a-f]{16}$/)
      }
    })

    it('stays when the caller changes the metadata meanwhile, and fits beside 128 keys', () => {
      const { span, named } = traced()
      const metadata: Record<string, unknown> = { correlation_id: 1 }
      span('a', metadata, () => {
        metadata.correlation_id = 2
      })
      assert.equal(named('a.success').metadata.correlation_id, 1)
      const many = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`k${i}`, i]))
      assert.throws(() =>
        span('b', many, () => {
          throw new Error('x')
        }),
      )
      const { metadata: told } = named('b.error')
      assert.equal(Object.keys(told).length, 128)
      assert.ok(told.error && told.correlation_id)
    })
  })

  describe('the trace', () => {
    it('nests by async context, and reaches plain events', async () => {
      const { span, bus, named, scopes } = traced()
      await span('outer', async () => {
        await wait(1)
        await span('inner', async () => {
          await wait(1)
          bus.emit('note')
        })
        bus.emit('after')
      })
      bus.emit('outside')
      const outer = named('outer.start').scope!
      const inner = named('inner.start').scope!
      assert.match(outer.traceId, /^[0-9a-f]{32}$/)
      assert.match(outer.spanId, /^[0-9a-f]{16}$/)
      assert.deepEqual([outer.name, outer.parentSpanId, outer.traceFlags], ['outer', undefined, undefined])
      assert.deepEqual(
        [inner.name, inner.parentSpanId, inner.traceId],
        ['inner', outer.spanId, outer.traceId],
      )
      assert.equal(named('outer.success').scope, outer)
      assert.equal(named('note').scope, inner)
      assert.equal(named('after').scope, outer)
      assert.equal(named('outside').scope, undefined)
      assert.equal(scopes.current(), undefined)
      assert.deepEqual(
        ['outer.start', 'inner.success', 'note'].map((name) => isSpanBoundary(named(name))),
        [true, true, false],
      )
    })

    it('keeps concurrent spans apart', async () => {
      const { span, events, bus } = traced()
      await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          span(`s${i}`, async () => {
            await wait(i % 3)
            bus.emit(`in.s${i}`)
          }),
        ),
      )
      for (const event of events.filter((event) => event.name.startsWith('in.')))
        assert.equal(`in.${event.scope!.name}`, event.name)
      assert.equal(new Set(events.map((event) => event.scope!.traceId)).size, 20)
    })

    it('gives a traceparent for outgoing requests', () => {
      const { span, named, scopes } = traced()
      assert.equal(currentTraceparent(scopes), undefined)
      span('a', (handle) => {
        const { traceId, spanId } = named('a.start').scope!
        const expected = `00-${traceId}-${spanId}-01`
        assert.equal(handle.traceparent, expected)
        assert.deepEqual(handle.headers(), { traceparent: expected })
        assert.equal(currentTraceparent(scopes), expected)
        assert.equal(currentTraceparent(), expected)
      })
    })

    it('continues a remote trace with its flags and state', () => {
      const { span, named } = traced()
      const headers = span(
        'a',
        { traceparent: `00-${remoteTrace}-${remoteSpan}-00`, tracestate: 'vendor=1' },
        (handle) => {
          assert.equal(handle.tracestate, 'vendor=1')
          return handle.headers()
        },
      )
      const scope = named('a.start').scope!
      assert.deepEqual([scope.traceId, scope.parentSpanId, scope.traceFlags], [remoteTrace, remoteSpan, 0])
      assert.deepEqual(headers, {
        traceparent: `00-${remoteTrace}-${scope.spanId}-00`,
        tracestate: 'vendor=1',
      })
      assert.equal(named('a.success').metadata.traceparent, `00-${remoteTrace}-${remoteSpan}-00`)
    })

    it('ignores a remote parent that is invalid', () => {
      const { span, named } = traced()
      span('a', { traceparent: 'junk', tracestate: 'vendor=1' }, () => {
        span('b', () => {})
      })
      const a = named('a.start').scope!
      assert.deepEqual([a.parentSpanId, a.traceState], [undefined, undefined])
      assert.equal(named('b.start').scope!.parentSpanId, a.spanId)
    })

    it('is the one a caller names, and the span around if both are of that trace', () => {
      const { span, named } = traced()
      span('a', () => {
        span('b', { traceparent }, () => {
          span('c', { traceparent }, () => {})
        })
      })
      const b = named('b.start').scope!
      assert.deepEqual([b.traceId, b.parentSpanId, b.parentIsRemote], [remoteTrace, remoteSpan, true])
      const c = named('c.start').scope!
      assert.deepEqual([c.traceId, c.parentSpanId, c.parentIsRemote], [remoteTrace, b.spanId, false])
    })

    it('that begins here is that of its correlation id', () => {
      for (const metadata of [
        { correlation_id: 7 },
        { request_id: 'r' },
        { correlation_id: 'x'.repeat(500) },
      ]) {
        const { span, events } = traced()
        span('a', metadata, () => {})
        span('b', metadata, () => {})
        assert.equal(events[0]!.scope!.traceId, events[2]!.scope!.traceId)
        const key = correlationKeyOf(events[0]!.fields, 0)!
        assert.equal(events[0]!.scope!.traceId, traceHex(traceIdOf(key)))
      }
      const { span, events } = traced()
      span('a', (handle) => {
        assert.equal(events[0]!.scope!.traceId, traceHex(traceIdOf(handle.correlationId as string)))
      })
    })

    it('is announced as sampled where an exporter takes it, in every span of it', () => {
      const rates = [0, 0.3, 1]
      for (let id = 0; id < 20; id++) {
        const told = rates.map((rate) => {
          const { bus, clock } = traced()
          const span = createSpan({ bus, clock, samplingRate: () => rate })
          return span('a', { correlation_id: id }, (a) => {
            const inner = span('b', (b) => b.traceparent.slice(-2))
            assert.equal(a.traceparent.slice(-2), inner)
            return inner
          })
        })
        const takes = rates.map((rate) => (sampledAt(rate, traceIdOf(id)) ? '01' : '00'))
        assert.deepEqual(told, takes)
      }
    })
  })

  describe('beside another tracing API', () => {
    /** A stand-in with a context of its own, like @opentelemetry/api with a context manager. */
    function otherApi() {
      const active = new AsyncLocalStorage<ParentContext>()
      const hooks: ScopeHooks = {
        ambient: () => active.getStore(),
        around: (scope: SpanScope, fn) => active.run(scope, fn),
      }
      return { active, hooks }
    }
    const foreign = { traceId: remoteTrace, spanId: remoteSpan, traceFlags: 1 }
    const inner = { traceId: remoteTrace, spanId: '00000000000000aa', traceFlags: 1 }

    it('takes its active span as the parent, also of plain events', () => {
      const { active, hooks } = otherApi()
      const { span, bus, named } = traced(hooks)
      active.run(foreign, () => {
        bus.emit('plain')
        span('a', () => {})
      })
      assert.deepEqual([named('plain').scope!.spanId, named('plain').scope!.name], [remoteSpan, ''])
      const { traceId, parentSpanId, traceFlags } = named('a.start').scope!
      assert.deepEqual([traceId, parentSpanId, traceFlags], [remoteTrace, remoteSpan, 1])
    })

    it('is seen as active by it, and nests either way', () => {
      const { active, hooks } = otherApi()
      const { span, bus, named } = traced(hooks)
      span('outer', () => {
        assert.equal(active.getStore()?.spanId, named('outer.start').scope?.spanId)
        bus.emit('mine')
        active.run(inner, () => {
          bus.emit('theirs')
          span('nested', () => bus.emit('deep'))
        })
      })
      assert.equal(named('mine').scope, named('outer.start').scope)
      assert.equal(named('theirs').scope!.spanId, inner.spanId)
      assert.equal(named('nested.start').scope!.parentSpanId, inner.spanId)
      assert.equal(named('deep').scope, named('nested.start').scope)
    })

    it('is the innermost inside an ambient span even if the other API cannot see it', () => {
      const { active, hooks } = otherApi()
      const { span, bus, named } = traced({ ambient: hooks.ambient })
      active.run(foreign, () => span('a', () => bus.emit('mine')))
      assert.equal(named('mine').scope, named('a.start').scope)
    })

    it('continues the trace a caller names rather than an ambient one, unless it is the same', () => {
      const { active, hooks } = otherApi()
      const { span, named } = traced(hooks)
      const elsewhere = { traceId: 'f'.repeat(32), spanId: 'f'.repeat(16) }
      active.run(elsewhere, () => span('other', { traceparent }, () => {}))
      active.run(inner, () => span('same', { traceparent }, () => {}))
      assert.equal(named('other.start').scope!.parentSpanId, remoteSpan)
      assert.equal(named('same.start').scope!.parentSpanId, inner.spanId)
    })

    it('runs the function once, whatever the hooks do', () => {
      const bad: ScopeHooks[] = [
        { around: () => undefined },
        {
          around: () => {
            throw new Error('before')
          },
        },
        {
          around: (_scope, fn) => {
            fn()
            fn()
            throw new Error('after')
          },
        },
        {
          ambient: () => {
            throw new Error('ambient')
          },
        },
        { ambient: () => ({ traceId: 'nonsense', spanId: '' }) },
      ]
      for (const hooks of bad) {
        const { span, names, named } = traced(hooks)
        let runs = 0
        assert.equal(
          span('a', () => ++runs),
          1,
        )
        assert.deepEqual(names(), ['a.start', 'a.success'])
        assert.equal(named('a.start').scope!.parentSpanId, undefined)
        const error = new Error('mine')
        assert.throws(
          () =>
            span('b', () => {
              throw error
            }),
          (thrown) => thrown === error,
        )
      }
    })
  })
})
