// W3C Trace Context: what is valid is read exactly, what is not is ignored as a whole.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { newSpanId } from '../../src/bus/scope.ts'
import { traceHex, traceIdOf } from '../../src/bus/trace-id.ts'
import { formatTraceparent, parseTraceparent } from '../../src/bus/traceparent.ts'

const traceId = '0af7651916cd43dd8448eb211c80319c'
const spanId = 'b7ad6b7169203331'
const valid = `00-${traceId}-${spanId}-01`

describe('traceparent', () => {
  it('is read', () => {
    assert.deepEqual(parseTraceparent(valid), { traceId, spanId, traceFlags: 1, traceState: undefined })
    assert.equal(parseTraceparent(`00-${traceId}-${spanId}-00`)!.traceFlags, 0)
  })

  it('keeps the flags that are known', () => {
    assert.equal(parseTraceparent(`00-${traceId}-${spanId}-ff`)!.traceFlags, 3)
  })

  it('of a later version may be longer', () => {
    assert.equal(parseTraceparent(`cc-${traceId}-${spanId}-01`)!.spanId, spanId)
    assert.equal(parseTraceparent(`cc-${traceId}-${spanId}-01-what-the-future`)!.spanId, spanId)
  })

  for (const [what, text] of [
    ['no text', 7],
    ['empty', ''],
    ['upper case', valid.toUpperCase()],
    ['version ff', `ff${valid.slice(2)}`],
    ['a longer version 00', `${valid}-x`],
    ['a trailing dash', `${valid}-`],
    ['a later version run together', `cc${valid.slice(2)}x`],
    ['a zero trace id', `00-${'0'.repeat(32)}-${spanId}-01`],
    ['a zero span id', `00-${traceId}-${'0'.repeat(16)}-01`],
    ['a short id', `00-${traceId.slice(1)}-${spanId}-01`],
    ['no hex', `00-${traceId.replace('a', 'g')}-${spanId}-01`],
    ['a line break at its end', `${valid}\n`],
    ['two of them', `${valid}, ${valid}`],
  ] as const)
    it(`is invalid: ${what}`, () => assert.equal(parseTraceparent(text, 'a=1'), undefined))

  it('survives the way out and in', () => {
    fc.assert(
      fc.property(fc.nat({ max: 3 }), (traceFlags) => {
        const context = { traceId: newSpanId() + newSpanId(), spanId: newSpanId(), traceFlags }
        assert.deepEqual(parseTraceparent(formatTraceparent(context)), { ...context, traceState: undefined })
      }),
    )
  })

  it('announces a trace that is not decided yet as sampled', () => {
    assert.equal(formatTraceparent({ traceId, spanId }), valid)
  })
})

describe('tracestate', () => {
  const stateOf = (tracestate: unknown) => parseTraceparent(valid, tracestate)!.traceState

  it('is passed on as it came', () => {
    for (const text of [
      'a=1',
      'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE',
      'a=1, b=2',
      'a=1,,b=2',
      '0t@v=x y',
      'a/b*c_d-e=!',
    ])
      assert.equal(stateOf(text), text)
  })

  it('is dropped whole when a part of it is invalid', () => {
    const many = Array.from({ length: 33 }, (_, i) => `k${i}=1`).join(',')
    for (const text of [
      '',
      ',',
      'a',
      '=1',
      'a=',
      'A=1',
      'a=1=2',
      'a=é',
      `${'k'.repeat(257)}=1`,
      `a=${'v'.repeat(257)}`,
      many,
      7,
      ['a=1'],
      '1a=1',
      'a@1=1',
      'b=2,a =1',
    ])
      assert.equal(stateOf(text), undefined, JSON.stringify(text))
  })
})

describe('ids', () => {
  it('are lower-case hex and do not repeat', () => {
    const traces = Array.from({ length: 5000 }, (_, id) => traceHex(traceIdOf(id)))
    const spans = Array.from({ length: 5000 }, newSpanId)
    assert.ok(traces.every((id) => /^[0-9a-f]{32}$/.test(id)))
    assert.ok(spans.every((id) => /^[0-9a-f]{16}$/.test(id)))
    assert.equal(new Set([...traces, ...spans]).size, 10_000)
  })
})
