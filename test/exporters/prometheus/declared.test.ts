/**
 * Metrics declared in code: their families, values, labels and units; that a function of the user which throws is
 * counted and harms nothing else; and that a declaration replaces what would have been inferred under its name.
 */
import assert from 'node:assert/strict'
import { prometheus } from '../../../src/exporters/prometheus/index.ts'
import { counter, type DeclaredMetric, distribution, lastValue, sum } from '../../../src/metrics/declared.ts'
import { drivePrometheus } from './driven.ts'

const withMetrics = (...metrics: DeclaredMetric[]) => drivePrometheus({ metrics }, { health: false })

describe('prometheus: declared metrics', () => {
  it('count events, whatever they measure', async () => {
    const { emit, page } = withMetrics(
      counter('job.*', { name: 'jobs', tags: ['queue'], description: 'All jobs.' }),
    )
    emit('job.start', { count: 5 }, { queue: 'mail', id: 1 })
    emit('job.stop', {}, { queue: 'mail', id: 2 })
    emit('other', {}, { queue: 'mail' })
    const { value, families } = await page()
    assert.equal(value('jobs_total', { queue: 'mail' }), 2)
    assert.equal(families.get('jobs_total')!.help, 'All jobs.')
  })

  it('add up a measurement, as a counter or, when it may fall, as a gauge', async () => {
    const { emit, page, describe } = withMetrics(
      sum('disk.write', { measurement: 'size', unit: ['kilobyte', 'byte'] }),
      sum('pool', { measurement: 'change', monotonic: false }),
    )
    emit('disk.write', { size: 2 })
    emit('disk.write', { size: -1 })
    emit('disk.write', { other: 1 })
    emit('pool', { change: 3 })
    emit('pool', { change: -1 })
    const { value, families } = await page()
    assert.equal(value('disk_write_size_bytes_total'), 2000)
    assert.equal(value('pool_change'), 2)
    assert.equal(families.get('pool_change')!.type, 'gauge')
    assert.equal(describe().refused, 1)
  })

  it('keep the last value, also a negative one', async () => {
    const { emit, page, ledger } = withMetrics(lastValue('vm.memory', { measurement: 'free' }))
    emit('vm.memory', { free: 5 })
    emit('vm.memory', { free: -3 })
    emit('vm.memory', { free: Number.NaN })
    assert.equal((await page()).value('vm_memory_free'), -3)
    assert.deepEqual(ledger, { accepted: 3, delivered: 2, dropped: { refused: 1 } })
  })

  it('distribute a measurement over buckets, in the unit shown', async () => {
    const { emit, page } = withMetrics(
      distribution('req', { measurement: 'took_ms', unit: ['millisecond', 'second'], buckets: [0.5, 2] }),
    )
    emit('req', { took_ms: 400 })
    emit('req', { took_ms: 1600 })
    const { value } = await page()
    assert.equal(value('req_took_seconds_bucket', { le: '0.5' }), 1)
    assert.equal(value('req_took_seconds_sum'), 2)
  })

  it('use the buckets of the configuration where they do not name their own', async () => {
    const { emit, page } = drivePrometheus(
      { metrics: [distribution('req', { measurement: 'n', name: 'req_n' })] },
      { health: false, buckets: [7] },
    )
    emit('req', { n: 7 })
    assert.equal((await page()).value('req_n_bucket', { le: '7' }), 1)
  })

  it('take their measurement and their tags from functions', async () => {
    const { emit, page } = withMetrics(
      lastValue('queue', {
        name: 'queue_load_ratio',
        measurement: ({ used, size }) => (used ?? 0) / (size ?? 1),
        tags: ['kind', 'request_id'],
        tagValues: ({ name, request_id }) => ({
          kind: String(name).slice(0, 1),
          request_id,
          more: 'unasked',
        }),
      }),
    )
    emit('queue', { used: 1, size: 4 }, { name: 'mail', request_id: 'r1' })
    assert.equal((await page()).value('queue_load_ratio', { kind: 'm', request_id: 'r1' }), 0.25)
  })

  it('keep or drop events by their metadata and measurements', async () => {
    const { emit, page, ledger } = withMetrics(
      counter('job', { name: 'kept', keep: ({ queue }) => queue === 'mail' }),
      counter('job', { name: 'undropped', drop: (_, { size }) => size! > 10 }),
    )
    emit('job', { size: 1 }, { queue: 'mail' })
    emit('job', { size: 50 }, { queue: 'print' })
    const { value } = await page()
    assert.equal(value('kept_total'), 1)
    assert.equal(value('undropped_total'), 1)
    assert.deepEqual(ledger, { accepted: 2, delivered: 1, dropped: { ignored: 1 } })
  })

  it('whose functions throw are counted, and touch neither other metrics nor the program', async () => {
    const boom = (): never => {
      throw new Error('boom')
    }
    const { emit, page, ledger, describe } = withMetrics(
      counter('job', { name: 'a', keep: boom }),
      counter('job', { name: 'b', tags: ['x'], tagValues: () => null as never }),
      sum('job', { name: 'c', measurement: boom }),
      counter('good', { name: 'd' }),
    )
    emit('job')
    emit('job', { count: 1 })
    emit('good')
    const { value } = await page()
    assert.equal(value('job_total'), 1)
    assert.equal(value('d_total'), 1)
    assert.deepEqual(ledger, { accepted: 3, delivered: 2, dropped: { failed: 1 } })
    assert.equal(describe().failed, 6)
    assert.match(String(describe().lastFailure), /c_total: boom/)
  })

  it('replace the inferred metric of their name: nothing is counted twice', async () => {
    const { emit, page } = withMetrics(
      distribution('db.*', {
        name: 'db_query_duration_seconds',
        measurement: 'duration_ms',
        unit: ['millisecond', 'second'],
        buckets: [9],
      }),
      counter('job', { tags: ['queue'] }),
    )
    emit('db.query', { duration_ms: 1000 }, { table: 'users' })
    emit('db.query.duration_seconds', { count: 4 })
    emit('job', { count: 5 }, { queue: 'mail', user: 'ann' })
    const { value, families } = await page()
    assert.equal(value('db_query_duration_seconds_sum'), 1)
    assert.equal(value('job_total', { queue: 'mail' }), 1)
    assert.deepEqual(
      [...families.keys()],
      ['db_query_duration_seconds', 'job_total', 'db_query_duration_seconds_2_total'],
    )
  })

  it('are bounded in series as others are', async () => {
    const { emit, page } = drivePrometheus(
      { metrics: [counter('job', { tags: ['user'] })] },
      { max_series: 2, health: false },
    )
    for (let user = 0; user < 10; user++) emit('job', {}, { user })
    const { value, samples } = await page()
    assert.equal(samples.length, 3)
    assert.equal(value('job_total', { otel_metric_overflow: 'true' }), 8)
  })

  for (const [what, make] of Object.entries({
    'no pattern': () => counter(''),
    'no measurement': () => sum('x', {} as never),
    'a glob without a name': () => counter('x.*'),
    'an unknown unit': () => sum('x', { measurement: 'n', unit: 'furlong' as never }),
    'units of different kinds': () => sum('x', { measurement: 'n', unit: ['byte', 'second'] }),
    'buckets that fall': () => distribution('x', { measurement: 'n', buckets: [2, 1] }),
    'a keep that is no function': () => counter('x', { keep: true as never }),
    'one name twice': () => prometheus({ metrics: [counter('x'), counter('x')] }),
    'the name of a sample of another': () =>
      prometheus({
        metrics: [
          distribution('x', { name: 'y', measurement: 'n' }),
          lastValue('x', { name: 'y_sum', measurement: 'n' }),
        ],
      }),
    'the name of a health metric': () =>
      prometheus({ metrics: [counter('x', { name: 'telemachine_bus_dropped' })] }),
  })) {
    it(`refuse ${what} where they are declared`, () => {
      assert.throws(make, { code: 'METRIC_INVALID' })
    })
  }
})
