// Guards transactions: one at a time, whole or not at all, merged while one is under way, each call settled; and what
// the store says of them to subscribers and in its status.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { ConfigPlan } from '../../src/config/changes/plan.ts'
import type { PutResult } from '../../src/config/changes/transactions.ts'
import type { SettledChange } from '../../src/config/reporting/reports.ts'
import { TelemetryConfigError } from '../../src/errors.ts'
import { createStore, otel } from './fake.ts'

const refusal = (path: string) =>
  new TelemetryConfigError([{ code: 'PORT_TAKEN', path, message: `${path}: taken` }])

/** An `apply` that waits to be let go, once per plan. */
function gate() {
  const waiting: { plan: ConfigPlan; done: () => void; fail: (error: unknown) => void }[] = []
  let arrived = (): void => {}
  const apply = (plan: ConfigPlan): Promise<void> =>
    new Promise((done, fail) => {
      waiting.push({ plan, done, fail })
      arrived()
    })
  const next = async () => {
    while (waiting.length === 0)
      await new Promise<void>((resolve) => {
        arrived = resolve
      })
    return waiting.shift()!
  }
  return { apply, next }
}

describe('a change of the configuration', () => {
  it('is in force when put resolves, and says what it altered', async () => {
    const { store, plans } = createStore({ init: { otel: {}, page: {} } })
    await store.start()
    const result = await store.put({ 'telemetry.otel.sampling_rate': 0.1, 'page.port': 9465 })
    assert.deepEqual(result, {
      version: 2,
      changes: [
        { path: 'telemetry.otel.sampling_rate', oldValue: 1, newValue: 0.1 },
        { path: 'telemetry.page.port', oldValue: 9464, newValue: 9465 },
      ],
    })
    assert.equal(store.get('telemetry.otel.sampling_rate'), 0.1)
    const [plan] = plans
    assert.deepEqual(
      plan?.exporters.map(({ id, effect, keys }) => ({ id, effect, keys })),
      [
        { id: 'otel', effect: 'hot', keys: ['sampling_rate'] },
        { id: 'page', effect: 'rebuild', keys: ['port'] },
      ],
    )
    await store.stop()
  })

  it('is as strong as its strongest key', async () => {
    const { store, plans } = createStore({ init: { page: {} } })
    await store.start()
    await store.put({ 'page.path': '/a', 'page.host': '::1', 'page.port': 1 })
    assert.equal(plans[0]?.exporters[0]?.effect, 'replace')
    await store.stop()
  })

  it('that changes nothing makes no version and reaches no exporter', async () => {
    const { store, plans } = createStore({ init: { otel: { headers: { a: '1' } } } })
    await store.start()
    assert.deepEqual(await store.put('otel.headers', { a: '1' }), { version: 1, changes: [] })
    assert.deepEqual(await store.unset('otel.sampling_rate'), { version: 1, changes: [] })
    assert.deepEqual(plans, [])
    await store.stop()
  })

  it('adds and removes exporters', async () => {
    const { store, plans } = createStore({ init: { otel: {} } })
    await store.start()
    const added = await store.put({
      'telemetry.otel_eu.type': 'otel',
      'telemetry.otel_eu.endpoint': 'http://eu/',
    })
    assert.deepEqual(
      added.changes.map(({ path }) => path),
      ['telemetry.otel_eu.type', 'telemetry.otel_eu.endpoint'],
    )
    await store.put('telemetry.page', {})
    await store.put('otel_us', { type: 'otel', endpoint: 'http://us/' })
    assert.deepEqual([...store.exporters().keys()], ['otel', 'otel_eu', 'page', 'otel_us'])
    const removed = await store.unset(['telemetry.otel_eu', 'page'])
    assert.ok(
      removed.changes.some(
        ({ path, newValue }) => path === 'telemetry.otel_eu.endpoint' && newValue === undefined,
      ),
    )
    assert.deepEqual([...store.exporters().keys()], ['otel', 'otel_us'])
    assert.deepEqual(
      plans.flatMap(({ exporters }) => exporters.map(({ id, effect }) => `${effect} ${id}`)),
      ['add otel_eu', 'add page', 'add otel_us', 'remove otel_eu', 'remove page'],
    )
    await store.unset('otel')
    assert.ok(store.exporters().has('otel'), 'what init says stays')
    await store.stop()
  })

  it("can't change the type of a living exporter, but may make it anew", async () => {
    const { store } = createStore({ init: {} })
    await store.start()
    await store.put('x', { type: 'otel' })
    await assert.rejects(store.put('x.type', 'page'), {
      code: 'CONFIG_TYPE_FIXED',
      message: /remove it first/,
    })
    const results = await Promise.all([store.unset('x'), store.put('x', { type: 'page', port: 1 })])
    assert.equal(results[1]?.version, 4)
    assert.equal(store.get('x.type'), 'page')
    await store.stop()
  })

  it('is refused whole, and leaves everything as it was', async () => {
    const { store, plans } = createStore({ init: { otel: {}, page: {} } })
    await store.start()
    const before = JSON.stringify(store.explain())
    const error: TelemetryConfigError = await store
      .put({ 'otel.batch_size': 7, 'page.port': 'x', 'otel.nope': 1 })
      .then(
        () => assert.fail('it was not refused'),
        (thrown) => thrown,
      )
    assert.deepEqual(error.problems.map(({ path }) => path).sort(), [
      'telemetry.otel.nope',
      'telemetry.page.port',
    ])
    assert.equal(JSON.stringify(store.explain()), before)
    assert.deepEqual(plans, [])
    assert.equal(store.status().rejected?.source, 'put')
    assert.equal(store.status().version, 1)
    await store.stop()
  })

  it('that an exporter refuses leaves the old configuration in force', async () => {
    const { store } = createStore({
      init: { otel: {}, page: {} },
      apply: async ({ exporters }) => {
        if (exporters.some(({ after }) => after?.config.port === 1)) throw refusal('telemetry.page.port')
      },
    })
    await store.start()
    const heard: unknown[] = []
    store.subscribe('*', (...change) => void heard.push(change))
    await assert.rejects(store.put({ 'page.port': 1, 'otel.batch_size': 7 }), { code: 'PORT_TAKEN' })
    assert.equal(store.get('otel.batch_size'), 512)
    assert.equal(store.get('page.port'), 9464)
    assert.deepEqual(heard, [])
    assert.equal((await store.put('page.port', 2)).version, 2)
    await store.stop()
  })

  it('that arrives while one is under way merges into the next', async () => {
    const { apply, next } = gate()
    const { store } = createStore({ init: { otel: {} }, apply })
    await store.start()
    const first = store.put('otel.batch_size', 1)
    const one = await next()
    const second = store.put('otel.batch_size', 2)
    const third = store.put({ 'otel.batch_size': 3, 'otel.sampling_rate': 0.5 })
    const fourth = store.put('otel.batch_size', 4)
    one.done()
    assert.equal((await first).version, 2)
    const two = await next()
    assert.deepEqual(two.plan.exporters[0]?.keys.toSorted(), ['batch_size', 'sampling_rate'])
    assert.equal(store.get('otel.batch_size'), 1, 'not before it is in force')
    two.done()
    assert.deepEqual(await second, { version: 3, changes: [], superseded: true })
    assert.deepEqual(await third, {
      version: 3,
      changes: [{ path: 'telemetry.otel.sampling_rate', oldValue: 1, newValue: 0.5 }],
    })
    assert.deepEqual(await fourth, {
      version: 3,
      changes: [{ path: 'telemetry.otel.batch_size', oldValue: 1, newValue: 4 }],
    })
    await store.stop()
  })

  it('that is invalid is refused while another is under way, unless that one may make it valid', async () => {
    const { apply, next } = gate()
    const { store } = createStore({ init: { otel: {} }, apply })
    await store.start()
    const first = store.put('otel_eu', { type: 'otel' })
    const one = await next()
    const second = store.put('otel_eu.batch_size', 2)
    await assert.rejects(store.put('otel.batch_size', 0), { code: 'CONFIG_INVALID_VALUE' })
    await assert.rejects(store.put('otel_eu.batch_size', 0), { code: 'CONFIG_INVALID_VALUE' })
    await assert.rejects(store.put('otel_us.batch_size', 1), { code: 'CONFIG_UNKNOWN_TYPE' })
    one.done()
    assert.equal((await first).version, 2)
    const two = await next()
    two.done()
    assert.equal((await second).version, 3)
    await store.stop()
  })

  it('is not refused for the fault of another that it was merged with', async () => {
    const { store } = createStore({
      init: { otel: {}, page: {} },
      apply: async ({ exporters }) => {
        if (exporters.some(({ after }) => after?.config.port === 666)) throw refusal('telemetry.page.port')
      },
    })
    await store.start()
    const puts = [
      store.put('otel.batch_size', 2),
      store.put('page.port', 1),
      store.put('page.port', 666),
      store.put('otel.sampling_rate', 0.5),
      store.put('otel.nope', 1),
    ]
    const settled = await Promise.allSettled(puts)
    assert.deepEqual(
      settled.map(({ status }) => status),
      ['fulfilled', 'fulfilled', 'rejected', 'fulfilled', 'rejected'],
    )
    assert.deepEqual(
      [store.get('otel.batch_size'), store.get('page.port'), store.get('otel.sampling_rate')],
      [2, 1, 0.5],
    )
    await store.stop()
  })

  it('is one of ten thousand, each settles, and the last wins', async () => {
    const { store, plans } = createStore({ init: { otel: {} } })
    await store.start()
    const puts: Promise<PutResult>[] = []
    for (let i = 0; i < 10_000; i++) {
      puts.push(store.put('otel.endpoint', `http://h/${i}`))
      if (i % 2000 === 0) await Promise.resolve()
    }
    const results = await Promise.all(puts)
    assert.equal(store.get('otel.endpoint'), 'http://h/9999')
    assert.ok(plans.length < 50)
    assert.equal(results.filter(({ superseded }) => !superseded).length, plans.length)
    await store.stop()
  })

  it('lands in its layer before the start, and is rejected after the stop', async () => {
    const { store } = createStore({ init: { otel: {} } })
    assert.equal(store.get('otel.batch_size'), 512)
    assert.deepEqual((await store.put('otel.batch_size', 9)).changes, [
      { path: 'telemetry.otel.batch_size', oldValue: 512, newValue: 9 },
    ])
    await assert.rejects(store.put('otel.batch_size', 'x'), TelemetryConfigError)
    await assert.rejects(store.put('nobody.batch_size', 1), { code: 'CONFIG_UNKNOWN_TYPE' })
    assert.equal(store.get('otel.batch_size'), 9)
    const started = store.start()
    const during = store.put('otel.batch_size', 10)
    assert.equal((await started).get('otel')?.config.batch_size, 9)
    assert.equal((await during).version, 2)
    await store.stop()
    await assert.rejects(store.put('otel.batch_size', 1), { code: 'STOPPED' })
    await assert.rejects(store.unset('otel.batch_size'), { code: 'STOPPED' })
    await assert.rejects(store.start(), { code: 'STOPPED' })
    assert.equal(store.get('otel.batch_size'), 10)
  })

  it('that waits is rejected by a stop; the one under way settles with its exporters', async () => {
    const { apply, next } = gate()
    const { store } = createStore({ init: { otel: {} }, apply })
    await store.start()
    const underWay = store.put('otel.batch_size', 1)
    const one = await next()
    const waiting = store.put('otel.batch_size', 2)
    const refused = assert.rejects(waiting, { code: 'STOPPED' })
    await store.stop()
    await refused
    one.done()
    assert.equal((await underWay).version, 2)
  })

  it('obeys the rules a driver has across its keys', async () => {
    const strict = {
      ...otel,
      validate: ({ sampling_rate, service_name }: Readonly<Record<string, unknown>>) =>
        sampling_rate === 0 && service_name === 'unknown'
          ? ([['sampling_rate', 'needs a service_name']] as const)
          : [],
    }
    const { store } = createStore({ types: [strict], init: { otel: {} } })
    await store.start()
    await assert.rejects(store.put('otel.sampling_rate', 0), {
      message: 'telemetry.otel.sampling_rate: needs a service_name',
    })
    await store.put({ 'otel.sampling_rate': 0, 'otel.service_name': 'a' })
    await assert.rejects(store.unset('otel.service_name'), TelemetryConfigError)
    await store.stop()
    const hostile = {
      ...otel,
      validate: () => {
        throw new Error('bug')
      },
    }
    await assert.rejects(createStore({ types: [hostile], init: { otel: {} } }).store.start(), /bug/)
  })
})

describe('subscribers of the configuration', () => {
  it('hear effective values that changed, in order, after the commit, redacted', async () => {
    const { store, lines } = createStore({ init: { otel: { api_key: 'canary-1' }, page: {} } })
    await store.start()
    const heard: unknown[][] = []
    store.subscribe('telemetry.otel.*', () => {
      throw new Error('canary-2 throws')
    })
    const off = store.subscribe('otel.*', (path, oldValue, newValue) => {
      assert.equal(store.status().version, 2)
      heard.push([path, oldValue, newValue])
    })
    store.subscribe('page.*', () => assert.fail('it did not change'))
    await store.put({
      'otel.api_key': 'canary-2',
      'otel.endpoint': 'http://h/?token=canary-3',
      'otel.batch_size': 512,
    })
    assert.deepEqual(heard, [
      ['telemetry.otel.endpoint', 'http://localhost:4318/v1/traces', 'http://h/?[redacted]'],
      ['telemetry.otel.api_key', '[redacted]', '[redacted]'],
    ])
    off()
    await store.put('otel.batch_size', 3)
    assert.equal(heard.length, 2)
    assert.equal(store.status().subscriberErrors, 3)
    assert.ok(lines.length >= 3)
    assert.doesNotMatch(lines.join(), /canary/)
    await store.stop()
  })

  it('may put, unsubscribe and reject inside', async () => {
    const { store } = createStore({ init: { otel: {} } })
    await store.start()
    let follow: Promise<PutResult> | undefined
    const off = store.subscribe('*', () => {
      off()
      follow = store.put('otel.batch_size', 5)
      return Promise.reject(new Error('later'))
    })
    await store.put('otel.sampling_rate', 0.5)
    assert.equal((await follow)?.version, 3)
    assert.equal(store.status().subscriberErrors, 1)
    await store.stop()
  })
})

describe('the status of the configuration', () => {
  it('has the last accepted and the last refused change, and says each settled one', async () => {
    const { store } = createStore({ init: { otel: {} } })
    const settled: SettledChange[] = []
    store.onSettled((change) => void settled.push(change))
    await store.start()
    await store.put('otel.batch_size', 2)
    await assert.rejects(store.put('otel.batch_size', -1))
    const { accepted, rejected, version } = store.status()
    assert.equal(version, 2)
    assert.deepEqual(accepted?.changes, [{ path: 'telemetry.otel.batch_size', oldValue: 512, newValue: 2 }])
    assert.match(rejected?.problems[0]?.message ?? '', /is -1, but must be an integer/)
    assert.deepEqual(
      settled.map(({ type, source, version: at }) => [type, source, at]),
      [
        ['applied', 'put', 2],
        ['rejected', 'put', 2],
      ],
    )
    assert.deepEqual(JSON.parse(JSON.stringify(store.status())), store.status())
    await store.stop()
  })

  it('explains each key: value, layer, origin, and what it shadows', async () => {
    const { store } = createStore({
      env: { TELEMETRY_BATCH_SIZE: '3', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://eco' },
      init: { otel: { batch_size: 4 } },
    })
    await store.start()
    await store.put('otel.batch_size', 5)
    const by = new Map(store.explain().map((one) => [one.path, one]))
    const { value, layer, source, shadows } = by.get('telemetry.otel.batch_size')!
    assert.deepEqual({ value, layer, source }, { value: 5, layer: 'runtime', source: 'put' })
    assert.deepEqual(shadows, [
      { layer: 'init', source: 'init', value: 4 },
      {
        layer: 'environment',
        source: 'environment',
        from: 'environment variable TELEMETRY_BATCH_SIZE',
        value: 3,
      },
      { layer: 'default', source: 'default', value: 512 },
    ])
    assert.equal(by.get('telemetry.otel.endpoint')?.value, 'http://eco/v1/traces')
    assert.equal(by.get('telemetry.otel.headers')?.layer, 'default')
    assert.equal(by.get('telemetry.max_value_length')?.value, 16_384)
    assert.equal(by.get('telemetry.otel.type')?.value, 'otel')
    await store.unset('otel.batch_size')
    assert.equal(store.get('otel.batch_size'), 4)
    await store.stop()
  })
})

describe('a thousand random bad changes', () => {
  const key = fc.oneof(
    fc.constantFrom(
      'otel',
      'telemetry',
      'all',
      'batch_size',
      'type',
      'headers',
      '__proto__',
      'constructor',
      'max_value_length',
      'enabled',
    ),
    fc.string({ maxLength: 8 }),
  )
  const path = fc.array(key, { maxLength: 4 }).map((parts) => parts.join('.'))

  it('are each refused or understood, never half applied, and never crash', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.tuple(path, fc.anything({ withDate: true, withBigInt: true, withNullPrototype: true, key })),
          { maxLength: 4 },
        ),
        async (changes) => {
          const { store } = createStore({ init: { otel: {} } })
          await store.start()
          const before = JSON.stringify(store.get('telemetry'))
          const outcome = await store.put(Object.fromEntries(changes)).then(
            () => 'understood',
            (error) => {
              assert.ok(error instanceof TelemetryConfigError, String(error))
              return 'refused'
            },
          )
          if (outcome === 'refused') assert.equal(JSON.stringify(store.get('telemetry')), before)
          for (const { config } of store.exporters().values())
            assert.ok(Number.isInteger(config.open_timeout ? 1 : 0.5))
          JSON.stringify(store.status())
          assert.deepEqual(Object.keys(Object.prototype), [])
          await store.stop()
        },
      ),
      { numRuns: 500 },
    )
  })

  it('are each refused or understood as init and as a document of a remote source', async () => {
    await fc.assert(
      fc.asyncProperty(fc.anything({ withDate: true, key, withNullPrototype: true }), async (document) => {
        const { store } = createStore({
          init: document as Record<string, unknown>,
          remote: [{ load: () => document as Record<string, unknown> }],
        })
        await store.start().catch((error) => assert.ok(error instanceof TelemetryConfigError, String(error)))
        store.get('telemetry')
        await store.stop()
        assert.deepEqual(Object.keys(Object.prototype), [])
      }),
      { numRuns: 500 },
    )
  })
})
