/**
 * What a hostile or careless program can do to the page: series, bytes and families stay bounded, sums stay exact,
 * and the status names the culprit.
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { labelName, labelValue } from '../../../src/exporters/prometheus/names.ts'
import { labelText } from '../../../src/metrics/labels.ts'
import { drivePrometheus } from './driven.ts'

const overflow = 'otel_metric_overflow=true'

const sorted = (labels: Readonly<Record<string, string>>): string =>
  Object.entries(labels)
    .map((pair) => pair.join('='))
    .sort()
    .join()

/** The labels of metadata as the rules say, in one line. */
function labelsByRule(metadata: Readonly<Record<string, unknown>>): string {
  const labels = new Map<string, string[]>()
  for (const key of Object.keys(metadata).sort()) {
    const text = labelText(metadata[key])
    if (text === undefined || text === '' || key === 'request_id') continue
    labels.set(labelName(key), [...(labels.get(labelName(key)) ?? []), text])
  }
  return sorted(Object.fromEntries([...labels].map(([name, texts]) => [name, labelValue(texts.join(';'))])))
}

describe('prometheus: limits', () => {
  it('keeps max_series label sets and adds the rest up in one overflow series', async () => {
    const { emit, page, ledger, describe } = drivePrometheus({}, { max_series: 3 })
    for (const user of ['a', 'b', 'c', 'd', 'e', 'a', 'd']) emit('x', { count: 1, duration_ms: 1 }, { user })
    const { value, sum } = await page()
    assert.equal(value('x_total', { user: 'a' }), 2)
    assert.equal(value('x_total', { user: 'd' }), undefined)
    assert.equal(value('x_total', { otel_metric_overflow: 'true' }), 3)
    assert.equal(value('x_duration_seconds_count', { otel_metric_overflow: 'true' }), 3)
    assert.equal(sum('x_total'), 7)
    assert.deepEqual(ledger, { accepted: 7, delivered: 7, dropped: {} })
    assert.deepEqual(describe().overflow, [
      { metric: 'x_total', label: 'user', limit: 'max_series' },
      { metric: 'x_duration_seconds', label: 'user', limit: 'max_series' },
    ])
  })

  it('takes new label sets again once the limit is raised', async () => {
    const { emit, page, put } = drivePrometheus({}, { max_series: 1 })
    emit('x', { count: 1 }, { user: 'a' })
    emit('x', { count: 1 }, { user: 'b' })
    put({ max_series: 2 })
    emit('x', { count: 1 }, { user: 'b' })
    const { value } = await page()
    assert.equal(value('x_total', { user: 'b' }), 1)
    assert.equal(value('x_total', { otel_metric_overflow: 'true' }), 1)
  })

  it('survives 100,000 label sets: series and page bounded, sums exact, the culprit named', async () => {
    const { emit, page, describe } = drivePrometheus({}, { health: false })
    for (let i = 0; i < 100_000; i++) {
      emit(
        'hostile',
        { count: 1, duration_ms: i % 100 },
        { queue: `q${i % 3}`, user: `user-${i}`, request_id: i },
      )
    }
    const { text, sum, families } = await page()
    assert.equal(sum('hostile_total'), 100_000)
    assert.equal(sum('hostile_duration_seconds_count'), 100_000)
    assert.ok(families.get('hostile_total')!.samples.length <= 2001)
    assert.ok(Buffer.byteLength(text) <= 1024 * 1024, `${Buffer.byteLength(text)} bytes`)
    const overflow = describe().overflow as { label: string }[]
    assert.deepEqual(
      overflow.map(({ label }) => label),
      ['user', 'user'],
    )
  })

  it('bounds the page by bytes too: a few wide label sets are as bad as many', async () => {
    const { emit, page } = drivePrometheus({}, { health: false })
    const wide = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`k${i}`, '"\\\n'.repeat(500)]))
    for (let i = 0; i < 40; i++) emit('x', { count: 1, duration_ms: 1 }, { ...wide, i })
    const { text, sum } = await page()
    assert.ok(Buffer.byteLength(text) <= 1024 * 1024)
    assert.equal(sum('x_total'), 40)
  })

  it('bounds what it remembers of spellings: permuted keys and types lead to one series', async () => {
    const { emit, page, state } = drivePrometheus({}, { max_series: 4 })
    const keys = ['a', 'b', 'c', 'd', 'e', 'f']
    for (let i = 0; i < 3000; i++) {
      const start = i % keys.length
      const turned = [...keys.slice(start), ...keys.slice(0, start)]
      if (i % 2) turned.reverse()
      emit('x', { count: 1 }, Object.fromEntries(turned.map((key, k) => [key, (i >> k) & 1 ? 1 : '1'])))
    }
    assert.equal((await page()).value('x_total', { a: '1', b: '1', c: '1', d: '1', e: '1', f: '1' }), 3000)
    assert.ok(state.remembered <= 8 * 20_000 + 4096)
  })

  it('keeps the labels of the first sets, and adds up the rest, however events spell them', async () => {
    const value = fc.oneof(
      fc.constantFrom('', '1', '2', 'x', 'a;b', '\ud800', '\ufffd', 'long '.repeat(300), 'long '.repeat(301)),
      fc.constantFrom(1, 2, -0, 0.5, NaN, true, null, [1]),
    )
    const metadata = fc
      .uniqueArray(fc.tuple(fc.constantFrom('a', 'b', 'a.b', 'a_b', 'request_id'), value), {
        selector: ([key]) => key,
      })
      .map((pairs) => Object.fromEntries(pairs))
    const events = fc.array(fc.record({ metadata, duration: fc.boolean() }), { minLength: 1, maxLength: 60 })
    await fc.assert(
      fc.asyncProperty(events, fc.integer({ min: 0, max: 6 }), async (list, max_series) => {
        const { emit, page } = drivePrometheus({}, { max_series, health: false })
        const expected = { count: new Map<string, number>(), duration_ms: new Map<string, number>() }
        for (const { metadata, duration } of list) {
          const key = duration ? 'duration_ms' : 'count'
          emit('x', { [key]: 1 }, metadata)
          const seen = expected[key]
          const known = [...seen.keys()].filter((labels) => labels !== overflow)
          const labels = labelsByRule(metadata)
          const series = seen.has(labels) || known.length < max_series ? labels : overflow
          seen.set(series, (seen.get(series) ?? 0) + 1)
        }
        const { samples } = await page()
        const found = (name: string) =>
          new Map(samples.filter((one) => one.name === name).map((one) => [sorted(one.labels), one.value]))
        assert.deepEqual(found('x_total'), expected.count)
        assert.deepEqual(found('x_duration_seconds_count'), expected.duration_ms)
      }),
      { numRuns: 60 },
    )
  })

  it('keeps max_total_series over all metrics, and names each that has to overflow', async () => {
    const { emit, page, describe, put, ledger } = drivePrometheus({}, { max_total_series: 5 })
    for (const name of ['a', 'b', 'c']) {
      for (let user = 0; user < 3; user++) emit(name, { count: 1, duration_ms: 1 }, { user })
    }
    const { value, sum, samples } = await page()
    assert.equal(value('a_total', { user: '2' }), 1)
    assert.equal(value('a_duration_seconds_count', { user: '1' }), 1)
    assert.equal(value('a_duration_seconds_count', { otel_metric_overflow: 'true' }), 1)
    assert.equal(value('c_total', { otel_metric_overflow: 'true' }), 3)
    for (const name of ['a', 'b', 'c']) {
      assert.equal(sum(`${name}_total`), 3)
      assert.equal(sum(`${name}_duration_seconds_count`), 3)
    }
    assert.deepEqual(ledger, { accepted: 9, delivered: 9, dropped: {} })
    assert.deepEqual((describe().overflow as object[])[0], {
      ...{ metric: 'a_duration_seconds', label: 'user', limit: 'max_total_series' },
    })
    const stated = samples.filter(({ name }) => name === 'telemachine_metric_overflow')
    assert.equal(stated.length, 5)
    assert.deepEqual(stated[0]!.labels, {
      ...{ metric: 'a_duration_seconds', label: 'user', limit: 'max_total_series' },
    })
    put({ max_total_series: 20 })
    emit('c', { count: 1 }, { user: 7 })
    assert.equal((await page()).value('c_total', { user: '7' }), 1)
  })

  it('bounds the whole page by bytes, too', async () => {
    const { emit, page, state } = drivePrometheus({}, { max_page_bytes: 20_000, health: false })
    for (let i = 0; i < 100; i++) emit(`x.${i}`, { count: 1 }, { user: 'u'.repeat(1000) })
    const { text, samples } = await page()
    assert.equal(samples.filter(({ labels }) => labels.user).length, 19)
    assert.equal(samples.length, 100)
    assert.equal(state.totals.series, 100)
    assert.ok(text.length < 20_000 + 100 * 150)
  })

  it('bounds families and event names: a name per event costs neither memory nor the known families', () => {
    const { emit, state, ledger } = drivePrometheus({}, { max_metrics: 10 })
    for (let i = 0; i < 20_000; i++) emit(`job.${i}`, { count: 1 })
    assert.equal(state.families.length, 10)
    assert.ok(state.plans.size <= 4096)
    assert.deepEqual(ledger, { accepted: 20_000, delivered: 10, dropped: { metric_limit: 19_990 } })
  })
})
