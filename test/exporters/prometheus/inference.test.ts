/**
 * Metrics inferred from events: which families and values `count` and `duration_ms` give, what is refused, and
 * that every event is accounted for once.
 */
import assert from 'node:assert/strict'
import { drivePrometheus } from './driven.ts'

describe('prometheus: inferred metrics', () => {
  it('adds up count as a counter named after the event', async () => {
    const { emit, page } = drivePrometheus()
    emit('job.start', { count: 1 })
    emit('job.start', { count: 2.5 })
    const { families, value } = await page()
    assert.equal(families.get('job_start_total')?.type, 'counter')
    assert.equal(value('job_start_total'), 3.5)
  })

  it('observes duration_ms in seconds, with labels', async () => {
    const { emit, page } = drivePrometheus()
    emit('db.query', { duration_ms: 30 }, { table: 'users' })
    emit('db.query', { duration_ms: 1500 }, { table: 'users' })
    const { value } = await page()
    assert.equal(value('db_query_duration_seconds_sum', { table: 'users' }), 1.53)
    assert.equal(value('db_query_duration_seconds_count', { table: 'users' }), 2)
    assert.equal(value('db_query_duration_seconds_bucket', { table: 'users', le: '0.025' }), 0)
    assert.equal(value('db_query_duration_seconds_bucket', { table: 'users', le: '0.05' }), 1)
    assert.equal(value('db_query_duration_seconds_bucket', { table: 'users', le: '+Inf' }), 2)
  })

  it('puts an observation on a bound into its bucket', async () => {
    const { emit, page } = drivePrometheus({}, { buckets: [1, 2] })
    emit('x', { duration_ms: 1000 })
    const { value } = await page()
    assert.equal(value('x_duration_seconds_bucket', { le: '1' }), 1)
  })

  it('finds the bucket among many', async () => {
    const { emit, page } = drivePrometheus({}, { buckets: Array.from({ length: 500 }, (_, i) => i) })
    for (const seconds of [0, 0.5, 17, 250, 250.1, 499, 1000]) emit('x', { duration_ms: seconds * 1000 })
    const { value } = await page()
    const counts = ['0', '1', '17', '250', '251', '498', '499', '+Inf'].map((le) =>
      value('x_duration_seconds_bucket', { le }),
    )
    assert.deepEqual(counts, [1, 2, 3, 4, 5, 5, 6, 7])
  })

  it('gives no family to an event with neither, and counts it ignored', async () => {
    const { emit, page, ledger } = drivePrometheus({}, { health: false })
    for (const measurements of [{}, { size: 3 }, { value: 3 }])
      emit('job.note', measurements, { queue: 'mail' })
    assert.equal((await page()).text, '')
    assert.deepEqual(ledger, { accepted: 3, delivered: 0, dropped: { ignored: 3 } })
  })

  for (const [event, name] of [
    ['requests.total', 'requests_total'],
    ['http_requests_total', 'http_requests_total'],
    ['a.total.total', 'a_total_total'],
    ['subtotal', 'subtotal_total'],
    ['__proto__', '__proto___total'],
    ['constructor', 'constructor_total'],
    ['a:b', 'a_b_total'],
    ['1st', '_1st_total'],
    ['größe', 'gr__e_total'],
    ['😀', '__total'],
    ['total', '__total'],
    ['a b\n"c"', 'a_b__c__total'],
  ] as const) {
    it(`names the counter of ${JSON.stringify(event)} ${name}`, async () => {
      const { emit, page } = drivePrometheus({}, { health: false })
      emit(event, { count: 1 })
      assert.equal((await page()).value(name), 1)
      assert.deepEqual([...(await page('openmetrics')).families.keys()], [name.replace(/_total$/, '')])
    })
  }

  for (const bad of [NaN, Infinity, -Infinity, -1, -1e-9, '5', null, true, {}, []]) {
    it(`refuses ${JSON.stringify(bad) ?? bad} (${String(bad)}) as count and as duration, and counts it`, async () => {
      const { emit, page, ledger, describe } = drivePrometheus()
      emit('job', { count: 1, duration_ms: 10 })
      emit('job', { count: bad })
      emit('job', { duration_ms: bad })
      const { value } = await page()
      assert.equal(value('job_total'), 1)
      assert.equal(value('job_duration_seconds_count'), 1)
      assert.deepEqual(ledger, { accepted: 3, delivered: 1, dropped: { refused: 2 } })
      assert.equal(describe().refused, 2)
    })
  }

  it('applies the good half of an event whose other half is bad, and delivers it once', async () => {
    const { emit, page, ledger, describe } = drivePrometheus()
    emit('job', { count: 1, duration_ms: -5 })
    emit('job', { count: NaN, duration_ms: 5 })
    emit('job', { count: NaN, duration_ms: -5 })
    const { value } = await page()
    assert.equal(value('job_total'), 1)
    assert.equal(value('job_duration_seconds_count'), 1)
    assert.deepEqual(ledger, { accepted: 3, delivered: 2, dropped: { refused: 1 } })
    assert.equal(describe().refused, 4)
  })

  it('keeps a counter finite: what would take it to infinity is refused', async () => {
    const { emit, page, ledger } = drivePrometheus()
    emit('job', { count: Number.MAX_VALUE })
    emit('job', { count: Number.MAX_VALUE })
    assert.equal((await page()).value('job_total'), Number.MAX_VALUE)
    assert.equal(ledger.dropped.refused, 1)
  })

  it('makes a counter of zero appear', async () => {
    const { emit, page } = drivePrometheus()
    emit('job', { count: 0 })
    assert.equal((await page()).value('job_total'), 0)
  })

  it('adds events whose names become the same into one counter', async () => {
    const { emit, page } = drivePrometheus()
    emit('a.b', { count: 1 })
    emit('a_b', { count: 2 })
    assert.equal((await page()).value('a_b_total'), 3)
  })

  it('keeps apart a counter and a histogram that OpenMetrics would call the same', async () => {
    const { emit, page } = drivePrometheus({}, { health: false })
    emit('x', { duration_ms: 5 })
    emit('x.duration_seconds', { count: 7 })
    emit('x.duration_seconds.count', { count: 8 })
    const { families, samples } = await page('openmetrics')
    assert.equal(families.size, 3)
    assert.deepEqual(
      samples.filter(({ name }) => name.endsWith('_total')).map(({ value }) => value),
      [7, 8],
    )
  })

  it('never gives an event the name of a health metric', async () => {
    const { emit, page } = drivePrometheus()
    emit('telemachine.events.accepted', { count: 99 })
    const { value } = await page()
    assert.equal(value('telemachine_events_accepted_2_total'), 99)
    assert.equal(value('telemachine_events_accepted_total', { exporter: 'prometheus' }), 1)
  })

  it('drops events beyond max_metrics as metric_limit, and takes the known ones on', async () => {
    const { emit, page, ledger, describe, put } = drivePrometheus({}, { max_metrics: 2 })
    emit('a', { count: 1 })
    emit('b', { count: 1 })
    emit('c', { count: 1 })
    emit('a', { count: 1, duration_ms: 5 })
    assert.deepEqual(ledger, { accepted: 4, delivered: 3, dropped: { metric_limit: 1 } })
    assert.equal(describe().limited, 2)
    put({ max_metrics: 3 })
    emit('c', { count: 1 })
    assert.equal((await page()).value('c_total'), 1)
  })

  it('keeps everything when disabled, enabled and moved, and counters never step back', async () => {
    const { emit, page, put } = drivePrometheus()
    emit('job', { count: 3, duration_ms: 10 }, { queue: 'mail' })
    await page()
    put({ path: '/other', labels_deny: ['queue'], max_series: 5, buckets: [1] })
    emit('job', { count: 1, duration_ms: 10 }, { queue: 'mail' })
    const { value } = await page()
    assert.equal(value('job_total', { queue: 'mail' }), 3)
    assert.equal(value('job_total'), 1)
    assert.equal(value('job_duration_seconds_count', { queue: 'mail' }), 1)
  })

  it('shares nothing between two exporters of one definition', () => {
    const { definition, emit, state } = drivePrometheus()
    emit('job', { count: 1 })
    const other = definition.state!({ id: 'other', clock: { now: Date.now } as never, logger: console })
    assert.equal(state.families.length, 1)
    assert.equal(other.families.length, 0)
  })
})
