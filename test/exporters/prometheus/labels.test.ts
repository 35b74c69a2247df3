/**
 * Labels made from metadata: which values and keys become labels, how names and values are made legal, and that a
 * series is the set of its labels, however an event spells it.
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { layoutOf } from '../../../src/exporters/prometheus/aggregate/layout.ts'
import { labelName, labelsIn, labelsText, labelValue } from '../../../src/exporters/prometheus/names.ts'
import { labelText } from '../../../src/metrics/labels.ts'
import { drivePrometheus } from './driven.ts'

/** Labels by the rule, without any preparation. */
function plainLabels(pairs: readonly (readonly [key: string, value: unknown])[]) {
  const texts = pairs.flatMap(([key, value]) => {
    const text = labelText(value)
    return text === undefined || text === '' ? [] : [{ key, name: labelName(key), text }]
  })
  texts.sort((a, b) => (a.key < b.key ? -1 : 1))
  const names = [...new Set(texts.map(({ name }) => name))].sort()
  const textsOf = (name: string) => texts.filter((one) => one.name === name).map(({ text }) => text)
  return names.map((name) => [name, labelValue(textsOf(name).join(';'))] as const)
}

const count = { count: 1 }

describe('prometheus: labels', () => {
  it('are strings, finite numbers and booleans, as text; everything else is left out', async () => {
    const { emit, page } = drivePrometheus()
    const odd = { g: null, h: undefined, i: {}, j: [1], k: NaN, l: Infinity, m: new Date(0), n: '' }
    emit('x', count, { a: 'text', b: 1.5, c: -0, d: true, e: false, ...odd })
    assert.equal((await page()).value('x_total', { a: 'text', b: '1.5', c: '0', d: 'true', e: 'false' }), 1)
  })

  it('make one series of whatever reads the same', async () => {
    const { emit, page } = drivePrometheus({}, { health: false })
    emit('x', count, { a: 1, b: true })
    emit('x', count, { b: 'true', a: '1' })
    emit('x', count, { b: true, c: '', a: '1', d: null })
    const { samples, value } = await page()
    assert.equal(samples.length, 1)
    assert.equal(value('x_total', { a: '1', b: 'true' }), 3)
  })

  it('may differ from event to event: a missing one is absent, a new one extends the family', async () => {
    const { emit, page } = drivePrometheus()
    emit('x', count, { a: '1' })
    emit('x', count, { b: '2' })
    emit('x', count)
    emit('x', count, { a: '1', b: '2' })
    const { value } = await page()
    const sets: Record<string, string>[] = [{ a: '1' }, { b: '2' }, {}, { a: '1', b: '2' }]
    for (const labels of sets) assert.equal(value('x_total', labels), 1)
  })

  it('leave ids out, unless they are named in full', async () => {
    const ids = { correlation_id: 1, request_id: 2, trace_id: 3, span_id: 4, traceparent: 5 }
    const { emit, page, put } = drivePrometheus()
    emit('x', count, { ...ids, a: '1' })
    put({ labels: ['*'] })
    emit('x', count, { ...ids, a: '1' })
    put({ labels: ['*', 'request_id'] })
    emit('x', count, { ...ids, a: '1' })
    const { value } = await page()
    assert.equal(value('x_total', { a: '1' }), 2)
    assert.equal(value('x_total', { a: '1', request_id: '2' }), 1)
  })

  it('obey the allow and deny lists, which change under way', async () => {
    const { emit, page, put } = drivePrometheus({}, { labels: ['queue', 'http.*'] })
    const metadata = { queue: 'mail', 'http.method': 'GET', user: 'ann' }
    emit('x', count, metadata)
    put({ labels: null, labels_deny: ['user'] })
    emit('x', count, metadata)
    put({ labels_deny: ['http_method'] })
    emit('x', count, metadata)
    const { value } = await page()
    assert.equal(value('x_total', { queue: 'mail', http_method: 'GET' }), 2)
    assert.equal(value('x_total', { queue: 'mail', user: 'ann' }), 1)
  })

  it('join the values of keys that become one name, in the order of the keys', async () => {
    const { emit, page } = drivePrometheus()
    emit('x', count, { 'a.b': '1', a_b: '2', 'a-b': '3' })
    emit('x', count, { a_b: '2', 'a-b': '3', 'a.b': '1' })
    assert.equal((await page()).value('x_total', { a_b: '3;1;2' }), 2)
  })

  it('never take a name the format or the overflow series needs', async () => {
    const { emit, page } = drivePrometheus()
    emit(
      'x',
      { count: 1, duration_ms: 1 },
      { le: '5', quantile: '0.5', 'otel.metric.overflow': true, __name__: 'y' },
    )
    const moved = {
      exported_le: '5',
      exported_quantile: '0.5',
      exported_otel_metric_overflow: 'true',
      _name__: 'y',
    }
    const { value } = await page()
    assert.equal(value('x_total', moved), 1)
    assert.equal(value('x_duration_seconds_count', moved), 1)
  })

  it('have legal names that never begin with two underscores', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (key) => {
        assert.match(labelName(key), /^(?!__)[a-zA-Z_][a-zA-Z0-9_]*$/)
      }),
    )
    for (const [key, name] of Object.entries({
      '': '_',
      '1a': '_1a',
      __x: '_x',
      '.a': '_a',
      é: '_',
      a: 'a',
      A9: 'A9',
    })) {
      assert.equal(labelName(key), name)
    }
  })

  it('have well-formed values of at most 1 KiB, cut between characters', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 3 }),
        fc.integer({ min: 0, max: 1030 }),
        (text, times) => {
          const value = labelValue(text.repeat(times))
          assert.ok(Buffer.byteLength(value) <= 1024)
          assert.equal(Buffer.from(value).toString(), value)
          assert.ok(Buffer.from(text.repeat(times)).toString().startsWith(value))
          if (Buffer.byteLength(text.repeat(times)) > 1024) assert.ok(Buffer.byteLength(value) > 1020)
        },
      ),
    )
    assert.equal(labelValue('é'.repeat(1000)), 'é'.repeat(512))
    assert.equal(labelValue(`${'x'.repeat(1021)}😀`), 'x'.repeat(1021))
    assert.equal(labelValue('a\ud800b'), 'a\ufffdb')
  })

  it('are cut before they are escaped, so that no escape is torn', async () => {
    const { emit, page } = drivePrometheus()
    emit('x', count, { a: '"'.repeat(3000), b: '\\n\n"'.repeat(600) })
    emit('x', count, { a: '"'.repeat(4000), b: '\\n\n"'.repeat(600) })
    const [sample] = (await page()).families.get('x_total')!.samples
    assert.deepEqual(sample, {
      name: 'x_total',
      labels: { a: '"'.repeat(1024), b: '\\n\n"'.repeat(256) },
      value: 2,
    })
  })

  it('depend neither on the order of the keys nor on the way in which they were prepared', () => {
    const value = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom('\\', '"', '\n', 'é', 'a', '~', '\ud800'), maxLength: 70 }),
      fc.double(),
      fc.boolean(),
      fc.constantFrom(null, undefined, [1], {}, 7n),
      fc.constant('long '.repeat(300)),
    )
    const pairs = fc.uniqueArray(fc.tuple(fc.string({ maxLength: 3 }), value), {
      selector: ([key]) => key,
      maxLength: 12,
    })
    fc.assert(
      fc.property(pairs, (list) => {
        const expected = plainLabels(list)
        for (const order of [list, list.toReversed()]) {
          const layout = layoutOf(order.map(([key], offset) => ({ key, name: labelName(key), offset })))
          const values = order.map(([, one]) => one)
          const text = layout(values, 0)
          assert.equal(text, labelsText(expected))
          assert.deepEqual(labelsIn(text), expected)
        }
      }),
    )
  })

  it('are at most 64 in a family; what is beyond is left out, and no count is lost', async () => {
    const { emit, page } = drivePrometheus()
    const wide = Object.fromEntries(
      Array.from({ length: 100 }, (_, i) => [`k${String(i).padStart(3, '0')}`, i]),
    )
    emit('x', count, wide)
    emit('x', count, { ...wide, k099: 'another' })
    emit('x', count, { fresh: 'a' })
    const { families, value } = await page()
    const [widest] = families.get('x_total')!.samples
    assert.equal(Object.keys(widest!.labels).length, 64)
    assert.equal(widest!.value, 2)
    assert.equal(value('x_total'), 1)
  })
})
