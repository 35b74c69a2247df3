// Guards what each answer of Datadog means: what is tried again, what is given up, what is said, and that each part
// arrives once.
import assert from 'node:assert/strict'
import { secondsToWait } from '../../../src/exporters/datadog/answers.ts'
import { assertExact } from '../../support/ledger.ts'
import { createFakeDatadog, type FakeDatadog, type Reply } from './fake.ts'
import { type SimulatedDatadog, startDatadog } from './simulated-datadog.ts'

const key = 'dd0123456789abcdef0123456789abcd'
const [seriesPath, distributionPath] = ['/api/v2/series', '/api/v1/distribution_points']

describe('an answer of Datadog', () => {
  let fake: FakeDatadog
  let running: SimulatedDatadog
  const status = () => running.telemetry.status().exporters.datadog!

  const start = async (init: Record<string, unknown> = {}): Promise<void> => {
    running = await startDatadog({ api_key: key, api_url: fake.url, ...init })
  }
  /** Two events with a count, two with a duration, one with both: five contexts. */
  const emit = (): void => {
    const { telemetry } = running
    for (const n of [1, 2]) telemetry.emit('job.counted', { count: n }, { n })
    for (const n of [1, 2]) telemetry.emit('job.timed', { duration_ms: n }, { n })
    telemetry.emit('job.both', { count: 5, duration_ms: 5 })
  }
  /** Answers a path's next requests; the rest is taken. */
  const reply = (path: string, ...replies: Reply[]): void => {
    fake.reply = (request) => (request.path === path ? replies.shift() : undefined)
  }
  const settled = (stepMs = 0): Promise<void> =>
    running.clock.until(
      () => {
        const { buffered, held, queued, in_flight } = running.ledger().pending
        return buffered + held + queued + in_flight === 0
      },
      { stepMs },
    )
  /** Hands everything over and waits, in simulated time, until it is settled. */
  const send = async (): Promise<void> => {
    emit()
    const flushed = running.telemetry.flush({ timeoutMs: 600_000 })
    await settled(100)
    await flushed
  }
  /** The breaker opens with the answer to the second part: what comes of the batch waits. */
  const sendIntoOpenBreaker = async (): Promise<void> => {
    void running.telemetry.flush({ timeoutMs: 1000 })
    await running.clock.until(() => requestsTo(distributionPath).length > 0, { stepMs: 10 })
    await running.clock.until(() => running.ledger().pending.in_flight === 0, { stepMs: 10 })
  }
  const requestsTo = (path: string) => fake.requests.filter((request) => request.path === path)

  beforeEach(async () => {
    fake = createFakeDatadog()
    await fake.listen()
  })
  afterEach(async () => {
    assertExact(running.ledger())
    await running.telemetry.stop({ timeoutMs: 500 })
    await fake.close()
    assert.deepEqual(fake.violations, [])
  })

  const assertEverythingArrivedOnce = (): void => {
    assert.equal(running.ledger().delivered, 5)
    assert.deepEqual(running.ledger().dropped, {})
    assert.equal(fake.total('job.counted.count'), 3)
    assert.equal(fake.total('job.both.count'), 5)
    assert.deepEqual(fake.values('job.timed.duration_ms'), [1, 2])
    assert.deepEqual(fake.values('job.both.duration_ms'), [5])
  }

  for (const code of [408, 429, 500, 502, 503, 504, 529])
    it(`${code} is tried again`, async () => {
      await start()
      reply(seriesPath, { status: code })
      await send()
      assertEverythingArrivedOnce()
      assert.equal(requestsTo(seriesPath).length, 2)
      assert.equal(requestsTo(distributionPath).length, 1)
      assert.equal(status().breaker, 'closed')
    })

  for (const code of [408, 429, 500, 503])
    it(`${code} for the distributions alone leaves alone the counts that arrived`, async () => {
      await start()
      reply(distributionPath, { status: code }, { status: code })
      await send()
      assertEverythingArrivedOnce()
      assert.equal(requestsTo(seriesPath).length, 1)
      assert.equal(requestsTo(distributionPath).length, 3)
    })

  it('does not send what it counted as dropped for want of room', async () => {
    running = await startDatadog({ api_key: 'k', api_url: fake.url, queue_bytes: 65_536, flush_interval: 1 })
    fake.reply = () => ({ status: 503, headers: { 'retry-after': '5' } })
    for (let round = 0; round < 4; round += 1) {
      for (let n = 0; n < 5_000; n += 1)
        running.telemetry.emit('job.counted', { count: 1 }, { n: n % 300, round })
      await running.clock.advance(1_200)
    }
    fake.reply = () => undefined
    const flushed = running.telemetry.flush({ timeoutMs: 60_000 })
    await settled(100)
    await flushed
    const { accepted, delivered, dropped } = running.ledger()
    assert.ok(dropped.queue_full! > 0)
    assert.deepEqual(
      [fake.total('job.counted.count'), delivered],
      [delivered, accepted - dropped.queue_full!],
    )
  })

  it('429 is waited for as long as X-RateLimit-Reset says', async () => {
    await start()
    const headers = { 'x-ratelimit-limit': '100', 'x-ratelimit-period': '60', 'x-ratelimit-reset': '42' }
    reply(seriesPath, { status: 429, headers })
    emit()
    const flushed = running.telemetry.flush({ timeoutMs: 600_000 })
    await running.clock.until(() => fake.requests.length === 1)
    await running.clock.until(() => running.ledger().pending.queued === 5)
    await running.clock.advance(41_000)
    assert.equal(fake.requests.length, 1)
    await running.clock.advance(2000)
    await settled()
    await flushed
    assertEverythingArrivedOnce()
  })

  it('403 says in words that the key was refused, opens the breaker, and costs that batch only', async () => {
    fake.keys.add('another key')
    await start()
    emit()
    const flushed = running.telemetry.flush({ timeoutMs: 1000 })
    await running.clock.until(() => running.ledger().dropped.misdirected === 5)
    await running.clock.advance(1000)
    await flushed
    assert.equal(status().breaker, 'open')
    assert.equal(status().lastError?.code, 'DATADOG_API_KEY_REFUSED')
    assert.match(String(status().lastError?.message), /refused the API key/)
    assert.ok(!JSON.stringify(running.telemetry.status()).includes(key))

    emit()
    await running.clock.advance(15_000)
    assert.equal(running.ledger().pending.queued, 5)
    fake.keys.clear()
    await running.telemetry.config.put('telemetry.datadog.api_key', 'another-key-0123456789')
    await settled(1000)
    assert.equal(running.ledger().delivered, 5)
    assert.equal(running.ledger().dropped.misdirected, 5)
  })

  it('403 for one of two parts drops the events that it is part of, and no others', async () => {
    await start()
    reply(distributionPath, { status: 403 })
    emit()
    void running.telemetry.flush({ timeoutMs: 1000 })
    await running.clock.until(() => status().breaker === 'open')
    assert.equal(status().lastError?.code, 'DATADOG_API_KEY_REFUSED')
    await settled(1000)
    const { delivered, dropped } = running.ledger()
    assert.deepEqual([delivered, dropped], [2, { misdirected: 3 }])
    assert.equal(fake.requests.length, 2)
  })

  it('403 for one of two parts is forgotten when the key changes before it was settled', async () => {
    await start({ max_in_flight: 1 })
    reply(distributionPath, { status: 403 })
    emit()
    void running.telemetry.flush({ timeoutMs: 1000 })
    await running.clock.until(() => status().breaker === 'open')
    await running.telemetry.config.put('telemetry.datadog.api_key', 'another-key-0123456789')
    await settled(1000)
    const { delivered, dropped } = running.ledger()
    assert.equal(delivered + (dropped.misdirected ?? 0), 5)
    assert.ok(delivered > 2)
    assert.equal(status().breaker, 'closed')
    assert.equal(requestsTo(seriesPath).length, 1)
  })

  it('400 for one of two parts drops the events that it is part of, and no others', async () => {
    await start()
    reply(distributionPath, { status: 400, body: '{"errors":["bad"]}' })
    await send()
    const { delivered, dropped } = running.ledger()
    assert.deepEqual([delivered, dropped], [2, { rejected: 3 }])
    assert.equal(fake.requests.length, 2)
    assert.equal(status().breaker, 'closed')

    reply(seriesPath, { status: 400 })
    await send()
    assert.deepEqual(running.ledger().dropped, { rejected: 6 })
    assert.equal(running.ledger().delivered, 4)
  })

  it('501 is final, and a failure of the backend', async () => {
    await start({ failure_threshold: 1 })
    reply(seriesPath, { status: 501 })
    emit()
    void running.telemetry.flush({ timeoutMs: 1000 })
    await running.clock.until(() => status().breaker === 'open', { stepMs: 10 })
    assert.equal(requestsTo(seriesPath).length, 1)
    await settled(1000)
    assert.deepEqual(running.ledger().dropped, { rejected: 3 })
  })

  it('202 with errors is never sent again: as many values as it names are rejected', async () => {
    await start()
    reply(seriesPath, { status: 202, body: '{"errors":["timestamp too old"]}' })
    await send()
    const { delivered, dropped } = running.ledger()
    assert.deepEqual([delivered, dropped], [4, { rejected: 1 }])
    assert.equal(requestsTo(seriesPath).length, 1)
    assert.equal(status().client.lastRefusal, 'timestamp too old')
  })

  it('202 with a body that is not JSON is a success', async () => {
    await start()
    reply(seriesPath, { status: 202, body: '<html>' })
    await send()
    assertEverythingArrivedOnce()
  })

  it('413 halves a request, down to the one that is too large', async () => {
    await start()
    fake.reply = ({ path, body }) =>
      path === seriesPath &&
      body.series.some(({ value, points }) => value ?? /"value":2\b/.test(JSON.stringify(points)))
        ? { status: 413 }
        : undefined
    await send()
    const { delivered, dropped } = running.ledger()
    assert.deepEqual([delivered, dropped], [4, { too_large: 1 }])
    assert.equal(fake.total('job.counted.count'), 1)
    assert.equal(fake.total('job.both.count'), 5)
  })

  it('501 for one of two parts has nothing dropped as too large that has arrived, however small requests become', async () => {
    await start({ max_in_flight: 1 })
    const large = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`key_${i}`, 'x'.repeat(190)]))
    fake.reply = ({ path }) => {
      if (path === seriesPath) return undefined
      running.telemetry.breaker('datadog').forceOpen()
      return { status: 501 }
    }
    running.telemetry.emit('job.counted', { count: 1 }, large)
    running.telemetry.emit('job.timed', { duration_ms: 1 })
    await sendIntoOpenBreaker()
    await running.telemetry.config.put('telemetry.datadog.max_request_bytes', 2048)
    running.telemetry.breaker('datadog').reset()
    await settled(100)
    assert.equal(fake.total('job.counted.count'), 1)
    const { delivered, dropped } = running.ledger()
    assert.deepEqual([delivered, dropped], [1, { rejected: 1 }])
  })

  it('501 for one of two parts makes ambiguous what has arrived and is dropped before it was settled', async () => {
    await start({ max_in_flight: 1, drain_timeout: 0 })
    fake.reply = ({ path }) => {
      if (path === seriesPath) return undefined
      running.telemetry.breaker('datadog').forceOpen()
      return { status: 501 }
    }
    running.telemetry.emit('job.counted', { count: 1 })
    running.telemetry.emit('job.timed', { duration_ms: 1 })
    await sendIntoOpenBreaker()
    await running.telemetry.config.put('telemetry.datadog.enabled', false)
    await settled(100)
    const arrived = fake.total('job.counted.count')
    const { delivered, ambiguous } = running.ledger()
    assert.equal(arrived, 1)
    assert.ok(delivered <= arrived && arrived <= delivered + ambiguous, JSON.stringify(running.ledger()))
  })

  it('that nobody is there to give is waited for', async () => {
    await start()
    await fake.close()
    emit()
    void running.telemetry.flush({ timeoutMs: 600_000 })
    await running.clock.until(() => status().lastError !== undefined, { stepMs: 10 })
    await fake.listen()
    await settled(1000)
    assertEverythingArrivedOnce()
  })
})

describe('the wait that an answer of Datadog asks for', () => {
  it('is in the X-RateLimit headers of a 429, and of no other answer', () => {
    const limits = { 'x-ratelimit-period': '60', 'x-ratelimit-reset': '7' }
    assert.equal(secondsToWait(429, limits, 0), 7)
    assert.equal(secondsToWait(429, { 'x-ratelimit-period': '60' }, 0), 60)
    assert.equal(secondsToWait(429, { ...limits, 'retry-after': '3' }, 0), 3)
    assert.equal(secondsToWait(429, { 'x-ratelimit-reset': '99999' }, 0), 300)
    for (const junk of ['0', '-5', 'soon', '', '1e9'])
      assert.equal(secondsToWait(429, { 'x-ratelimit-reset': junk }, 0), undefined)
    assert.equal(secondsToWait(503, limits, 0), undefined)
    assert.equal(secondsToWait(503, { 'retry-after': '3' }, 0), 3)
  })
})
