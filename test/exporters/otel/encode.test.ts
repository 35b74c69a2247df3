// The bytes of our encoder say what the package's serializer says of the same spans, to an independent decoder.

import assert from 'node:assert/strict'
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer'
import fc from 'fast-check'
import { decodeSpan } from '../../../src/exporters/otel/decode.ts'
import { createEncoder, type EncoderOptions } from '../../../src/exporters/otel/encode/encode.ts'
import { createSpanSlabs } from '../../../src/exporters/otel/encode/span-slabs.ts'
import type { ReadableSpan } from '../../../src/exporters/otel/readable-span.ts'
import { checkSdkSpan } from '../../../src/exporters/otel/sdk-span.ts'
import type { SpanRecord } from '../../../src/exporters/otel/span-record.ts'
import { decodeTraceRequest } from '../../../src/testing/otlp-decode.ts'
import { toReadableSpans } from './readable-span.ts'
import { plainSpan, spanRecord } from './span-arbitraries.ts'

const nightly = process.env.TELEMACHINE_NIGHTLY === '1'

const common: EncoderOptions = {
  resource: {
    attributes: { 'service.name': 'shop', 'process.pid': 42, 'process.command_args': ['node', 'main.js'] },
    schemaUrl: 'https://opentelemetry.io/schemas/1.36.0',
  },
  scope: { name: 'telemachine', version: '0.1.0' },
}

const resources = [
  { attributes: { 'service.name': 'cart' } },
  { attributes: { 'service.name': 'long', padding: 'x'.repeat(20_000) }, schemaUrl: 'https://r' },
]
const scopes = [{ name: 'http' }, { name: 'db', version: '2', schemaUrl: 'https://s' }]

const decode = (bytes: Uint8Array) => decodeTraceRequest(bytes, { exactIntegers: true })

const reference = (records: readonly SpanRecord[], options: EncoderOptions = common) =>
  decode(ProtobufTraceSerializer.serializeRequest(toReadableSpans(records, options))!)

const onlySpan = (bytes: Uint8Array) => decode(bytes).resourceSpans[0]!.scopeSpans[0]!.spans[0]!

describe('the OTLP encoder', () => {
  const encoder = createEncoder(common)
  const encoded = (changes: Partial<SpanRecord>) => onlySpan(encoder.encode([plainSpan(changes)]))

  it('agrees with the package on any spans', () => {
    fc.assert(
      fc.property(fc.array(spanRecord, { minLength: 1, maxLength: 4 }), (records) => {
        assert.deepEqual(decode(encoder.encode(records)), reference(records))
      }),
      { numRuns: nightly ? 4000 : 400 },
    )
  })

  it('agrees with the package on any resource and scope', () => {
    const attributes = {
      text: 'é',
      list: [1, 2],
      nested: { deep: [{ a: true }] },
      raw: new Uint8Array([0, 255]),
    }
    const options = [
      { resource: { attributes: {} }, scope: { name: '' } },
      {
        resource: { attributes, schemaUrl: 'r' },
        scope: { name: 'n'.repeat(200), schemaUrl: 's', attributes },
      },
      { resource: { attributes: { long: 'x'.repeat(100_000) } }, scope: { name: 'n', version: '1' } },
    ]
    for (const option of options) {
      const records = [plainSpan()]
      assert.deepEqual(decode(createEncoder(option).encode(records)), reference(records, option))
    }
  })

  it('agrees with the package on spans of an SDK among our own, each under its resource and scope', () => {
    const origins = [0, 1].flatMap((resource) =>
      [0, 1].map((scope) => ({ resource: resources[resource]!, scope: scopes[scope]! })),
    )
    const item = fc.record({
      record: spanRecord,
      origin: fc.option(fc.constantFrom(...origins), { nil: undefined }),
      nanoseconds: fc.integer({ min: 0, max: 999_999_999 }),
    })
    fc.assert(
      fc.property(fc.array(item, { minLength: 1, maxLength: 6 }), (drawn) => {
        const own = createEncoder(common)
        const pairs = drawn.map(({ record, origin, nanoseconds }) => {
          const [span] = toReadableSpans([record], origin ?? common)
          if (origin === undefined) return { item: record, span: span! }
          const sdk = {
            ...span!,
            resource: origin.resource as unknown as ReadableSpan['resource'],
            instrumentationScope: origin.scope as ReadableSpan['instrumentationScope'],
            startTime: [1_700_000_000, nanoseconds] as [number, number],
          }
          return { item: sdk, span: sdk }
        })
        const [first] = toReadableSpans([plainSpan()], common)
        const shared = { resource: first!.resource, instrumentationScope: first!.instrumentationScope }
        const all = pairs.map(({ item, span }) => (item === span ? span : { ...span, ...shared }))
        assert.deepEqual(
          decode(own.encode(pairs.map(({ item }) => item))),
          decode(ProtobufTraceSerializer.serializeRequest(all)!),
        )
      }),
      { numRuns: nightly ? 4000 : 300 },
    )
  })

  it('gets every length prefix right around its borders', () => {
    // From one that fits a byte to one beyond three; every message that contains the text grows with it.
    for (const length of [...Array(140).keys(), 16_200, 16_300, 16_383, 16_384, 16_385]) {
      const text = 'x'.repeat(length)
      const event = { name: text, time: 1, attributes: ['k', text], droppedAttributesCount: 0 }
      const records = [
        plainSpan({ name: text, attributes: ['k', text, 'list', [text, text]], events: [event] }),
      ]
      assert.deepEqual(decode(encoder.encode(records)), reference(records), `at length ${length}`)
    }
    for (const length of [2 ** 21 - 20, 2 ** 21]) {
      assert.equal(
        encoded({ attributes: ['k', 'x'.repeat(length)] }).attributes.k?.valueOf(),
        'x'.repeat(length),
      )
    }
  })

  it('writes nanoseconds exactly', () => {
    for (const [time, nanos] of [
      [0, 0n],
      [1_700_000_000_000.25, 1_700_000_000_000_250_000n],
      [1_700_000_000_000 + 2 ** -12, 1_700_000_000_000_000_244n],
      [0.000001, 1n],
      [1.9999999, 2_000_000n],
      [9_223_372_036_853, 9_223_372_036_853_000_000n],
    ] as const) {
      assert.equal(encoded({ startTime: time, endTime: time }).startTimeUnixNano, nanos)
    }
  })

  it('rounds fractions of a nanosecond, which the times of an SDK may have', () => {
    const [span] = toReadableSpans([plainSpan()], common)
    for (const [nanoseconds, written] of [
      [5.4, 5n],
      [5.5, 6n],
      [999_999_999.7, 1_000_000_000n],
      [1_999_999.6, 2_000_000n],
    ] as const) {
      const timed = { ...span!, startTime: [1, nanoseconds] as [number, number] }
      checkSdkSpan(timed)
      assert.equal(onlySpan(encoder.encode([timed])).startTimeUnixNano, 1_000_000_000n + written)
    }
    for (const nanoseconds of [-0.5, 1e9 + 1, Number.NaN, '5'])
      assert.throws(() => checkSdkSpan({ ...span!, startTime: [1, nanoseconds as number] }), /start time/)
  })

  it('writes ids as big-endian words', () => {
    const span = encoded({ parentHigh: 0, parentLow: 1 })
    assert.equal(span.traceId, '01234567ffffffff0000000200000003')
    assert.equal(span.spanId, 'fffffffe00000005')
    assert.equal(span.parentSpanId, '0000000000000001')
  })

  it('leaves the parent of a root span out', () => {
    assert.equal(encoded({}).parentSpanId, '')
  })

  it('replaces lone surrogates and keeps pairs', () => {
    const { name, attributes } = encoded({ name: 'a\ud800b', attributes: ['k', `${'x'.repeat(60)}\udc00😀`] })
    assert.equal(name, 'a\ufffdb')
    assert.equal(attributes.k, `${'x'.repeat(60)}\ufffd😀`)
  })

  it('survives values that no span record should hold, as the package does', () => {
    const hostile = [
      Number.NaN,
      Infinity,
      -Infinity,
      null,
      undefined,
      [[1, ['a']], []],
      { a: { b: null } },
      Symbol('s'),
      5n,
    ]
    const attributes = hostile.flatMap((value, index) => [`k${index}`, value]) as never[]
    const records = [plainSpan({ attributes })]
    assert.deepEqual(decode(encoder.encode(records)), reference(records))
  })

  it('encodes an empty batch as a request without spans', () => {
    assert.deepEqual(decode(encoder.encode([])).resourceSpans[0]!.scopeSpans[0]!.spans, [])
  })

  it('hands out bytes that later batches leave alone', () => {
    const first = encoder.encode([plainSpan({ name: 'first' })])
    const copy = Uint8Array.from(first)
    encoder.encode(Array.from({ length: 1000 }, () => plainSpan({ name: 'later' })))
    assert.deepEqual(Uint8Array.from(first), copy)
    assert.equal(first.buffer.byteLength, first.byteLength)
  })
})

describe('a span that was encoded when it finished', () => {
  const slabs = createSpanSlabs()

  it('is the same message, alone and among others', () => {
    const encoder = createEncoder(common)
    fc.assert(
      fc.property(fc.array(fc.tuple(spanRecord, fc.boolean()), { minLength: 1, maxLength: 4 }), (drawn) => {
        const items = drawn.map(([record, encoded]) => (encoded ? slabs.encode(record) : record))
        const encoded = drawn.map(([record]) => slabs.encode(record))
        const expected = reference(drawn.map(([record]) => record))
        assert.deepEqual(decode(encoder.encode(items)), expected)
        assert.deepEqual(decode(encoder.encode(encoded)), expected)
      }),
      { numRuns: nightly ? 4000 : 300 },
    )
  })

  it('is read back as the record it was', () => {
    fc.assert(
      fc.property(spanRecord, (record) => {
        assert.deepEqual(decode(encodeOf(decodeSpan(slabs.encode(record)))), decode(encodeOf(record)))
      }),
      { numRuns: nightly ? 4000 : 300 },
    )
    const plain = plainSpan({ attributes: ['a', 1, 'b', [true, null], 'c', 'é', 'd', 1.5] })
    assert.deepEqual(decodeSpan(slabs.encode(plain)), plain)
  })

  it('keeps its bytes whatever is encoded after it, however large', () => {
    const text = 'x'.repeat(100)
    const spans = Array.from({ length: 3000 }, (_, i) =>
      plainSpan({ name: `span ${i}`, attributes: ['k', i % 500 === 0 ? text.repeat(2000) : text] }),
    )
    const encoded = spans.map((span) => slabs.encode(span))
    for (const [i, span] of encoded.entries()) {
      const { name, attributes } = decodeSpan(span)
      assert.equal(name, `span ${i}`)
      assert.equal(attributes[1], spans[i]!.attributes[1])
    }
    const memory = [...new Set(encoded.map(({ bytes }) => bytes.buffer))]
    const held = memory.reduce((sum, { byteLength }) => sum + byteLength, 0)
    const used = encoded.reduce((sum, { start, end }) => sum + end - start, 0)
    assert.ok(held < used * 1.1, 'little more than what is in use is held')
  })

  it('is written over a request that was given back, and over no other', () => {
    const encoder = createEncoder(common)
    const requestOf = (name: string, count: number) =>
      encoder.encode(Array.from({ length: count }, () => slabs.encode(plainSpan({ name }))))
    const namesIn = (request: Uint8Array) =>
      decode(request).resourceSpans[0]!.scopeSpans[0]!.spans.map(({ name }) => name)
    const kept = requestOf('kept', 20)
    const read = requestOf('read', 20)
    encoder.giveBack!(read)
    encoder.giveBack!(read)
    const shorter = requestOf('shorter', 3)
    const fresh = requestOf('fresh', 3)
    assert.equal(shorter.buffer, read.buffer)
    assert.notEqual(fresh.buffer, read.buffer)
    encoder.giveBack!(shorter)
    const longer = requestOf('longer', 2000)
    assert.notEqual(longer.buffer, read.buffer)
    for (const [request, name, count] of [
      [kept, 'kept', 20],
      [fresh, 'fresh', 3],
      [longer, 'longer', 2000],
    ] as const)
      assert.deepEqual(namesIn(request), Array(count).fill(name))
  })

  it('gives its memory to the next one when it is not kept', () => {
    const fresh = createSpanSlabs()
    const [kept, dropped] = [fresh.encode(plainSpan({ name: 'kept' })), fresh.encode(plainSpan())]
    fresh.release(kept)
    fresh.release(dropped)
    const next = fresh.encode(plainSpan({ name: 'next' }))
    assert.deepEqual([next.bytes === kept.bytes, next.start], [true, kept.end])
    assert.deepEqual([decodeSpan(kept).name, decodeSpan(next).name], ['kept', 'next'])
  })

  const encodeOf = (record: SpanRecord) => createEncoder(common).encode([record])
})
