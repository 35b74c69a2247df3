// Guards what reaches Datadog's API: bodies as published, every event once, through rotation, outage and shutdown.
import assert from 'node:assert/strict'
import { createFakeDatadog, type FakeDatadog } from './fake.ts'
import { type Running, run } from './harness.ts'

/** Of the simulated clock, in seconds. */
const startOfTime = 1_700_000_000
const key = 'dd0123456789abcdef0123456789abcd'

describe('datadog, agentless', () => {
  let fake: FakeDatadog
  let running: Running[]
  const start = async (init: Record<string, unknown> = {}, options: Parameters<typeof run>[1] = {}) => {
    const one = await run({ api_key: key, api_url: fake.url, ...init }, options)
    running.push(one)
    return one
  }
  beforeEach(async () => {
    running = []
    fake = createFakeDatadog()
    await fake.listen()
  })
  afterEach(async () => {
    for (const { telemetry } of running) await telemetry.stop({ timeoutMs: 500 })
    await fake.close()
    assert.deepEqual(fake.violations, [])
  })

  it('sends counts with their interval and durations as distributions', async () => {
    const { telemetry, clock, flush, ledger } = await start({
      service: 'shop',
      env: 'prod',
      hostname: 'web-1',
    })
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
          points: [
            {
              timestamp: startOfTime + 10,
              value: 6,
            },
          ],
          tags: ['service:shop', 'env:prod', 'queue:mail'],
          resources: [{ type: 'host', name: 'web-1' }],
        },
      ],
    })
    assert.equal(points?.path, '/api/v1/distribution_points')
    assert.deepEqual(fake.values('job.success.duration_ms'), [10, 11, 12])
    assert.deepEqual(fake.tagsOf('job.success.duration_ms'), ['service:shop', 'env:prod', 'queue:mail'])
    assert.equal(series?.key, key)
    assert.equal(ledger().delivered, 3)
  })
})
