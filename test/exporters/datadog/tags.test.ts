// Guards what becomes a tag and what is refused, and that too many combinations cost tags and nothing else.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { counter, sum } from '../../../src/index.ts'
import { assertExact } from '../../support/ledger.ts'
import { createFakeDatadog, type FakeDatadog } from './fake.ts'
import { type SimulatedDatadog, startDatadog } from './simulated-datadog.ts'

describe('datadog tags', () => {
  let fake: FakeDatadog
  let running: SimulatedDatadog | undefined
  const start = async (
    init: Record<string, unknown> = {},
    options: Parameters<typeof startDatadog>[1] = {},
  ) => {
    running = await startDatadog(
      { api_key: 'dd0123456789', api_url: fake.url, hostname: 'web-1', ...init },
      options,
    )
    return running
  }
  const tagsOf = async (metadata: Record<string, unknown>, init: Record<string, unknown> = {}) => {
    const { telemetry, flush } = await start(init)
    telemetry.emit('job.done', { count: 1 }, metadata)
    await flush()
    return fake.tagsOf('job.done.count')
  }
  beforeEach(async () => {
    fake = createFakeDatadog()
    await fake.listen()
  })
  afterEach(async () => {
    if (running) assertExact(running.ledger())
    await running?.telemetry.stop({ timeoutMs: 500 })
    running = undefined
    await fake.close()
    assert.deepEqual(fake.violations, [])
  })

  const ids = { correlation_id: 'c', request_id: 'r', trace_id: 't', span_id: 's', traceparent: 'p' }

  it('are strings, finite numbers and booleans, and never ids', async () => {
    const metadata = {
      ...ids,
      s: 'text',
      n: 1.5,
      b: false,
      inf: Infinity,
      list: [1],
      nothing: null,
      empty: '',
    }
    assert.deepEqual(await tagsOf(metadata), ['b:false', 'n:1.5', 's:text'])
  })

  it('are never ids, not even when asked for', async () => {
    assert.deepEqual(await tagsOf({ ...ids, queue: 'mail' }, { labels: ['correlation_id', 'queue', '*'] }), [
      'queue:mail',
    ])
  })

  it('are those that `labels` allows and `labels_deny` does not', async () => {
    const metadata = { queue: 'a', queue_secret: 'b', shard: 1 }
    assert.deepEqual(await tagsOf(metadata, { labels: ['queue*'], labels_deny: ['*_secret'] }), ['queue:a'])
  })

  it('come from the configuration too, unless the event has one of the same key', async () => {
    const init = { service: 'Shop', env: 'prod', version: '1.2', tags: { team: 'core', tier: 'x' } }
    assert.deepEqual(await tagsOf({ env: 'canary' }, init), [
      'service:shop',
      'version:1.2',
      'team:core',
      'tier:x',
      'env:canary',
    ])
  })

  it('can be changed while it runs', async () => {
    const { telemetry, flush } = await start()
    await telemetry.config.put({ 'datadog.tags': ['team:core'], 'datadog.labels': ['queue'] })
    telemetry.emit('job.done', { count: 1 }, { queue: 'mail', shard: 1 })
    await flush()
    assert.deepEqual(fake.tagsOf('job.done.count'), ['team:core', 'queue:mail'])
  })

  it('make one context of one set, however it is written down', async () => {
    const { telemetry, flush } = await start()
    telemetry.emit('job.done', { count: 1 }, { queue: 'mail', n: 1 })
    telemetry.emit('job.done', { count: 1 }, { n: '1', queue: 'Mail' })
    await flush()
    assert.deepEqual([...fake.byTags('job.done.count')], [['n:1,queue:mail', 2]])
  })

  it('beyond max_contexts are given up for one overflow, and nothing else is', async () => {
    const { telemetry, flush, ledger } = await start({ max_contexts: 10 })
    for (let i = 0; i < 100; i++) telemetry.emit('job.done', { count: 1, duration_ms: i }, { user: i })
    await flush()
    assert.equal(fake.total('job.done.count'), 100)
    assert.equal(fake.values('job.done.duration_ms').length, 100)
    assert.equal(fake.byTags('job.done.count').size, 11)
    assert.equal(fake.byTags('job.done.count').get('otel_metric_overflow:true'), 90)
    assert.equal(ledger().delivered, 100)
    assert.equal(telemetry.status().exporters.datadog?.client.overflowing, 'job.done.count')
  })

  it('beyond every bound are dropped and counted', async () => {
    const { telemetry, flush, ledger } = await start({ max_contexts: 1 })
    for (let i = 0; i < 1500; i++) telemetry.emit(`job.n${i}`, { count: 1 })
    await flush()
    assert.equal(ledger().dropped.metric_limit, 499)
    assert.equal(ledger().delivered, 1001)
  })

  it('of invalid values are not read: those are refused', async () => {
    const { telemetry, flush, ledger } = await start()
    const bad = [Number.NaN, Infinity, -1, -Infinity, 'x' as unknown as number]
    for (const value of bad) telemetry.emit('job.done', { count: value })
    for (const value of bad) telemetry.emit('job.done', { duration_ms: value })
    telemetry.emit('job.done', { count: 1, duration_ms: -5 })
    telemetry.emit('job.done', { other: 1 })
    for (let i = 0; i < 2; i++) telemetry.emit('job.huge', { count: Number.MAX_VALUE })
    await flush()
    const { accepted, delivered, dropped } = ledger()
    assert.equal(accepted, 14)
    assert.equal(delivered, 2)
    assert.equal((dropped.refused ?? 0) + (dropped.ignored ?? 0), 12)
    assert.equal(fake.total('job.done.count'), 1)
    assert.deepEqual(fake.values('job.done.duration_ms'), [])
  })

  it('of functions that throw cost that metric, and touch nothing else', async () => {
    const boom = (): never => {
      throw new Error('boom')
    }
    const metrics = [
      counter('job.done', { name: 'throws', keep: boom }),
      sum('job.*', { name: 'sums', measurement: 'n' }),
    ]
    const { telemetry, flush, ledger } = await start({}, { metrics })
    telemetry.emit('job.done', { n: 2 })
    telemetry.emit('job.done', {})
    await flush()
    assert.equal(fake.total('sums'), 2)
    assert.deepEqual([ledger().delivered, ledger().dropped], [1, { failed: 1 }])
    assert.equal(telemetry.status().exporters.datadog?.client.failed, 2)
  })

  it('of any metadata at all lose no count, and break no rule of Datadog', async () => {
    const { telemetry, flush } = await start({ max_contexts: 100 })
    let emitted = 0
    const events = fc.record({
      name: fc.oneof(
        fc.constant('job.a'),
        fc.string({ unit: 'binary' }).map((text) => `job.${text}`),
      ),
      count: fc.integer({ min: 0, max: 100 }),
      metadata: fc.dictionary(
        fc.string({ unit: 'binary' }),
        fc.oneof(fc.string({ unit: 'binary' }), fc.double()),
      ),
    })
    fc.assert(
      fc.property(events, ({ name, count, metadata }) => {
        telemetry.emit(name, { count }, metadata)
        emitted += count
      }),
      { numRuns: 500 },
    )
    await flush()
    const total = fake.requests
      .flatMap(({ body }) => body.series)
      .reduce((all, { points }) => all + (points as { value: number }[])[0]!.value, 0)
    assert.equal(total, emitted)
  })
})
