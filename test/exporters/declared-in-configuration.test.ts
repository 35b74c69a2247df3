// Guards the metrics that a configuration declares, in each exporter of metrics: they count like those of the code, a
// change at runtime is in force when `put` resolves, what it leaves as it was keeps its sums, and no count is lost.
import assert from 'node:assert/strict'
import { Registry } from 'prom-client'
import { counter, createTelemetry, type MetricTable, prometheus, type Telemetry } from '../../src/index.ts'
import { createBackend, metricTotals } from '../../src/testing/index.ts'
import { assertExact } from '../support/ledger.ts'
import { startOpened } from '../support/opened.ts'
import { quietLogger } from '../support/quiet-logger.ts'
import { createFakeDatadog } from './datadog/fake.ts'
import { startDatadog } from './datadog/simulated-datadog.ts'
import { startMetrics } from './otel-metrics/simulated.ts'
import { parsePage } from './prometheus/strict-page.ts'

const jobs: MetricTable = { event: 'job.*', type: 'counter', name: 'jobs', tags: ['queue'] }
const waits: MetricTable = {
  ...{ event: 'job.start', type: 'distribution', measurement: 'waited_ms' },
  ...{ unit: ['millisecond', 'second'], buckets: [0.1, 1], description: 'Waits.' },
}
const depth: MetricTable = { event: 'queue', type: 'last_value', measurement: 'depth' }
const pool: MetricTable = { event: 'pool', type: 'sum', measurement: 'change', monotonic: false }

describe('prometheus: metrics declared in the configuration', () => {
  const registry = new Registry()
  const start = async (metrics: readonly MetricTable[]) => {
    registry.clear()
    const telemetry = createTelemetry({
      types: [prometheus({ registry, metrics: [counter('coded', { name: 'coded' })] })],
      config: {
        env: {},
        init: { prometheus: { port: 0, health: false, metrics, event_patterns: ['[!t]*'] } },
      },
      logger: quietLogger,
      drainOnExit: false,
    })
    await startOpened(telemetry)
    return {
      ...(telemetry as Telemetry),
      put: (value: readonly MetricTable[]) => telemetry.config.put('telemetry.prometheus.metrics', value),
      page: async () => {
        const { url } = telemetry.status().exporters.prometheus!.client as { url: string }
        const response = await fetch(url, { headers: { connection: 'close' } })
        const text = await response.text()
        return { text, ...parsePage(text, 'text') }
      },
    }
  }

  it('count as those of the code do', async () => {
    const telemetry = await start([jobs, waits, depth, pool])
    telemetry.emit('job.start', { waited_ms: 400 }, { queue: 'mail', user: 1 })
    telemetry.emit('job.stop', {}, { queue: 'mail' })
    telemetry.emit('queue', { depth: -3 })
    telemetry.emit('pool', { change: 5 })
    telemetry.emit('pool', { change: -2 })
    telemetry.emit('coded')
    const { value, families } = await telemetry.page()
    assert.equal(value('jobs_total', { queue: 'mail' }), 2)
    assert.equal(value('job_start_waited_seconds_bucket', { le: '1' }), 1)
    assert.equal(value('job_start_waited_seconds_bucket', { le: '0.1' }), 0)
    assert.equal(families.get('job_start_waited_seconds')!.help, 'Waits.')
    assert.equal(value('queue_depth'), -3)
    assert.equal(value('pool_change'), 3)
    assert.equal(value('coded_total'), 1)
    await telemetry.stop()
  })

  it('keep the sums of what a change leaves as it was, and restart what it changes', async () => {
    const telemetry = await start([jobs, waits])
    const emit = () => telemetry.emit('job.start', { waited_ms: 400 }, { queue: 'mail', host: 'a' })
    emit()
    await telemetry.put([
      { ...waits, buckets: [0.2, 5] },
      { ...jobs, description: 'All jobs.' },
    ])
    emit()
    const { value, families } = await telemetry.page()
    assert.equal(value('jobs_total', { queue: 'mail' }), 2)
    assert.equal(families.get('jobs_total')!.help, 'All jobs.')
    assert.equal(value('job_start_waited_seconds_count'), 1)
    assert.equal(value('job_start_waited_seconds_bucket', { le: '5' }), 1)
    await telemetry.stop()
  })

  it('leave the page and the registry when they are removed, before another event comes', async () => {
    const telemetry = await start([jobs])
    telemetry.emit('job.start', {}, { queue: 'mail' })
    telemetry.emit('coded')
    await telemetry.page()
    assert.match(await registry.metrics(), /jobs_total\{queue="mail"\} 1/)
    await telemetry.put([])
    assert.doesNotMatch((await telemetry.page()).text, /jobs_total/)
    assert.doesNotMatch(await registry.metrics(), /jobs_total/)
    assert.equal((telemetry.status().exporters.prometheus!.client as { series: number }).series, 1)
    await telemetry.put([jobs])
    telemetry.emit('job.start', {}, { queue: 'mail' })
    assert.equal((await telemetry.page()).value('jobs_total', { queue: 'mail' }), 1)
    await telemetry.stop()
  })

  it('take the place of an inferred metric of the same name, which comes back when they go', async () => {
    const telemetry = await start([])
    const emit = () => telemetry.emit('jobs', { count: 5 }, { queue: 'mail', host: 'a' })
    emit()
    await telemetry.put([{ ...jobs, event: 'jobs' }])
    emit()
    let { samples } = (await telemetry.page()).families.get('jobs_total')!
    assert.deepEqual(
      samples.map(({ labels, value }) => [labels, value]),
      [[{ queue: 'mail' }, 1]],
    )
    await telemetry.put([])
    emit()
    samples = (await telemetry.page()).families.get('jobs_total')!.samples
    assert.deepEqual(
      samples.map(({ labels, value }) => [labels, value]),
      [[{ host: 'a', queue: 'mail' }, 5]],
    )
    await telemetry.stop()
  })

  it('are refused for a name that the code has declared, and nothing changes', async () => {
    const telemetry = await start([jobs])
    const { version } = telemetry.status().config
    await assert.rejects(
      telemetry.put([{ event: 'x', type: 'counter', name: 'coded' }]),
      /metric \[0\] needs the name coded, which telemachine or a metric declared in code has/,
    )
    assert.equal(telemetry.status().config.version, version)
    telemetry.emit('job.start', {}, { queue: 'mail' })
    assert.equal((await telemetry.page()).value('jobs_total', { queue: 'mail' }), 1)
    await telemetry.stop()
  })
})

describe('otel_metrics: metrics declared in the configuration', () => {
  for (const temporality of ['cumulative', 'delta'] as const)
    it(`are exact through changes, with ${temporality} sums`, async () => {
      const backend = createBackend()
      await backend.listen()
      const running = await startMetrics({
        endpoint: backend.metricsUrl,
        temporality,
        metrics: [jobs, waits],
      })
      const total = (name: string): number =>
        [...metricTotals(backend.points, name).values()].reduce((all, { sum }) => all + sum, 0)
      const emit = (count: number) => {
        for (let i = 0; i < count; i++)
          running.telemetry.emit('job.start', { waited_ms: 500 }, { queue: `${i % 3}`, user: i })
      }
      emit(10)
      await running.put('metrics', [{ ...waits, name: 'waits' }, jobs])
      emit(20)
      await running.flush()
      await running.put('metrics', [{ ...jobs, description: 'All.' }])
      emit(30)
      await running.flush()
      assertExact(running.ledger())
      assert.equal(total('jobs'), 60)
      assert.equal(total('job.start.waited'), 5)
      assert.equal(total('waits'), 10)
      const starts = new Set(
        backend.points.filter(({ metric }) => metric === 'jobs').map(({ point }) => point.startTimeUnixNano),
      )
      // What stays as it is has one start time: its sums were never begun anew.
      if (temporality === 'cumulative') assert.equal(starts.size, 1)
      await running.telemetry.stop({ timeoutMs: 1000 })
      await backend.close()
    })
})

describe('datadog: metrics declared in the configuration', () => {
  it('are sent with the window in which they were measured, through changes', async () => {
    const fake = createFakeDatadog()
    await fake.listen()
    const running = await startDatadog({
      event_patterns: ['*'],
      api_url: fake.url,
      api_key: 'abcdefgh',
      metrics: [jobs, depth],
    })
    running.telemetry.emit('job.start', {}, { queue: 'mail' })
    running.telemetry.emit('queue', { depth: 7 })
    await running.telemetry.config.put('telemetry.datadog.metrics', [jobs])
    running.telemetry.emit('job.start', {}, { queue: 'mail' })
    running.telemetry.emit('queue', { depth: 8 })
    await running.flush()
    assertExact(running.ledger())
    assert.equal(running.ledger().dropped.ignored, 1)
    assert.equal(fake.total('jobs'), 2)
    assert.equal(fake.gauge('queue_depth'), 7)
    await running.telemetry.stop({ timeoutMs: 1000 })
    await fake.close()
  })
})
