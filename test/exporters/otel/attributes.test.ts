// What of two events becomes attributes, status, exception and links of a span, and what the limits cut.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import { cutText } from '../../../src/exporters/otel/spans/attributes.ts'
import { attributesOf, driveSpans } from './driven-spans.ts'

const parent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

function finished(start: object, end: object = {}, suffix = 'success', measurements = {}, config = {}) {
  const otel = driveSpans(config)
  otel.emit('job.start', { correlation_id: 1, ...start })
  otel.emit(`job.${suffix}`, { correlation_id: 1, ...end }, measurements)
  return otel.span('job')
}

describe('attributes of a span', () => {
  it('are the fields of both events; the end wins, and a measurement over metadata of its name', () => {
    const span = finished({ queue: 'mail', try: 1 }, { try: 2, rows: 'many' }, 'success', {
      rows: 3,
      ms: 0.5,
    })
    assert.deepEqual(span.attributes, { correlation_id: 1, queue: 'mail', try: 2, rows: 3, ms: 0.5 })
    assert.equal(span.droppedAttributesCount, 0)
  })

  it('have OpenTelemetry types; values without one are counted, null is ignored', () => {
    const span = finished({
      yes: true,
      list: ['a', null, 'b'],
      numbers: [1, Number.NaN],
      empty: [],
      nothing: null,
      mixed: [1, 'a'],
      object: { a: 1 },
      nan: Number.NaN,
      '': 'no name',
    })
    assert.deepEqual(span.attributes, {
      correlation_id: 1,
      yes: true,
      list: ['a', null, 'b'],
      numbers: [1, null],
      empty: [],
    })
    assert.equal(span.droppedAttributesCount, 3)
  })

  it('leave out a duration that is not a finite number', () => {
    for (const duration_ms of [Number.NaN, Number.POSITIVE_INFINITY, '12', null])
      assert.ok(!('duration_ms' in finished({}, {}, 'success', { duration_ms }).attributes))
  })

  it('are at most 128, each counted once; the duration is among them', () => {
    const many = (prefix: string) =>
      Object.fromEntries(Array.from({ length: 120 }, (_, i) => [`${prefix}${i}`, i]))
    const both = many('both')
    const span = finished({ ...both, ...many('start') }, both, 'success', { duration_ms: 1 })
    assert.equal(Object.keys(span.attributes).length, 128)
    assert.equal(span.attributes.duration_ms, 1)
    assert.equal(span.droppedAttributesCount, 120 + 120 + 2 - 128)
  })

  it('however short, leave what the start says about the span itself', () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    const start = { traceparent, span_kind: 'consumer', text: 'abcd' }
    const span = finished(start, {}, 'success', {}, { max_attribute_length: 3 })
    assert.equal(span.kind, 5)
    assert.equal(span.attributes.text, 'abc')
    assert.equal('traceparent' in span.attributes || 'span_kind' in span.attributes, false)
  })

  it('are cut at max_attribute_length, in arrays too, never inside a character', () => {
    const span = finished(
      { text: 'ab😀d', list: ['ab😀d', 'ok'] },
      {},
      'success',
      {},
      { max_attribute_length: 3 },
    )
    assert.equal(span.attributes.text, 'ab')
    assert.deepEqual(span.attributes.list, ['ab', 'ok'])
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('a', 'é', '😀', '𝒳'), maxLength: 12 }),
        fc.integer({ min: 1, max: 20 }),
        (text, length) => {
          const cut = cutText(text, length)
          assert.ok(
            text.startsWith(cut) && cut.length <= length && cut.length >= Math.min(text.length, length - 1),
          )
          assert.equal(Buffer.from(cut).toString(), cut)
        },
      ),
    )
  })

  it('may be called __proto__', () => {
    const otel = driveSpans()
    otel.emit('job.start', { correlation_id: 1, ['__proto__']: 'x' })
    otel.emit('job.success', { correlation_id: 1 })
    assert.equal(Object.getOwnPropertyDescriptor(otel.span('job').attributes, '__proto__')?.value, 'x')
  })
})

describe('a failed span', () => {
  it('has the message of metadata.error as its status, and as an attribute', () => {
    const span = finished({}, { error: 'no disk' }, 'error')
    assert.equal(span.statusMessage, 'no disk')
    assert.equal(span.attributes.error, 'no disk')
    assert.deepEqual(span.events, [])
  })

  it('falls back to metadata.reason', () => {
    assert.equal(finished({}, { reason: 'killed' }, 'exception').statusMessage, 'killed')
    assert.equal(finished({}, { reason: 'killed', error: 'sigkill' }, 'error').statusMessage, 'sigkill')
  })

  it('has an exception event when an Error is given', () => {
    const error = new RangeError('too far')
    const span = finished({}, { error }, 'error')
    assert.equal(span.statusMessage, 'too far')
    const [event] = span.events
    assert.equal(event?.name, 'exception')
    assert.equal(event?.time, span.endTime)
    assert.deepEqual(attributesOf(event?.attributes ?? []), {
      'exception.type': 'RangeError',
      'exception.message': 'too far',
      'exception.stacktrace': error.stack,
    })
    assert.equal(span.droppedAttributesCount, 0)
    assert.ok(!('error' in span.attributes))
  })

  it('takes the message of an object', () => {
    assert.equal(finished({}, { error: { message: 'odd' } }, 'error').statusMessage, 'odd')
  })

  it('may say nothing', () => {
    for (const error of [null, '', {}, [], { message: 7 }])
      assert.equal(finished({}, { error }, 'error').statusMessage, '')
  })
})

describe('metadata about the span itself', () => {
  it('gives its kind, and is no attribute then', () => {
    assert.equal(finished({ span_kind: 'server' }).kind, 2)
    assert.equal(finished({ 'span.kind': 'consumer' }).kind, 5)
    assert.ok(!('span_kind' in finished({ span_kind: 'server' }).attributes))
    assert.equal(finished({ span_kind: 'llm' }).attributes.span_kind, 'llm')
  })

  it('gives its links', () => {
    const span = finished({
      links: [
        parent,
        { traceparent: parent.replace(/01$/, '00'), tracestate: 'a=1', attributes: { n: 1 } },
        'junk',
      ],
    })
    assert.deepEqual(
      span.links.map(({ flags, traceState, attributes }) => ({ flags, traceState, attributes })),
      [
        { flags: 0x301, traceState: '', attributes: [] },
        { flags: 0x300, traceState: 'a=1', attributes: ['n', 1] },
      ],
    )
    assert.equal(span.droppedLinksCount, 1)
    assert.ok(!('links' in span.attributes))
  })

  it('stays an attribute when it only has the name', () => {
    const span = finished({ links: 7, traceparent: 'none' })
    assert.equal(span.attributes.links, 7)
    assert.equal(span.attributes.traceparent, 'none')
    assert.deepEqual(span.links, [])
  })

  it('says a link once that both of its events give', () => {
    const otel = driveSpans()
    const other = parent.replace(/-01$/, '-00').replace(/-b/, '-c')
    otel.emit('job.start', { correlation_id: 1, links: [parent] })
    otel.emit('job.success', { correlation_id: 1, links: [parent, other] })
    assert.equal(otel.span('job').links.length, 2)
  })

  it('keeps at most 128 links', () => {
    const span = finished({ links: Array.from({ length: 130 }, () => parent) })
    assert.equal(span.links.length, 128)
    assert.equal(span.droppedLinksCount, 2)
  })
})
