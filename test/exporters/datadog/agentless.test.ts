// Guards the requests that reach Datadog's API: bodies, names, tags, encodings and sizes as published.
import assert from 'node:assert/strict'
import { counter, datadog, distribution, lastValue, sum } from '../../../src/index.ts'
import { createFakeDatadog, type FakeDatadog } from './fake.ts'
import { type SimulatedDatadog, startDatadog } from './simulated-datadog.ts'

/** Of the simulated clock, in seconds. */
const startOfTime = 1_700_000_000
const key = 'dd0123456789abcdef0123456789abcd'

describe('datadog, agentless', () => {
  let fake: FakeDatadog
  let running: SimulatedDatadog | undefined
  const start = async (
    init: Record<string, unknown> = {},
    options: Parameters<typeof startDatadog>[1] = {},
  ) => {
    running = await startDatadog({ api_key: key, api_url: fake.url, hostname: 'web-1', ...init }, options)
    return running
  }
  beforeEach(async () => {
    fake = createFakeDatadog()
    await fake.listen()
  })
  afterEach(async () => {
    await running?.telemetry.stop({ timeoutMs: 500 })
    running = undefined
    await fake.close()
    assert.deepEqual(fake.violations, [])
  })

  it('sends counts with their interval and durations as distributions', async () => {
    const { telemetry, clock, flush, ledger } = await start({ service: 'shop', env: 'prod' })
    for (let i = 0; i < 3; i++)
      telemetry.emit('job.success', { count: 2, duration_ms: 10 + i }, { queue: 'mail', correlation_id: i })
    await clock.settle()
    await clock.advance(11_000)
    await flush()
    const [series, points] = fake.requests
    assert.deepEqual(series?.body, {
      series: [
        {
          metric: 'job.success.count',
          type: 1,
          interval: 10,
          points: [{ timestamp: startOfTime + 10, value: 6 }],
          tags: ['service:shop', 'env:prod', 'queue:mail'],
          resources: [{ type: 'host', name: 'web-1' }],
        },
      ],
    })
    assert.deepEqual(points?.body, {
      series: [
        {
          metric: 'job.success.duration_ms',
          type: 'distribution',
          points: [[startOfTime + 10, [10, 11, 12]]],
          tags: ['service:shop', 'env:prod', 'queue:mail'],
          host: 'web-1',
        },
      ],
    })
    assert.deepEqual([series?.path, points?.path], ['/api/v2/series', '/api/v1/distribution_points'])
    assert.equal(series?.key, key)
    assert.equal(ledger().delivered, 3)
  })

  it('sums up for as long as it is told to, and no longer than until a flush', async () => {
    const { telemetry, clock, flush, ledger } = await start({ aggregation_interval: 3, flush_interval: 1 })
    telemetry.emit('job.done', { count: 1 })
    await clock.advance(2000)
    telemetry.emit('job.done', { count: 1 })
    assert.equal(fake.requests.length, 0)
    assert.equal(ledger().pending.held, 2)
    await clock.advance(2500)
    await clock.until(() => ledger().delivered === 2)
    assert.equal(fake.requests[0]?.body.series[0]?.interval, 3)
    telemetry.emit('job.done', { count: 1 })
    await flush()
    assert.equal(fake.requests[1]?.body.series[0]?.interval, 1)
    assert.equal(fake.total('job.done.count'), 3)
  })

  it('gives no two windows the same time, however often it is flushed: one would overwrite the other', async () => {
    const { telemetry, flush } = await start()
    for (let i = 0; i < 20; i++) {
      telemetry.emit('job.done', { count: 1 })
      await flush()
    }
    assert.equal(fake.total('job.done.count'), 20)
  })

  it('makes declared metrics: last values are gauges, the others what they are', async () => {
    const { telemetry, flush } = await start(
      {},
      {
        metrics: [
          lastValue('queue.depth', { measurement: 'depth', name: 'queue.depth', tags: ['queue'] }),
          counter('queue.*', { name: 'queue.events' }),
          sum('queue.depth', { measurement: 'bytes', name: 'queue.bytes', unit: ['kilobyte', 'byte'] }),
          distribution('queue.depth', { measurement: 'age', name: 'queue.age' }),
        ],
      },
    )
    telemetry.emit('queue.depth', { depth: 7, bytes: 1, age: 3 }, { queue: 'mail', shard: 1 })
    telemetry.emit('queue.depth', { depth: -2, bytes: 2, age: 4 }, { queue: 'mail', shard: 2 })
    await flush()
    assert.equal(fake.gauge('queue.depth'), -2)
    assert.deepEqual(fake.tagsOf('queue.depth'), ['queue:mail'])
    assert.equal(fake.total('queue.events'), 2)
    assert.equal(fake.total('queue.bytes'), 3000)
    assert.deepEqual(fake.values('queue.age'), [3, 4])
    assert.equal(running?.ledger().delivered, 2)
  })

  it('lets a declared metric stand for the inferred one of its name', async () => {
    const { telemetry, flush } = await start(
      {},
      { metrics: [counter('job.done', { name: 'job.done.count' })] },
    )
    telemetry.emit('job.done', { count: 5 })
    await flush()
    assert.equal(fake.total('job.done.count'), 1)
  })

  it('refuses two declared metrics of one name', () => {
    const metrics = [
      counter('job.a', { name: 'jobs' }),
      lastValue('job.b', { measurement: 'n', name: 'jobs' }),
    ]
    assert.throws(() => datadog({ metrics }), { code: 'METRIC_INVALID' })
  })

  for (const [compression, encodings] of [
    ['none', [undefined, undefined]],
    ['deflate', ['deflate', 'deflate']],
    ['gzip', ['gzip', 'deflate']],
  ] as const)
    it(`compresses as it is told to: ${compression}`, async () => {
      const { telemetry, flush } = await start({ compression })
      telemetry.emit('job.done', { count: 1, duration_ms: 1 })
      await flush()
      assert.deepEqual(
        fake.requests.map(({ encoding }) => encoding),
        encodings,
      )
      assert.equal(fake.total('job.done.count'), 1)
    })

  it('splits what is larger than a request may be, whatever the configuration allows', async () => {
    const { telemetry, clock, ledger } = await start({
      ...{ compression: 'none', batch_size: 100_000, max_request_bytes: 100_000_000 },
    })
    const word = 'x'.repeat(180)
    for (let i = 0; i < 4000; i++)
      telemetry.emit('job.done', { count: 1, duration_ms: i }, { i, a: `a${word}`, b: `b${word}` })
    const flushed = telemetry.flush()
    await clock.until(() => ledger().delivered === 4000)
    await flushed
    assert.equal(fake.total('job.done.count'), 4000)
    assert.equal(fake.values('job.done.duration_ms').length, 4000)
    assert.ok(fake.requests.length > 6)
    assert.ok(fake.requests.every(({ rawBytes }) => rawBytes <= 512_000))
  })

  it('hands over the values of a busy metric before the window is over, each with its event', async () => {
    const { telemetry, clock, flush, ledger } = await start()
    for (let i = 0; i < 1234; i++) telemetry.emit('job.done', { count: 1, duration_ms: i })
    await clock.settle()
    assert.deepEqual([ledger().pending.queued, ledger().pending.held], [1000, 234])
    await flush()
    assert.deepEqual(
      fake.values('job.done.duration_ms').sort((a, b) => a - b),
      Array.from({ length: 1234 }, (_, i) => i),
    )
    assert.equal(fake.total('job.done.count'), 1234)
    assert.equal(ledger().delivered, 1234)
  })

  it('keeps the path and the query of api_url', async () => {
    const proxied = createFakeDatadog('/datadog')
    await proxied.listen()
    try {
      const { telemetry, flush } = await start({ api_url: `${proxied.url}/` })
      telemetry.emit('job.done', { count: 1 })
      await flush()
      assert.equal(proxied.total('job.done.count'), 1)
      assert.equal(telemetry.status().exporters.datadog?.client.url, proxied.url)
    } finally {
      await proxied.close()
    }
  })
})
