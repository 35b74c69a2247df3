// A span is written straight from the fields of its two events: the bytes say what the record of the span says.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import { ErrorSnapshot } from '../../../src/bus/event.ts'
import { EventRecord } from '../../../src/bus/snapshot.ts'
import { Scope, type SpanNote } from '../../../src/bus/span-scope.ts'
import { decodeSpan } from '../../../src/exporters/otel/decode.ts'
import { writeFinishedSpan } from '../../../src/exporters/otel/encode/finished-span.ts'
import { createWriter } from '../../../src/exporters/otel/encode/protobuf-writer.ts'
import { createSpanSlabs } from '../../../src/exporters/otel/encode/span-slabs.ts'
import { OpenSpan, OpenTrace } from '../../../src/exporters/otel/spans/open-span.ts'
import { finishSpan } from '../../../src/exporters/otel/spans/record.ts'

const nightly = process.env.TELEMACHINE_NIGHTLY === '1'
const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

const word = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
/** Few keys, so that both events, and measurements and metadata, have the same ones. */
const key = fc.oneof(
  fc.constantFrom('', 'a', 'b', 'c', 'duration_ms', 'é', 'k'.repeat(101), '__proto__'),
  fc.constantFrom('traceparent', 'tracestate', 'span_kind', 'span.kind', 'links', 'error', 'reason'),
)
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.constantFrom('😀😀😀', 'x'.repeat(200)),
)
const value: fc.Arbitrary<unknown> = fc.oneof(
  text,
  fc.double(),
  fc.integer(),
  fc.boolean(),
  fc.constantFrom<unknown>(
    null,
    undefined,
    {},
    { message: 'm' },
    [1, 'mixed'],
    [traceparent],
    [],
    traceparent,
  ),
  fc.constantFrom<unknown>('server', 'client', 'internal', `${traceparent}\n`, 'a=1'),
  fc.array(fc.option(text), { maxLength: 3 }),
  fc.array(fc.option(fc.double()), { maxLength: 3 }),
  fc
    .tuple(text, text, fc.option(text, { nil: undefined }))
    .map(([type, message, stack]) => new ErrorSnapshot(type, message, stack)),
)
const fields = (values: fc.Arbitrary<unknown>, maxLength: number) =>
  fc
    .uniqueArray(fc.tuple(key, values), { maxLength, selector: ([name]) => name })
    .map((pairs) => pairs.flat() as unknown[])

const event = fc
  .record({
    measurements: fields(fc.oneof(fc.double(), value), 3),
    metadata: fields(value, 10),
    time: fc.oneof(fc.double({ min: -1, max: 4e12 }), fc.constantFrom(Number.NaN, Infinity, 1.7e12)),
  })
  .map(({ measurements, metadata, time }) => {
    const all = [...measurements, ...metadata]
    return new EventRecord('e', time, all, measurements.length, undefined, 'caller')
  })

const note = fc.record({
  name: text,
  time: fc.oneof(fc.constant(1.7e12), fc.double()),
  fields: fields(value, 6),
})
const notes = fc.option(
  fc.record({
    name: fc.option(text, { nil: undefined }),
    events: fc.oneof(fc.constant<SpanNote[]>([]), fc.array(note, { maxLength: 2 })),
    bytes: fc.constant(0),
    droppedEvents: fc.constantFrom(0, 0, 1),
    droppedAttributes: fc.constantFrom(0, 2),
  }),
  { nil: undefined },
)
const ids = fc.record({ w0: word, w1: word, w2: word, w3: word })
const open = fc
  .record({
    name: fc.oneof(text, fc.constantFrom('job', '')),
    trace: fc
      .tuple(ids, fc.constantFrom(1, 3), fc.constantFrom('', 'a=1'), word)
      .map(([trace, flags, state, high]) => new OpenTrace(trace, flags, state, high, 0)),
    spanHigh: word,
    spanLow: word,
    parentHigh: fc.constantFrom(0, 1),
    parentLow: fc.oneof(fc.constant(0), word),
    parentIsRemote: fc.boolean(),
    start: event,
    own: fc.boolean(),
    notes,
  })
  .map(({ name, own, notes: told, ...place }) => {
    const scope = Scope.from({ name, traceId: traceparent.slice(3, 35), spanId: traceparent.slice(36, 52) })!
    scope.notes = told
    return Object.assign(new OpenSpan(name, undefined, scope, own, { at: 0 }), place)
  })
const limits = fc.record({
  count: fc.oneof(fc.constant(128), fc.nat(6)),
  length: fc.oneof(fc.constant(16_384), fc.integer({ min: 1, max: 6 })),
})

describe('a span written from its events', () => {
  const slabs = createSpanSlabs()

  it('is the span that its record says', () => {
    let direct = 0
    fc.assert(
      fc.property(open, event, fc.boolean(), limits, (span, end, isError, most) => {
        const record = decodeSpan(slabs.encode(finishSpan(span, end, isError, most)))
        assert.deepEqual(decodeSpan(slabs.finish(span, end, isError, most)), record)
        if (writeFinishedSpan(createWriter(), span, end, isError, most)) direct++
      }),
      { numRuns: nightly ? 20_000 : 3000 },
    )
    assert.ok(direct > 1000, 'most spans take the short way')
  })

  it('leaves nothing behind when the long way has to be taken', () => {
    const writer = createWriter()
    const span = new OpenSpan('job', undefined, undefined, false, { at: 0 })
    const linked = new EventRecord('e', 1, ['a', 1, 'links', [traceparent]], 0, undefined, 'caller')
    const many = new EventRecord(
      'e',
      1,
      Array.from({ length: 300 }, (_, i) => (i % 2 ? i : `k${i}`)),
      0,
      undefined,
      'caller',
    )
    for (const end of [linked, many]) {
      assert.equal(writeFinishedSpan(writer, span, end, false, { count: 128, length: 100 }), false)
      assert.equal(writer.at, 0)
    }
    const { links, attributes } = decodeSpan(slabs.finish(span, linked, false, { count: 128, length: 100 }))
    assert.deepEqual([links.length, attributes], [1, ['a', 1]])
  })
})
