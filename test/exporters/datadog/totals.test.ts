// Guards the sums: whatever happens on the way - a rotated key, another address, an outage, the end - Datadog's
// totals are what was emitted.
import assert from 'node:assert/strict'
import { assertExact } from '../../support/ledger.ts'
import { createFakeDatadog, type FakeDatadog } from './fake.ts'
import { type SimulatedDatadog, startDatadog } from './simulated-datadog.ts'

const [oldKey, newKey] = ['dd-old-0123456789abcdef', 'dd-new-0123456789abcdef']
const events = 100_000
const tagSets = 2000

describe('the totals at Datadog', () => {
  let here: FakeDatadog
  let there: FakeDatadog
  let running: SimulatedDatadog
  const emitted = new Map<string, number>()
  let durations = 0

  beforeEach(async () => {
    emitted.clear()
    durations = 0
    ;[here, there] = [createFakeDatadog(), createFakeDatadog('/proxy')]
    await Promise.all([here.listen(), there.listen()])
    running = await startDatadog({
      ...{ api_key: oldKey, api_url: here.url, event_patterns: ['job.*'] },
      ...{ reset_timeout: 5, hostname: 'web-1' },
      // Simulated time flies past real answers: no attempt is to be cut, and sent twice.
      ...{ timeout: 3600, drain_timeout: 3600 },
    })
  })
  afterEach(async () => {
    await running.telemetry.stop({ timeoutMs: 1000 })
    await Promise.all([here.close(), there.close()])
    assert.deepEqual([...here.violations, ...there.violations], [])
  })

  /** The events from `from` to `to`, over all tag sets, while time passes. */
  const emit = async (from: number, to: number): Promise<void> => {
    for (let i = from; i < to; i++) {
      const [shard, queue] = [i % 40, Math.floor(i / 40) % (tagSets / 40)]
      const measurements: Record<string, number> = { count: 1 + (i % 3) }
      if (i % 5 === 0) {
        measurements.duration_ms = i % 1000
        durations++
      }
      running.telemetry.emit('job.success', measurements, { shard, queue: `q${queue}`, correlation_id: i })
      const id = `queue:q${queue},shard:${shard}`
      emitted.set(id, (emitted.get(id) ?? 0) + 1 + (i % 3))
      if (i % 2500 === 2499) await running.clock.advance(700)
    }
  }

  const assertTotals = (): void => {
    const arrived = new Map<string, number>()
    for (const fake of [here, there])
      for (const [tags, sum] of fake.byTags('job.success.count'))
        arrived.set(tags, (arrived.get(tags) ?? 0) + sum)
    assert.equal(arrived.size, Math.min(tagSets, emitted.size))
    assert.deepEqual(
      [...arrived].sort(([a], [b]) => a.localeCompare(b)),
      [...emitted].sort(([a], [b]) => a.localeCompare(b)),
    )
    const values = [...here.values('job.success.duration_ms'), ...there.values('job.success.duration_ms')]
    assert.equal(values.length, durations)
  }

  it('are what was emitted, through a new key, an outage, new sites, a new address and the shutdown', async () => {
    const { telemetry, clock, ledger } = running
    await emit(0, 20_000)

    here.keys.add(oldKey).add(newKey)
    await telemetry.config.put('telemetry.datadog.api_key', newKey)
    // Requests under way with the old key are given their time by the operator, then it is revoked.
    await clock.until(() => ledger().pending.in_flight === 0)
    here.keys.delete(oldKey)
    await emit(20_000, 40_000)

    here.reply = ({ path }) => (path === '/api/v2/series' ? { status: 503 } : undefined)
    await emit(40_000, 50_000)
    here.reply = () => ({ status: 503 })
    await emit(50_000, 60_000)
    await here.close()
    await emit(60_000, 70_000)
    await clock.until(() => telemetry.status().exporters.datadog?.breaker === 'open', { stepMs: 200 })
    await here.listen()
    here.reply = () => undefined
    await clock.until(() => telemetry.status().exporters.datadog?.breaker === 'closed', { stepMs: 500 })
    await emit(70_000, 80_000)

    // A site's own address is not on this machine; another site is another client all the same.
    await telemetry.config.put('telemetry.datadog.site', 'datadoghq.eu')
    await emit(80_000, 90_000)
    await telemetry.config.put({
      'telemetry.datadog.api_url': there.url,
      'telemetry.datadog.site': 'us5.datadoghq.com',
    })
    await emit(90_000, 100_000)

    const report = await telemetry.stop({ timeoutMs: 10_000 })
    assert.equal(report.complete, true)
    assertExact(running.ledger())
    assert.equal(ledger().delivered, events)
    assertTotals()
    assert.ok(there.requests.length > 0)
    assert.equal(
      there.requests.every(({ key }) => key === newKey),
      true,
    )
  })

  it('never sends a part twice when only the other one has to be tried again', async () => {
    let failures = 3
    here.reply = ({ path }) =>
      path === '/api/v1/distribution_points' && failures-- > 0 ? { status: 429 } : undefined
    await emit(0, 2500)
    await running.clock.advance(12_000)
    await running.clock.until(() => running.ledger().delivered === 2500, { stepMs: 1000 })
    assertTotals()
    const seriesSent = here.requests
      .filter(({ path }) => path === '/api/v2/series')
      .reduce((sum, { body }) => sum + body.series.length, 0)
    assert.equal(seriesSent, tagSets)
  })
})
