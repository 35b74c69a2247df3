// What a span is told while it runs: it is in the event that ends it, and in the exported span; nothing of it throws.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { createBus } from '../../src/bus/bus.ts'
import type { ErrorSnapshot, TelemetryEvent } from '../../src/bus/event.ts'
import { createScopes } from '../../src/bus/scope.ts'
import { EventRecord } from '../../src/bus/snapshot.ts'
import { createSpans, type SpanHandle } from '../../src/bus/span.ts'
import { quietLogger } from '../support/quiet-logger.ts'

const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

/** A bus, the two ways to open a span, and every event that came through; each read of a span's clock is 5 ms later. */
function traced() {
  let time = 0
  const clock = {
    now: () => 1_000_000 + time,
    monotonic: () => (time += 5),
    setTimeout: () => 0,
    clearTimeout: () => {},
  }
  const scopes = createScopes()
  // The bus reads the time for itself, which is no reading of the span's.
  const steady = { ...clock, monotonic: () => time }
  const bus = createBus({ clock: steady, logger: quietLogger, maxValueLength: () => 1000, scopes })
  const events: TelemetryEvent[] = []
  const records: TelemetryEvent[] = []
  bus.attach('all', '*', (event) => events.push(event))
  bus.inbox('a', (list) => records.push(...list)).subscribe(['*'])
  bus.open()
  const named = (name: string): TelemetryEvent => {
    const found = events.filter((event) => event.name === name)
    assert.equal(found.length, 1, `${found.length} events ${name}`)
    return found[0]!
  }
  const notes = (name: string) => {
    bus.flush()
    return EventRecord.scopeOf(records.find((event) => event.name === name)!)?.notes
  }
  return { bus, clock, events, named, notes, scopes, ...createSpans({ bus, clock, scopes }) }
}

describe('a span that runs', () => {
  it('takes attributes, which are in the event that ends it and not in the one that started it', async () => {
    const { span, named } = traced()
    await span('http', { correlation_id: 1, method: 'GET', route: 'unknown' }, async (http) => {
      http.set({ route: '/users/:id', status: 200 })
      await Promise.resolve()
      http.set({ status: 204 })
    })
    assert.deepStrictEqual(named('http.start').metadata, {
      correlation_id: 1,
      method: 'GET',
      route: 'unknown',
    })
    assert.deepStrictEqual(named('http.success').metadata, {
      correlation_id: 1,
      method: 'GET',
      route: '/users/:id',
      status: 204,
    })
  })

  it('keeps the id that pairs its events, whatever it is told', () => {
    const { span, events } = traced()
    const told = { correlation_id: 99, request_id: 98 }
    span('both', { correlation_id: 1, request_id: 2 }, ({ set }) => set(told))
    span('request', { request_id: 2 }, ({ set }) => set(told))
    span('made.up', ({ set }) => set(told))
    const ids = ({ metadata }: TelemetryEvent) => metadata.correlation_id ?? metadata.request_id
    for (const name of ['both', 'request', 'made.up']) {
      const [start, end] = events.filter((event) => event.name.startsWith(name))
      assert.equal(ids(start!), ids(end!), name)
      assert.ok(ids(end!))
    }
    const ends = events.filter(({ name }) => name.endsWith('.success')).map(({ metadata }) => metadata)
    assert.deepEqual(ends[0], { correlation_id: 1, request_id: 98 })
    assert.deepEqual(ends[1], { request_id: 2 })
    assert.equal(ends[2]?.request_id, 98)
  })

  it('keeps what it was told when it fails', () => {
    const { span, named } = traced()
    assert.throws(() =>
      span('job', { correlation_id: 1, error: 'mine' }, (job) => {
        job.set({ rows: 3 })
        throw new RangeError('too far')
      }),
    )
    const { error, rows, correlation_id } = named('job.error').metadata
    assert.deepEqual([(error as ErrorSnapshot).message, rows, correlation_id], ['too far', 3, 1])
  })

  it('takes snapshots, and holds attributes to the limits of metadata', () => {
    const { span, named, notes, bus } = traced()
    const list = [1]
    span('job', { correlation_id: 1 }, (job) => {
      job.set({ list, long: 'x'.repeat(5000), fn: () => {} })
      list.push(2)
      job.set(Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`a${i}`, i])))
      job.set(Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`b${i}`, i])))
      job.set({ a0: 'changed' })
      job.fail('no')
    })
    const { metadata } = named('job.error')
    assert.equal(Object.keys(metadata).length, 128)
    assert.deepEqual(metadata.list, [1])
    assert.equal((metadata.long as string).length, 1000)
    assert.deepEqual([metadata.a0, metadata.error, metadata.fn], ['changed', 'no', undefined])
    assert.equal(notes('job.error')?.droppedAttributes, 203 - 127)
    assert.equal(bus.status().sanitized.unusable, 1)
  })

  it('ends as an error when it is told to fail, though its function returns', () => {
    const { span, events, named } = traced()
    assert.equal(
      span('job', { correlation_id: 1 }, (job) => {
        job.fail(new TypeError('first'))
        job.fail(new RangeError('second'))
        return 7
      }),
      7,
    )
    assert.deepEqual(
      events.map(({ name }) => name),
      ['job.start', 'job.error'],
    )
    const { type, message } = named('job.error').metadata.error as ErrorSnapshot
    assert.deepEqual([type, message], ['RangeError', 'second'])
    assert.equal(named('job.error').measurements.duration_ms, 5)
  })

  it('ends with what its function throws, whatever it was told before', async () => {
    const { span, named } = traced()
    await assert.rejects(
      span('job', async (job) => {
        job.fail(new Error('told'))
        throw new Error('thrown')
      }),
      /thrown/,
    )
    assert.equal((named('job.error').metadata.error as ErrorSnapshot).message, 'thrown')
  })

  it('keeps its events under one name when it is renamed', () => {
    const { span, events, notes } = traced()
    span('http', (http) => {
      http.rename('GET /users/:id')
      http.rename('')
      http.rename('x'.repeat(2000))
      http.rename(7 as never)
    })
    assert.deepEqual(
      events.map(({ name }) => name),
      ['http.start', 'http.success'],
    )
    assert.equal(notes('http.success')?.name, 'GET /users/:id')
  })

  it('takes events, with their time and at most so many', () => {
    const { span, notes } = traced()
    span('job', (job) => {
      job.addEvent('cache.miss', { key: 'a', deep: { er: 1 } })
      job.addEvent('retry')
      job.addEvent(undefined as never)
      for (let i = 0; i < 200; i++) job.addEvent('again')
    })
    const { events, droppedEvents } = notes('job.success')!
    assert.deepEqual(events[0], {
      name: 'cache.miss',
      time: 1_000_005,
      fields: ['key', 'a', 'deep', { er: 1 }],
    })
    assert.deepEqual([events.length, droppedEvents], [128, 74])
  })

  it('takes no more bytes of events than 256 KiB', () => {
    const { span, notes } = traced()
    span('job', (job) => {
      for (let i = 0; i < 128; i++) {
        const attributes = Object.fromEntries(
          Array.from({ length: 10 }, (_, k) => [`k${k}`, 'x'.repeat(1000)]),
        )
        job.addEvent('big', attributes)
      }
    })
    const { events, droppedEvents, bytes } = notes('job.success')!
    assert.ok(bytes <= 256 * 1024)
    assert.ok(events.length < 30 && events.length + droppedEvents === 128)
  })

  it('is not changed after its end', async () => {
    const { span, events, named, notes } = traced()
    let late: SpanHandle | undefined
    span('job', { correlation_id: 1 }, (job) => {
      late = job
    })
    late!.set({ late: true })
    late!.rename('late')
    late!.addEvent('late')
    late!.fail(new Error('late'))
    assert.deepStrictEqual(named('job.success').metadata, { correlation_id: 1 })
    assert.equal(notes('job.success'), undefined)
    assert.equal(events.length, 2)
    assert.match(late!.traceparent, /^00-/)
  })

  it('never throws, whatever it is told', () => {
    const { span, startSpan } = traced()
    const anything = fc.oneof(fc.anything({ withBigInt: true }), fc.constant(Symbol('s')))
    const told = (handle: SpanHandle, a: unknown, b: unknown): void => {
      handle.set(a as object)
      handle.rename(a as string)
      handle.addEvent(a as string, b as object)
      handle.fail(b)
    }
    fc.assert(
      fc.property(anything, anything, (a, b) => {
        span('job', (job) => told(job, a, b))
        const started = startSpan(a as string, b as object)
        told(started, a, b)
        started.end()
      }),
    )
  })

  it('may have its functions taken out', () => {
    const { span, named } = traced()
    span('job', { correlation_id: 1 }, ({ set, headers, traceparent: own, fail }) => {
      set({ a: 1 })
      fail('no')
      assert.deepEqual(headers(), { traceparent: own })
    })
    assert.deepStrictEqual(named('job.error').metadata, { error: 'no', correlation_id: 1, a: 1 })
  })

  it('shows nothing of its own', () => {
    const { startSpan } = traced()
    const handle = startSpan('job', { correlation_id: 1 })
    assert.deepEqual(Reflect.ownKeys(handle), ['correlationId'])
  })
})

describe('a span that is started', () => {
  it('ends when it is told to, once, with its duration', () => {
    const { startSpan, events, named } = traced()
    const upload = startSpan('upload', { correlation_id: 1, file: 'a' })
    assert.deepEqual(
      events.map(({ name }) => name),
      ['upload.start'],
    )
    upload.set({ bytes: 10 })
    upload.end()
    upload.end()
    assert.deepStrictEqual(named('upload.success').metadata, { correlation_id: 1, file: 'a', bytes: 10 })
    assert.equal(named('upload.success').measurements.duration_ms, 5)
    assert.equal(named('upload.success').scope, named('upload.start').scope)
  })

  it('ends as an error after a failure', () => {
    const { startSpan, named } = traced()
    const upload = startSpan('upload')
    upload.fail(new Error('disk full'))
    upload.end()
    assert.equal((named('upload.error').metadata.error as ErrorSnapshot).message, 'disk full')
  })

  it('is a child of the span around it, and of the one its traceparent names', () => {
    const { span, startSpan, named } = traced()
    span('outer', () => startSpan('inner').end())
    startSpan('remote', { traceparent }).end()
    assert.equal(named('inner.start').scope?.parentSpanId, named('outer.start').scope?.spanId)
    assert.equal(named('remote.start').scope?.parentSpanId, traceparent.slice(36, 52))
  })

  it('is the parent of what runs inside it, and of nothing else', async () => {
    const { bus, span, startSpan, named, scopes } = traced()
    const upload = startSpan('upload')
    const value = await upload.run(async () => {
      bus.emit('note')
      await Promise.resolve()
      span('part', () => {})
      startSpan('callback').end()
      return 7
    })
    assert.equal(value, 7)
    span('apart', () => {})
    upload.end()
    const { spanId } = named('upload.start').scope!
    for (const name of ['part.start', 'callback.start'])
      assert.equal(named(name).scope?.parentSpanId, spanId, name)
    assert.equal(named('note').scope?.spanId, spanId)
    assert.equal(named('apart.start').scope?.parentSpanId, undefined)
    assert.equal(scopes.current(), undefined)
    assert.throws(
      () =>
        upload.run(() => {
          throw new Error('mine')
        }),
      /mine/,
    )
  })

  it('without a usable name emits nothing, and does all the rest', () => {
    const { startSpan, events, bus } = traced()
    const nameless = startSpan(undefined as never)
    assert.match(nameless.traceparent, /^00-/)
    nameless.end()
    assert.equal(events.length, 0)
    assert.equal(bus.status().dropped.invalid_name, 2)
  })
})
