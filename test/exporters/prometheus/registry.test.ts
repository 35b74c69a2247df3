/**
 * One page, one registry: the user's own metrics stand beside ours in both formats, whatever they are called, and
 * whoever reads the registry by other means finds ours in it.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { Counter, Gauge, Histogram, Registry, Summary } from 'prom-client'
import { compileProgram } from '../../support/programs.ts'
import { drivePrometheus } from './driven.ts'
import { parsePage } from './strict-page.ts'

const help = 'a "quoted" \\ help\nof two lines'

describe('prometheus: the registry', () => {
  it('of the user has its metrics on the page beside ours, whole and in both formats', async () => {
    const registry = new Registry()
    const registers = [registry]
    const { emit, page } = drivePrometheus({ registry }, { health: false })
    const hits = new Counter({ name: 'hits_total', help, labelNames: ['way', 'nothing'], registers })
    hits.inc({ way: 'a"b\\c\nd' }, 3)
    new Counter({ name: 'oddly_named', help, registers }).inc(2)
    new Gauge({ name: 'level', help, registers }).set(Number.NaN)
    new Gauge({ name: 'rule:level', help, registers }).set(Number.NEGATIVE_INFINITY)
    const size = new Histogram({ name: 'size', help, labelNames: ['le_kind'], buckets: [1, 2.5], registers })
    size.observe({ le_kind: 'x' }, 2)
    new Summary({ name: 'wait', help, percentiles: [0.5], registers }).observe(4)
    emit('job', { count: 1 })
    for (const format of ['text', 'openmetrics', 'text'] as const) {
      const { value, families } = await page(format)
      assert.equal(value('hits_total', { way: 'a"b\\c\nd' }), 3)
      assert.equal(value(format === 'text' ? 'oddly_named' : 'oddly_named_total'), 2)
      assert.equal(value('level'), Number.NaN)
      assert.equal(value('rule:level'), Number.NEGATIVE_INFINITY)
      assert.equal(value('size_bucket', { le: format === 'text' ? '1' : '1.0', le_kind: 'x' }), 0)
      assert.equal(value('size_bucket', { le: '2.5', le_kind: 'x' }), 1)
      assert.equal(value('wait_sum'), 4)
      assert.equal(value('job_total'), 1)
      assert.equal(families.get('level')!.help, help)
    }
  })

  it('shows our metrics to whoever reads it, before and after the page was open, also after OpenMetrics', async () => {
    const registry = new Registry()
    const open = registry as unknown as Registry<'application/openmetrics-text; version=1.0.0; charset=utf-8'>
    const { emit, page } = drivePrometheus({ registry }, { health: false })
    emit('job', { count: 2, duration_ms: 5 }, { queue: 'mail' })
    const read = async (format: 'text' | 'openmetrics') => parsePage(await registry.metrics(), format)
    assert.equal((await read('text')).value('job_total', { queue: 'mail' }), 2)
    await page()
    open.setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
    assert.equal((await read('openmetrics')).value('job_total', { queue: 'mail' }), 2)
    registry.setContentType(Registry.PROMETHEUS_CONTENT_TYPE)
    emit('job', { count: 1 }, { queue: 'mail' })
    const { value } = await read('text')
    assert.equal(value('job_total', { queue: 'mail' }), 3)
    assert.equal(value('job_duration_seconds_count', { queue: 'mail' }), 1)
    const json = await registry.getMetricsAsJSON()
    assert.deepEqual(
      json.map(({ name, type }) => [name, type]),
      [
        ['job_total', 'counter'],
        ['job_duration_seconds', 'histogram'],
      ],
    )
  })

  it('may be reset and cleared: our counters never step back', async () => {
    const registry = new Registry()
    const { emit, page } = drivePrometheus({ registry }, { health: false })
    emit('job', { count: 2 })
    registry.resetMetrics()
    assert.equal((await page()).value('job_total'), 2)
    registry.clear()
    assert.equal((await page()).value('job_total'), 2)
    assert.ok(registry.getSingleMetric('job_total'))
  })

  it('gives its default labels to every series that has no such label of its own', async () => {
    const registry = new Registry()
    registry.setDefaultLabels({ app: 'shop', queue: 'none', le: '7' })
    const { emit, page } = drivePrometheus({ registry })
    new Counter({ name: 'hits_total', help, labelNames: ['queue'], registers: [registry] }).inc({
      queue: 'own',
    })
    emit('job', { count: 1, duration_ms: 1 }, { queue: 'mail' })
    emit('job', { count: 1 })
    const all = { app: 'shop', exported_le: '7' }
    const { value, samples } = await page()
    assert.equal(value('job_total', { ...all, queue: 'mail' }), 1)
    assert.equal(value('job_total', { ...all, queue: 'none' }), 1)
    assert.equal(value('job_duration_seconds_count', { ...all, queue: 'mail' }), 1)
    assert.equal(value('hits_total', { ...all, queue: 'own' }), 1)
    assert.ok(samples.every(({ labels }) => labels.app === 'shop'))
  })

  it('whose names an event would take makes the event give way', async () => {
    const registry = new Registry()
    const { emit, page } = drivePrometheus({ registry }, { health: false })
    new Gauge({ name: 'job_total', help, registers: [registry] }).set(77)
    new Gauge({ name: 'db_duration_seconds_sum', help, registers: [registry] }).set(88)
    emit('job', { count: 1 })
    emit('db', { duration_ms: 1 })
    const { value } = await page()
    assert.equal(value('job_total'), 77)
    assert.equal(value('job_2_total'), 1)
    assert.equal(value('db_duration_seconds_sum'), 88)
    assert.equal(value('db_2_duration_seconds_count'), 1)
  })

  it('may have a gauge beside a counter of that name; OpenMetrics, where they would clash, has one of them', async () => {
    const registry = new Registry()
    const { emit, page } = drivePrometheus({ registry }, { health: false })
    emit('job', { count: 1 })
    new Gauge({ name: 'job', help, registers: [registry] }).set(2)
    new Counter({ name: 'hits_total', help, registers: [registry] }).inc(3)
    new Gauge({ name: 'hits', help, registers: [registry] }).set(4)
    const { value } = await page()
    assert.deepEqual(
      ['job_total', 'job', 'hits_total', 'hits'].map((name) => value(name)),
      [1, 2, 3, 4],
    )
    const open = await page('openmetrics')
    assert.deepEqual(
      ['job_total', 'job', 'hits_total', 'hits'].map((name) => open.value(name)),
      [1, undefined, 3, undefined],
    )
  })

  it('whose later metric would break the page has it left off, and the status says so', async () => {
    const registry = new Registry()
    const { emit, page, describe, warnings } = drivePrometheus({ registry }, { health: false })
    emit('db', { count: 1, duration_ms: 1 })
    new Gauge({ name: 'db_duration_seconds_sum', help, registers: [registry] }).set(88)
    new Counter({ name: 'ok_total', help, registers: [registry] }).inc()
    for (const format of ['text', 'openmetrics'] as const) {
      const { value } = await page(format)
      assert.equal(value('db_duration_seconds_count'), 1)
      assert.equal(value('ok_total'), 1)
    }
    assert.deepEqual(describe().conflicts, ['db_duration_seconds_sum'])
    assert.match(warnings.join(), /other metrics have their names/)
  })

  it("has prom-client's metrics of the process while default_metrics is true", async () => {
    const { emit, page, put } = drivePrometheus({}, { health: false, default_metrics: true })
    emit('job', { count: 1 })
    // The system may count the time of a process in ticks of some milliseconds.
    const { user } = process.cpuUsage()
    while (process.cpuUsage().user === user);
    for (const format of ['text', 'openmetrics', 'text'] as const) {
      const { families, value } = await page(format)
      assert.ok(value('process_cpu_user_seconds_total')! > 0)
      assert.ok(families.has('nodejs_heap_size_total_bytes'))
      assert.equal(value('job_total'), 1)
    }
    put({ default_metrics: false })
    assert.deepEqual([...(await page()).families.keys()], ['job_total'])
    put({ default_metrics: true })
    assert.ok((await page()).families.has('nodejs_heap_size_total_bytes'))
  })

  it('that has the default metrics already keeps its own', async () => {
    const registry = new Registry()
    new Gauge({ name: 'nodejs_heap_size_total_bytes', help, registers: [registry] }).set(42)
    const { page, put } = drivePrometheus({ registry }, { default_metrics: true })
    assert.equal((await page()).value('nodejs_heap_size_total_bytes'), 42)
    put({ default_metrics: false })
    assert.equal((await page()).value('nodejs_heap_size_total_bytes'), 42)
  })

  it('answers 500, and lives on, when one of its collectors fails', async () => {
    const registry = new Registry()
    let broken = true
    new Gauge({
      ...{ name: 'fragile', help, registers: [registry] },
      collect() {
        if (broken) throw new Error('the collector broke')
        this.set(1)
      },
    })
    const { page, warnings } = drivePrometheus({ registry })
    await assert.rejects(page(), /500/)
    assert.match(warnings.join(), /the collector broke/)
    broken = false
    assert.equal((await page()).value('fragile'), 1)
  })

  it('may serve two exporters, each with its own counts', async () => {
    const registry = new Registry()
    const one = drivePrometheus({ registry }, { health: false })
    const two = drivePrometheus({ registry }, { health: false })
    one.emit('job', { count: 1 })
    two.emit('job', { count: 5 })
    assert.equal((await one.page()).value('job_total'), 1)
    assert.equal((await two.page()).value('job_total'), 5)
  })

  it('is not loaded before the exporter opens', async () => {
    const program = await compileProgram(`
      import { createRequire } from 'node:module'
      import { prometheus } from './src/exporters/prometheus/index.ts'
      const require = createRequire(import.meta.url)
      const definition = prometheus()
      definition.state({ id: 'p', clock: {}, logger: console })
      const loaded = () => Object.keys(require.cache).filter((path) => path.includes('prom-client'))
      const before = loaded().length
      await import('prom-client')
      process.stdout.write(JSON.stringify([before, loaded().length > 0]))`)
    const { stdout, stderr } = spawnSync(process.execPath, [program], { encoding: 'utf8' })
    assert.equal(stdout, '[0,true]', stderr)
  })
})
