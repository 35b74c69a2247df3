// A wrapped handler has its telemetry delivered when it returns; whatever becomes of the telemetry, its result or error
// passes unchanged, and late by the given time at most.
import assert from 'node:assert/strict'
import { type ConfigSource, createTelemetry, type Telemetry, type TelemetryOptions } from '../src/index.ts'
import { type Backend, createBackend } from '../src/testing/index.ts'

/** The context of AWS Lambda. */
const contextWith = (leftMs: number) => ({
  awsRequestId: 'a1b2',
  getRemainingTimeInMillis: () => leftMs,
})

type Callback = (error?: unknown, result?: unknown) => void

describe('a wrapped handler', () => {
  let backend: Backend
  const started: Telemetry[] = []
  let warnings: string[]

  beforeEach(async () => {
    backend = createBackend()
    await backend.listen()
    warnings = []
  })
  afterEach(async () => {
    for (const telemetry of started.splice(0)) await telemetry.stop({ timeoutMs: 100 })
    await backend.close()
  })

  const make = (config: TelemetryOptions['config'] = {}): Telemetry => {
    const log = (): void => {}
    const telemetry = createTelemetry({
      drainOnExit: false,
      logger: { debug: log, info: log, error: log, warn: (_details, text = '') => warnings.push(text) },
      config: { env: {}, init: { otel: { endpoint: backend.url, flush_interval: 60 } }, ...config },
    })
    started.push(telemetry)
    return telemetry
  }
  const wrapWarnings = (): string[] => warnings.filter((text) => text.startsWith('wrap:'))
  const names = (): string[] => backend.spans.map(({ name }) => name)

  it('starts telemetry with its first call, and what it emits has arrived when it returns', async () => {
    const telemetry = make()
    const handler = telemetry.wrap(async (event: { name: string }) => {
      telemetry.span(event.name, () => {})
      return { statusCode: 200 }
    })
    assert.equal(telemetry.snapshot().system, 'idle')
    assert.deepEqual(await handler({ name: 'first' }), { statusCode: 200 })
    assert.deepEqual(names(), ['first'])
    await handler({ name: 'second' })
    assert.deepEqual(names(), ['first', 'second'])
  })

  it('delivers what was emitted before the first call', async () => {
    const telemetry = make()
    telemetry.span('module', () => {})
    await telemetry.wrap(() => {})()
    assert.deepEqual(names(), ['module'])
  })

  it('throws what it throws, after its telemetry has arrived', async () => {
    const telemetry = make()
    const error = new Error('no such image')
    const rejecting = telemetry.wrap(() => telemetry.span('reject', () => Promise.reject(error)))
    const throwing = telemetry.wrap(() =>
      telemetry.span('throw', () => {
        throw error
      }),
    )
    await assert.rejects(rejecting(), (thrown) => thrown === error)
    await assert.rejects(throwing(), (thrown) => thrown === error)
    assert.deepEqual(names(), ['reject', 'throw'])
  })

  it('may end with a callback, whether or not the platform gives one', async () => {
    const telemetry = make()
    const handler = telemetry.wrap((event: string, _context: object, callback: Callback) => {
      const span = telemetry.startSpan('late')
      setImmediate(() => {
        span.end()
        if (event === 'fail') callback('failed')
        else callback(null, event)
      })
    })
    const platform = (): void => assert.fail('the result is that of the promise')
    assert.equal(await handler('one', contextWith(5_000), platform), 'one')
    assert.equal(await (handler as (...args: unknown[]) => unknown)('two', contextWith(5_000)), 'two')
    await assert.rejects(handler('fail', contextWith(5_000), platform) as Promise<unknown>, (thrown) => {
      return thrown === 'failed'
    })
    assert.deepEqual(names(), ['late', 'late', 'late'])
  })

  it('of three parameters gets its third argument where that is no callback, as a stream of AWS Lambda', async () => {
    const telemetry = make()
    const streaming = Object.assign(
      async (_event: object, stream: string[], context: ReturnType<typeof contextWith>) => {
        stream.push(context.awsRequestId)
      },
      { [Symbol.for('streaming')]: true },
    )
    const handler = telemetry.wrap(streaming)
    const stream: string[] = []
    await handler({}, stream, contextWith(5_000))
    assert.deepEqual(stream, ['a1b2'])
    assert.equal((handler as unknown as Record<symbol, boolean>)[Symbol.for('streaming')], true)
  })

  it('keeps its receiver and its arguments', async () => {
    const handler = make().wrap(function (this: string, ...args: number[]) {
      return [this, args]
    })
    assert.deepEqual(await handler.call('me', 1, 2, 3, 4), ['me', [1, 2, 3, 4]])
  })

  it('is a span if it is given a name', async () => {
    const telemetry = make()
    const handler = telemetry.wrap(
      async () => {
        telemetry.span('inner', () => {})
        throw new Error('too large')
      },
      { name: 'resize' },
    )
    const call = handler as (...args: unknown[]) => Promise<unknown>
    await assert.rejects(call({}, contextWith(5_000)), /too large/)
    const [inner, outer] = backend.spans
    assert.equal(outer!.name, 'resize')
    assert.equal(inner!.parentSpanId, outer!.spanId)
    assert.equal(outer!.attributes.request_id, 'a1b2')
    assert.deepEqual(outer!.status, { code: 2, message: 'too large' })
  })

  describe('with a backend that does not answer', () => {
    beforeEach(() => backend.fault({ type: 'hang', when: 'after' }))

    for (const [what, flushTimeoutMs, left] of [
      ['flushTimeoutMs', 150, 60_000],
      ['what the platform leaves, less 0.2 s', undefined, 350],
    ] as const)
      it(`returns its result after ${what}, with one warning for many calls`, async () => {
        const telemetry = make()
        const handler = telemetry.wrap(
          async (event: string, _context: object) => {
            telemetry.span('work', () => {})
            return event
          },
          { flushTimeoutMs },
        )
        await telemetry.start()
        for (const event of ['a', 'b', 'c']) {
          const begun = performance.now()
          assert.equal(await handler(event, contextWith(left)), event)
          const took = performance.now() - begun
          assert.ok(took > 100 && took < 1_000, `${took} ms`)
        }
        assert.equal(wrapWarnings().length, 1)
        assert.match(wrapWarnings()[0]!, /^wrap: not everything was delivered/)
        await backend.clear()
        backend.cutConnections()
        await telemetry.flush()
        await handler('d', contextWith(60_000))
        assert.equal(new Set(backend.spans.map(({ spanId }) => spanId)).size, 4)
        assert.deepEqual(telemetry.status().exporters.otel!.ledger.delivered, 8)
      })

    it('waits for nothing where no time is left', async () => {
      const telemetry = make()
      await telemetry.start()
      const handler = telemetry.wrap(async (_event: object, _context: object) => {
        telemetry.span('work', () => {})
        return 'done'
      })
      const begun = performance.now()
      for (const left of [100, -5]) assert.equal(await handler({}, contextWith(left)), 'done')
      assert.ok(performance.now() - begun < 500)
    })
  })

  it('works though telemetry cannot be started, and says so once', async () => {
    const telemetry = make({ init: { otel: { endpoint: 'ftp://nowhere' } } })
    const handler = telemetry.wrap(async () => 'done')
    for (let call = 0; call < 3; call += 1) assert.equal(await handler(), 'done')
    assert.equal(wrapWarnings().length, 1)
    assert.match(wrapWarnings()[0]!, /cannot be started/)
  })

  it('waits for a remote configuration that hangs once, and for a second at most', async () => {
    const hanging: ConfigSource = { load: () => new Promise(() => {}) }
    const telemetry = make({ remote: [hanging] })
    const handler = telemetry.wrap(async () => 'done', { flushTimeoutMs: 50 })
    assert.equal(await handler(), 'done')
    const begun = performance.now()
    assert.equal(await handler(), 'done')
    assert.ok(performance.now() - begun < 500, 'the second call does not wait again')
    assert.deepEqual(wrapWarnings(), ['wrap: telemetry has not started yet; what was emitted waits for it'])
  })

  it('works, and starts nothing, after a stop', async () => {
    const telemetry = make()
    await telemetry.start()
    await telemetry.stop()
    assert.equal(await telemetry.wrap(async () => 'done')(), 'done')
    assert.equal(telemetry.snapshot().system, 'stopped')
    assert.deepEqual(wrapWarnings(), [])
  })

  it('is flushed for calls at the same time', async () => {
    const telemetry = make()
    const handler = telemetry.wrap(async (event: number) => {
      await telemetry.span(`work.${event}`, () => new Promise((resolve) => setImmediate(resolve)))
      return event
    })
    const events = Array.from({ length: 20 }, (_, event) => event)
    assert.deepEqual(await Promise.all(events.map((event) => handler(event))), events)
    assert.equal(backend.spanCount, 20)
  })

  it('must be a function, and its time a number', () => {
    const { wrap } = make()
    assert.throws(() => wrap({} as never), { code: 'HANDLER_INVALID' })
    assert.throws(() => wrap(() => {}, { flushTimeoutMs: -1 }), {
      code: 'TIMEOUT_INVALID',
      message: /^wrap: flushTimeoutMs must be a number/,
    })
  })
})
