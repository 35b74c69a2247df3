// W3C Trace Context: what is valid is read exactly, what is not is ignored as a whole.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { drawnId, drawnText, drawSpanId } from '../../src/bus/span-id.ts'
import { spanHex, traceHex, traceIdOf } from '../../src/bus/trace-id.ts'
import { formatTraceparent, isTraceparent, parseTraceparent } from '../../src/bus/traceparent.ts'
import { parseTracestate } from '../../src/bus/tracestate.ts'
import { stopwatch } from '../support/stopwatch.ts'

const traceId = '0af7651916cd43dd8448eb211c80319c'
const spanId = 'b7ad6b7169203331'
const valid = `00-${traceId}-${spanId}-01`

describe('traceparent', () => {
  it('is read', () => {
    const { name, isRemote, ...scope } = parseTraceparent(valid)!.shown
    assert.deepEqual([name, isRemote], ['', true])
    assert.deepEqual([scope.traceId, scope.spanId, scope.traceFlags], [traceId, spanId, 1])
    assert.deepEqual([scope.traceState, scope.parentSpanId], [undefined, undefined])
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
    ['spaces around it', ` ${valid}`],
    ['not a dash between its parts', valid.replace('-', '_')],
    ['no hex in the version', `0 ${valid.slice(2)}`],
    ['no hex in the flags', `${valid.slice(0, -1)}g`],
    ['no flags', valid.slice(0, -3)],
    ['an object that becomes one', { toString: () => valid }],
    ['a line break in a later version', `cc${valid.slice(2)}-a\nb`],
    ['a space in a later version', `cc${valid.slice(2)}-a b`],
    ['a later version of a thousand characters', `cc${valid.slice(2)}-${'x'.repeat(1000)}`],
  ] as const)
    it(`is invalid: ${what}`, () => {
      assert.equal(parseTraceparent(text, 'a=1'), undefined)
      assert.equal(isTraceparent(text), false)
    })

  it('survives the way out and in', () => {
    const digits = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 16, maxLength: 16 })
    fc.assert(
      fc.property(digits, digits, digits, fc.nat({ max: 3 }), (high, low, span, traceFlags) => {
        const context = { traceId: high + low, spanId: span, traceFlags }
        fc.pre(!/^0+$/.test(context.traceId) && !/^0+$/.test(span))
        const { traceId, spanId, traceFlags: flags } = parseTraceparent(formatTraceparent(context))!
        assert.deepEqual({ traceId, spanId, traceFlags: flags }, context)
      }),
    )
  })

  it('announces a trace that is not decided yet as sampled', () => {
    assert.equal(formatTraceparent({ traceId, spanId }), valid)
  })
})

describe('tracestate', () => {
  const stateOf = (tracestate: unknown) => parseTraceparent(valid, tracestate)!.traceState

  it('is passed on without what says nothing', () => {
    for (const [text, passedOn] of [
      ['a=1', 'a=1'],
      ['rojo=00f067aa0ba902b7,congo=t61rcWkgMzE', 'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE'],
      ['a=1, b=2', 'a=1,b=2'],
      ['a=1,,b=2,', 'a=1,b=2'],
      [' a=1 ,,\tb@c=x y,2t@v=!', 'a=1,b@c=x y,2t@v=!'],
      ['a=1,b=2,a=3', 'a=1,b=2'],
      ['a/b*c_d-e=!', 'a/b*c_d-e=!'],
      // Level 2: a key may begin with a digit, and hold an @ anywhere but in front.
      ['1a=1', '1a=1'],
      ['a@1=1', 'a@1=1'],
      ['foo@=1,foo@@bar=2,foo@bar@baz=3', 'foo@=1,foo@@bar=2,foo@bar@baz=3'],
      [`${'z'.repeat(256)}=1`, `${'z'.repeat(256)}=1`],
      [`a=${'v'.repeat(256)}`, `a=${'v'.repeat(256)}`],
    ])
      assert.equal(stateOf(text), passedOn)
  })

  it('is passed on at 32 members of any valid length', () => {
    const members = (count: number, value: string): string =>
      Array.from({ length: count }, (_, i) => `k${i}=${value}`).join(',')
    assert.equal(stateOf(members(32, 'x')), members(32, 'x'))
    assert.equal(stateOf(members(32, 'x'.repeat(256))), members(32, 'x'.repeat(256)))
    assert.equal(stateOf(members(33, 'x')), undefined)
  })

  it('is dropped whole when a part of it is invalid', () => {
    for (const text of [
      '',
      ',',
      'a',
      '=1',
      'a=',
      'A=1',
      'a.b=1',
      'a=1=2',
      'a=é',
      '@a=1',
      'a =1',
      `${'k'.repeat(257)}=1`,
      `a=${'v'.repeat(257)}`,
      7,
      ['a=1'],
      'b=2,a =1',
      'a=1\n',
      'a=1,b',
    ])
      assert.equal(stateOf(text), undefined, JSON.stringify(text))
  })

  it('takes no longer than its length, whatever it holds', () => {
    const busyMs = stopwatch()
    for (const text of [
      '\t'.repeat(30_000),
      `a=${' '.repeat(30_000)}`,
      ','.repeat(30_000),
      'a=1,'.repeat(8_000),
    ])
      parseTracestate(text)
    assert.ok(busyMs() < 1000)
  })
})

describe('ids', () => {
  it('are lower-case hex and do not repeat', () => {
    const traces = Array.from({ length: 5000 }, (_, id) => traceHex(traceIdOf(id)))
    const spans = Array.from({ length: 5000 }, () => {
      drawSpanId()
      assert.equal(drawnText(), spanHex(drawnId.high, drawnId.low))
      return drawnText()
    })
    assert.ok(traces.every((id) => /^[0-9a-f]{32}$/.test(id)))
    assert.ok(spans.every((id) => /^[0-9a-f]{16}$/.test(id)))
    assert.equal(new Set([...traces, ...spans]).size, 10_000)
  })
})
