// Guards the sums: whatever happens on the way - an outage, another endpoint, the end - what backends reckon is what
// was emitted, in either temporality.
import assert from 'node:assert/strict'
import { type Backend, createBackend, metricTotals } from '../../../src/testing/index.ts'
import { assertExact } from '../../support/ledger.ts'
import { type RunningMetrics, startMetrics } from './simulated.ts'

const modes = [
  { temporality: 'cumulative', histogram: 'explicit' },
  { temporality: 'delta', histogram: 'explicit' },
  { temporality: 'delta', histogram: 'exponential' },
  { temporality: 'lowmemory', histogram: 'exponential' },
] as const

for (const mode of modes)
  describe(`the sums of backends, ${mode.temporality} with ${mode.histogram} histograms`, () => {
    let here: Backend
    let there: Backend
    let running: RunningMetrics
    let emitted: number
    const sums = new Map<string, number>()
    const counts = new Map<string, number>()

    beforeEach(async () => {
      sums.clear()
      counts.clear()
      emitted = 0
      ;[here, there] = [createBackend(), createBackend()]
      await Promise.all([here.listen(), there.listen()])
      running = await startMetrics({ ...mode, endpoint: here.metricsUrl, interval: 5, reset_timeout: 5 })
    })
    afterEach(async () => {
      await running.telemetry.stop({ timeoutMs: 1000 })
      await Promise.all([here.close(), there.close()])
      assert.equal(here.malformed + there.malformed, 0)
    })

    /** Events over 40 sets of attributes, each fifth with a duration, while time passes. */
    const emit = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++, emitted++) {
        const shard = emitted % 40
        const key = JSON.stringify({ shard })
        const measurements: Record<string, number> = { count: 1 + (emitted % 3) }
        sums.set(key, (sums.get(key) ?? 0) + 1 + (emitted % 3))
        if (emitted % 5 === 0) {
          measurements.duration_ms = emitted % 1000
          counts.set(key, (counts.get(key) ?? 0) + 1)
        }
        running.telemetry.emit('job.success', measurements, { shard, correlation_id: emitted })
        if (emitted % 500 === 499) await running.clock.advance(1300)
      }
    }

    const assertTotals = (): void => {
      const points = [...here.points, ...there.points]
      const totals = metricTotals(points, 'job.success')
      assert.deepEqual(new Map([...totals].map(([key, { sum }]) => [key, sum])), sums)
      const durations = metricTotals(points, 'job.success.duration')
      assert.deepEqual(new Map([...durations].map(([key, { count }]) => [key, count])), counts)
    }

    it('are what was emitted, through an outage, moves of the endpoint and the stop', async () => {
      await emit(4000)
      here.fault({ type: 'status', status: 503 })
      await emit(4000)
      await here.close()
      await emit(4000)
      await running.clock.until(() => running.status().breaker === 'open', { stepMs: 500 })
      await here.clear()
      await here.reopen()
      await running.clock.until(() => running.status().breaker === 'closed', { stepMs: 500 })
      await emit(4000)
      await running.put('endpoint', there.metricsUrl)
      await emit(4000)
      await running.put('endpoint', here.metricsUrl)
      await emit(4000)

      const report = await running.telemetry.stop({ timeoutMs: 10_000 })
      assert.equal(report.complete, true)
      assertExact(running.ledger())
      assert.equal(running.ledger().delivered, emitted)
      assertTotals()
      assert.ok(there.pointCount > 0)
    })

    it('are what was emitted when requests are small, and some of a collection fail', async () => {
      // Several requests per collection: about every third is turned away, in no rhythm that retries could keep time with.
      // The resource names the command line, which may be long.
      await running.put('max_request_bytes', 2048 + 2 * process.argv.join(' ').length)
      await running.put('retry_attempts', 100)
      let requests = 0
      here.fault({
        type: 'choose',
        choose: () =>
          (requests++ * 2_654_435_761) % 2 ** 32 < 2 ** 32 / 3 ? { type: 'status', status: 429 } : undefined,
      })
      await emit(3000)
      await running.settled()
      assert.equal(running.ledger().delivered, emitted)
      assertTotals()
    })

    it('are what was emitted when the backend takes smaller requests only', async () => {
      here.fault({
        type: 'choose',
        choose: ({ rawBytes }) => (rawBytes > 40_000 ? { type: 'status', status: 413 } : undefined),
      })
      for (let i = 0; i < 1000; i++) {
        running.telemetry.emit('job.wide', { count: 1 }, { wide: `${'x'.repeat(200)}${i}` })
        await Promise.resolve()
      }
      await running.flush()
      assert.equal(running.ledger().delivered, 1000)
      const totals = metricTotals(here.points, 'job.wide')
      assert.equal(totals.size, 1000)
      assert.ok([...totals.values()].every(({ sum }) => sum === 1))
    })
  })

describe('the sums of a backend', () => {
  let backend: Backend
  beforeEach(async () => {
    backend = createBackend()
    await backend.listen()
  })
  afterEach(() => backend.close())

  const total = (metric: string): number =>
    [...metricTotals(backend.points, metric).values()].reduce((all, { sum }) => all + sum, 0)

  it('are what was emitted when the temporality and the kind of histograms change', async () => {
    const running = await startMetrics({ endpoint: backend.metricsUrl })
    const changes: readonly (readonly [string, unknown])[] = [
      ['temporality', 'delta'],
      ['histogram', 'exponential'],
      ['temporality', 'cumulative'],
      ['histogram', 'explicit'],
    ]
    for (const [key, value] of changes) {
      for (let i = 0; i < 10; i++) running.telemetry.emit('job.done', { count: 1, duration_ms: 1000 })
      await running.put(key, value)
    }
    running.telemetry.emit('job.done', { count: 1, duration_ms: 1000 })
    await running.flush()
    assert.equal(running.ledger().delivered, 41)
    assert.equal(total('job.done'), 41)
    assert.equal(total('job.done.duration'), 41)
    await running.telemetry.stop({ timeoutMs: 1000 })
  })

  it('start over after the exporter was disabled, with a new start time', async () => {
    const running = await startMetrics({ endpoint: backend.metricsUrl })
    running.telemetry.emit('job.done', { count: 1 })
    await running.put('enabled', false)
    await running.clock.advance(10_000)
    running.telemetry.emit('job.done', { count: 100 })
    await running.put('enabled', true)
    running.telemetry.emit('job.done', { count: 2 })
    await running.flush()
    assert.deepEqual(
      backend.points.map(({ point }) => 'asDouble' in point && point.asDouble),
      [1, 2],
    )
    const [first, second] = backend.points
    assert.ok(second!.point.startTimeUnixNano > first!.point.timeUnixNano)
    await running.telemetry.stop({ timeoutMs: 1000 })
  })

  it('are sent each interval, whether or not anything was emitted, if they are cumulative', async () => {
    const running = await startMetrics({ endpoint: backend.metricsUrl, interval: 30 })
    running.telemetry.emit('job.done', { count: 1 })
    const times = (): number[] => [
      ...new Set(backend.points.map(({ point }) => Number(point.timeUnixNano / 1_000_000n))),
    ]
    const arrive = (count: number) => running.clock.until(() => times().length >= count, { stepMs: 100 })
    await arrive(3)
    const [first, second] = times()
    assert.ok(second! - first! >= 28_500, `${times()}`)
    await running.put('interval', 5)
    const before = times().length
    await arrive(before + 3)
    const [third, fourth] = times().slice(before)
    assert.ok(fourth! - third! < 28_500, `${times()}`)
    await running.telemetry.stop({ timeoutMs: 1000 })
  })

  it('lack what the backend rejected, which shows in the status and the ledger', async () => {
    const running = await startMetrics({ endpoint: backend.metricsUrl, temporality: 'delta' })
    const emit = () => {
      for (const shard of [1, 2, 3]) running.telemetry.emit('job.done', { count: 1 }, { shard })
    }
    emit()
    backend.fault({ type: 'partial', rejected: 1, message: 'too old' }, { times: 1 })
    await running.flush()
    assert.equal(running.ledger().delivered, 3)
    const { rejectedPoints, lastRejection } = running.status().client as Record<string, unknown>
    assert.equal(rejectedPoints, 1)
    assert.match(String(lastRejection), /rejected 1 of 3 data points: too old/)
    emit()
    backend.fault({ type: 'partial', rejected: 3, message: 'too old' }, { times: 1 })
    await running.flush()
    assert.deepEqual(running.ledger().dropped, { rejected: 3 })
    assertExact(running.ledger())
    await running.telemetry.stop({ timeoutMs: 1000 })
  })

  for (const temporality of ['delta', 'cumulative'])
    it(`say when an answer was lost how much may have arrived twice, with ${temporality} sums`, async () => {
      const running = await startMetrics({ endpoint: backend.metricsUrl, temporality, retry_attempts: 100 })
      backend.fault({ type: 'reset', when: 'after', accepted: true }, { times: 1 })
      for (let i = 0; i < 10; i++) running.telemetry.emit('job.done', { count: 1 })
      const flushed = running.telemetry.flush({ timeoutMs: 30_000 })
      await running.clock.until(() => running.ledger().delivered === 10, { stepMs: 250 })
      await flushed
      assertExact(running.ledger())
      assert.equal(running.ledger().ambiguous, 10)
      assert.equal(backend.points.length, 2)
      const [first, again] = backend.points.map(({ point }) => point)
      // What is sent again is what was sent, with its own times: a receiver can tell that it has it already.
      if (temporality === 'delta') assert.deepEqual(again, first)
      assert.equal(again!.startTimeUnixNano, first!.startTimeUnixNano)
      assert.equal(total('job.done'), temporality === 'delta' ? 20 : 10)
      await running.telemetry.stop({ timeoutMs: 1000 })
    })

  it('are posted where the variables of OpenTelemetry say', async () => {
    const base = backend.metricsUrl.replace('/v1/metrics', '')
    const running = await startMetrics(
      {},
      {
        env: {
          OTEL_EXPORTER_OTLP_ENDPOINT: base,
          OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: 'LowMemory',
          OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION: 'base2_exponential_bucket_histogram',
          OTEL_METRIC_EXPORT_INTERVAL: '15000',
          OTEL_SERVICE_NAME: 'shop',
        },
      },
    )
    const { config } = running.status()
    assert.equal(config.endpoint, `${base}/v1/metrics`)
    assert.equal(config.temporality, 'lowmemory')
    assert.equal(config.histogram, 'exponential')
    assert.equal(config.interval, 15)
    running.telemetry.emit('job.done', { duration_ms: 5 })
    await running.flush()
    const [received] = backend.points
    assert.equal(received?.kind, 'exponential_histogram')
    assert.equal(received?.resource?.attributes['service.name'], 'shop')
    await running.telemetry.stop({ timeoutMs: 1000 })
  })
})
