/**
 * What a hostile or careless program can do to the page: series, bytes and families stay bounded, sums stay exact,
 * and the status names the culprit.
 */
import assert from 'node:assert/strict'
import { harness } from './harness.ts'

describe('prometheus: limits', () => {
  it('keeps max_series label sets and adds the rest up in one overflow series', async () => {
    const { emit, page, ledger, describe } = harness({}, { max_series: 3 })
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
    const { emit, page, put } = harness({}, { max_series: 1 })
    emit('x', { count: 1 }, { user: 'a' })
    emit('x', { count: 1 }, { user: 'b' })
    put({ max_series: 2 })
    emit('x', { count: 1 }, { user: 'b' })
    const { value } = await page()
    assert.equal(value('x_total', { user: 'b' }), 1)
    assert.equal(value('x_total', { otel_metric_overflow: 'true' }), 1)
  })

  it('survives 100,000 label sets: series and page bounded, sums exact, the culprit named', async () => {
    const { emit, page, describe } = harness({}, { health: false })
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
    const { emit, page } = harness({}, { health: false })
    const wide = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`k${i}`, '"\\\n'.repeat(500)]))
    for (let i = 0; i < 40; i++) emit('x', { count: 1, duration_ms: 1 }, { ...wide, i })
    const { text, sum } = await page()
    assert.ok(Buffer.byteLength(text) <= 1024 * 1024)
    assert.equal(sum('x_total'), 40)
  })

  it('bounds what it remembers of spellings: permuted keys and types lead to one series', async () => {
    const { emit, page, state } = harness({}, { max_series: 4 })
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

  it('bounds families and event names: a name per event costs neither memory nor the known families', () => {
    const { emit, state, ledger } = harness({}, { max_metrics: 10 })
    for (let i = 0; i < 20_000; i++) emit(`job.${i}`, { count: 1 })
    assert.equal(state.families.length, 10)
    assert.ok(state.plans.size <= 4096)
    assert.deepEqual(ledger, { accepted: 20_000, delivered: 10, dropped: { metric_limit: 19_990 } })
  })
})
