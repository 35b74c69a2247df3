// The spans of operations that libraries publish on a TracingChannel; and what Fastify tells of routes.
import assert from 'node:assert/strict'
import { hasSubscribers, tracingChannel } from 'node:diagnostics_channel'
import { get } from 'node:http'
import { bridgeAll, bridgeTracingChannel } from '../../src/bridges/index.ts'
import type { ErrorSnapshot } from '../../src/bus/event.ts'
import { atEnd, endAll, named, serve, startRig, until } from './harness.ts'

interface Query {
  readonly query: string
  readonly database: string
}

/** As its documentation has it: the types know messages of their own only. */
interface Publisher {
  readonly start: Part
  readonly error: Part
  readonly asyncEnd: Part
  traceSync(fn: () => unknown, message: object): unknown
  tracePromise(fn: () => Promise<unknown>, message: object): Promise<unknown>
  traceCallback(fn: (...parts: never[]) => unknown, at: number, message: object, ...rest: unknown[]): unknown
}
interface Part {
  publish(message: unknown): void
  runStores(message: unknown, fn: () => void): void
}
const publisher = (name: string) => tracingChannel(name) as unknown as Publisher

const channels = publisher('mysql2:query')
const query: Query = { query: 'SELECT 7', database: 'shop' }

describe('the bridge of a TracingChannel', () => {
  afterEach(endAll)

  const start = async () => {
    const rig = await startRig()
    const end = bridgeTracingChannel<Query>(rig.telemetry, 'mysql2:query', {
      name: 'db.query',
      kind: 'client',
      attributes: ({ query: text }) => ({ 'db.query.text': text }),
      labels: ({ database }) => ({ 'db.namespace': database }),
    })
    atEnd(end)
    const ends = () =>
      rig.events.filter(({ name }) => /^db\.query\.(success|error)$/.test(name)).map(({ name }) => name)
    return { ...rig, end, ends }
  }

  it('makes a span of an operation, whose attributes of the start are no labels', async () => {
    const { telemetry, spans, lines } = await start()
    await telemetry.span('request', () => channels.tracePromise(async () => 1, { ...query }))
    const all = await spans()
    const [outer, span] = ['request', 'db.query'].map((name) => all.find((each) => each.name === name)!)
    assert.deepEqual([span!.kind, span!.parentSpanId], [3, outer!.spanId])
    assert.deepEqual(
      [span!.attributes['db.query.text'], span!.attributes['db.namespace']],
      ['SELECT 7', 'shop'],
    )
    assert.deepEqual(await lines('db_query_success_duration_seconds_count'), [
      'db_query_success_duration_seconds_count{db_namespace="shop"} 1',
    ])
  })

  it('ends with a function, a promise and a callback, whichever it is, once', async () => {
    const { events, ends } = await start()
    assert.equal(
      channels.traceSync(() => 7, { ...query }),
      7,
    )
    assert.equal(ends().length, 1)
    let settle = (_: number): void => {}
    const promise = channels.tracePromise(() => new Promise((resolve) => (settle = resolve)), { ...query })
    assert.equal(ends().length, 1)
    settle(8)
    assert.equal(await promise, 8)
    assert.equal(ends().length, 2)
    const work = (done: (error: unknown, value: number) => void) => void setImmediate(done, null, 9)
    const value = await new Promise((resolve) =>
      channels.traceCallback(work, 0, { ...query }, undefined, (_: unknown, got: number) => resolve(got)),
    )
    assert.deepEqual([value, ends().length], [9, 3])
    assert.equal(named(events, 'db.query.start').length, 3)
  })

  it('fails with what a function throws, a promise rejects with and a callback is given', async () => {
    const { events, ends } = await start()
    const broken = new RangeError('broken')
    assert.throws(() => channels.traceSync(() => assert.fail(broken), { ...query }), broken)
    await assert.rejects(
      channels.tracePromise(() => Promise.reject(broken), { ...query }),
      broken,
    )
    const work = (done: (error: unknown) => void) => void setImmediate(done, broken)
    await new Promise((resolve) => channels.traceCallback(work, 0, { ...query }, undefined, resolve))
    assert.deepEqual(ends(), ['db.query.error', 'db.query.error', 'db.query.error'])
    for (const { metadata } of named(events, 'db.query.error'))
      assert.deepEqual((metadata.error as ErrorSnapshot).message, 'broken')
  })

  it('is the parent of what runs inside the operation, and leaves what follows alone', async () => {
    const { telemetry, events } = await start()
    await channels.tracePromise(
      async () => {
        await Promise.resolve()
        telemetry.emit('inside')
      },
      { ...query },
    )
    telemetry.emit('outside')
    assert.equal(named(events, 'inside')[0]!.scope?.name, 'db.query')
    assert.equal(named(events, 'outside')[0]!.scope, undefined)
  })

  it('opens a span in each of two telemetry systems, and one that ends leaves the other alone', async () => {
    const [one, two] = [await start(), await start()]
    channels.traceSync(() => one.telemetry.emit('inside'), { ...query })
    one.end()
    channels.traceSync(() => two.telemetry.emit('inside'), { ...query })
    assert.deepEqual([one.ends().length, two.ends().length], [1, 2])
    assert.equal(named(two.events, 'inside')[0]!.scope?.name, 'db.query')
  })

  it('leaves the span around an operation in place when it opens none', async () => {
    const { telemetry, events } = await startRig()
    atEnd(bridgeTracingChannel(telemetry, 'mysql2:query', { ignore: () => true }))
    telemetry.span('request', () => channels.traceSync(() => telemetry.emit('inside'), { ...query }))
    assert.equal(named(events, 'inside')[0]!.scope?.name, 'request')
  })

  it('ends what was under way when it was unsubscribed, and opens nothing afterwards', async () => {
    const { events, end, ends } = await start()
    let settle = (): void => {}
    const promise = channels.tracePromise(() => new Promise<void>((resolve) => (settle = resolve)), {
      ...query,
    })
    end()
    settle()
    await promise
    channels.traceSync(() => {}, { ...query })
    assert.deepEqual([named(events, 'db.query.start').length, ends().length], [1, 1])
    assert.ok(!hasSubscribers('tracing:mysql2:query:end'))
  })

  it('disturbs no publisher, whatever it publishes', async () => {
    const { telemetry, events } = await startRig()
    const broken = (): never => {
      throw new Error('broken')
    }
    atEnd(
      bridgeTracingChannel(telemetry, 'mysql2:query', { attributes: broken, labels: broken, ignore: broken }),
    )
    assert.equal(
      channels.traceSync(() => 7, {}),
      7,
    )
    channels.start.publish(undefined)
    channels.start.runStores(7, () => {})
    channels.asyncEnd.publish({})
    await until(() => named(events, 'telemetry.handler.failed').length >= 4)
    assert.equal(named(events, 'mysql2.query.success').length, 1)
  })
})

describe('the bridge of Fastify', () => {
  afterEach(endAll)

  it('tells the server’s span the route, and what the handler failed with', async () => {
    const { telemetry, events, spans } = await startRig()
    atEnd(bridgeAll(telemetry))
    const fastify = publisher('fastify.request.handler')
    const { url } = await serve((raw, response) => {
      const message: object = { request: { raw }, reply: {}, route: { url: '/users/:id', method: 'GET' } }
      fastify.start.runStores(message, () => {
        if (raw.url === '/users/9') {
          response.statusCode = 500
          fastify.error.publish(Object.assign(message, { error: new RangeError('broken') }))
        }
        response.end()
      })
    })
    for (const path of ['/users/7', '/users/9'])
      await new Promise((resolve) => get(url + path, (response) => response.resume().on('end', resolve)))
    await until(() => named(events, 'http.server.request.error').length === 1)
    const servers = (await spans()).filter(({ kind }) => kind === 2)
    assert.deepEqual(
      servers.map(({ name, status, attributes }) => [name, status, attributes['error.type']]),
      [
        ['GET /users/:id', { code: 0, message: '' }, undefined],
        ['GET /users/:id', { code: 2, message: 'broken' }, 'RangeError'],
      ],
    )
  })
})
