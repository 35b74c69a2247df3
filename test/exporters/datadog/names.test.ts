// Guards that whatever an application calls things becomes names and tags that Datadog takes as they are.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { measuredName, metricName, tagOf, tagSet } from '../../../src/exporters/datadog/names.ts'

const anyText = fc.oneof(fc.string({ unit: 'binary', maxLength: 600 }), fc.string({ maxLength: 300 }))

describe('datadog names', () => {
  it('are legal and not empty, whatever they are made of', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        for (const name of [metricName(text), measuredName(text, 'duration_ms')])
          assert.match(name, /^[a-zA-Z][a-zA-Z0-9_.]{0,199}$/)
        assert.ok(measuredName(text, 'count').endsWith('.count'))
        assert.equal(metricName(metricName(text)), metricName(text))
      }),
    )
  })

  it('stay as they are when they are legal', () => {
    assert.equal(metricName('queuemizer.job.success_2'), 'queuemizer.job.success_2')
    assert.equal(metricName('2 héllo wörld'), 'h_llo_w_rld')
  })

  it('make legal tags, or no tag', () => {
    fc.assert(
      fc.property(anyText, anyText, (key, value) => {
        const tag = tagOf(key, value)
        if (tag === undefined) return
        assert.ok([...tag].length <= 200 && tag.isWellFormed())
        assert.match(tag, /^\p{L}[\p{L}\p{M}\p{N}_./:-]*$/u)
        assert.ok(!tag.endsWith(':'))
        const [own, ...rest] = tag.split(':')
        assert.equal(tagOf(own!, rest.join(':')) ?? tag, tag)
      }),
    )
  })

  it('make the same tags of the same metadata in any order and spelling', () => {
    assert.deepEqual(
      tagSet([
        ['Queue', 'Mail Out'],
        ['n', 1],
      ]),
      ['n:1', 'queue:mail_out'],
    )
    assert.deepEqual(
      tagSet([
        ['n', '1'],
        ['queue', 'mail out'],
      ]),
      ['n:1', 'queue:mail_out'],
    )
    assert.deepEqual(
      tagSet([
        ['a', ''],
        ['b', null],
        ['c', Number.NaN],
        ['d', [1]],
        ['e', true],
      ]),
      ['e:true'],
    )
  })
})
