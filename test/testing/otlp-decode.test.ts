// The decoder reads what the OpenTelemetry serializers write, exactly, and refuses everything else with a reason.
import assert from 'node:assert/strict'
import { SpanKind, SpanStatusCode, TraceFlags } from '@opentelemetry/api'
import { JsonTraceSerializer, ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer'
import fc from 'fast-check'
import { countSpans, decodeTraceRequest, decodeTraceRequestJson } from '../../src/testing/index.ts'
import { type ReadableSpan, spanOf } from './spans.ts'

const traceId = '0af7651916cd43dd8448eb211c80319c'
const rich = spanOf({
  name: 'née 💡',
  kind: SpanKind.CONSUMER,
  spanContext: () => ({
    traceId,
    spanId: 'b7ad6b7169203331',
    traceFlags: TraceFlags.SAMPLED,
    traceState: { serialize: () => 'a=1' } as never,
  }),
  parentSpanContext: { traceId, spanId: '00f067aa0ba902b7', traceFlags: 1, isRemote: true },
  status: { code: SpanStatusCode.ERROR, message: 'it broke' },
  attributes: {
    text: 'x',
    yes: true,
    whole: -7,
    large: Number.MAX_SAFE_INTEGER,
    part: 0.5,
    list: ['a', 'b'],
    numbers: [1, 2.5],
    bytes: new Uint8Array([1, 2, 255]),
    nested: { deep: { er: [null, 1] } },
    __proto__x: 1,
  } as never,
  events: [
    {
      name: 'exception',
      time: [1_700_000_000, 5],
      attributes: { 'exception.type': 'E' },
      droppedAttributesCount: 1,
    },
  ],
  links: [
    {
      context: { traceId, spanId: '00f067aa0ba902b7', traceFlags: 1 },
      attributes: { why: 'batch' },
      droppedAttributesCount: 2,
    },
  ],
  droppedAttributesCount: 3,
  droppedEventsCount: 4,
  droppedLinksCount: 5,
})

const bytesOf = (spans: ReadableSpan[]): Uint8Array => ProtobufTraceSerializer.serializeRequest(spans)!

/** A field by hand: its number, its wire type, its bytes. */
const raw = (number: number, wire: number, ...content: number[]): number[] => [number * 8 + wire, ...content]
const sub = (number: number, ...content: number[]): number[] => raw(number, 2, content.length, ...content)
const ids = [...sub(1, ...Array(16).fill(1)), ...sub(2, ...Array(8).fill(2))]
const spanBytes = (...fields: number[]): Uint8Array => new Uint8Array(sub(1, ...sub(2, ...sub(2, ...fields))))
const attribute = (...value: number[]): Uint8Array =>
  spanBytes(...ids, ...sub(9, ...sub(1, 97), ...sub(2, ...value)))

describe('the OTLP decoder', () => {
  it('reads all of a span from protobuf', () => {
    const [resourceSpans, ...more] = decodeTraceRequest(bytesOf([rich])).resourceSpans
    assert.equal(more.length, 0)
    assert.deepEqual(resourceSpans?.resource?.attributes, { 'service.name': 'a test', 'host.cpus': 2 })
    const [scopeSpans] = resourceSpans!.scopeSpans
    assert.equal(scopeSpans?.scope?.name, 'telemachine-test')
    assert.equal(scopeSpans.scope.version, '1.2.3')
    assert.deepEqual(scopeSpans.spans, [
      {
        traceId,
        spanId: 'b7ad6b7169203331',
        parentSpanId: '00f067aa0ba902b7',
        traceState: 'a=1',
        flags: 0x301,
        name: 'née 💡',
        kind: 5,
        startTimeUnixNano: 1_700_000_000_000_000_001n,
        endTimeUnixNano: 1_700_000_001_999_999_999n,
        attributes: {
          text: 'x',
          yes: true,
          whole: -7,
          large: Number.MAX_SAFE_INTEGER,
          part: 0.5,
          list: ['a', 'b'],
          numbers: [1, 2.5],
          bytes: new Uint8Array([1, 2, 255]),
          nested: { deep: { er: [null, 1] } },
          __proto__x: 1,
        },
        droppedAttributesCount: 3,
        events: [
          {
            timeUnixNano: 1_700_000_000_000_000_005n,
            name: 'exception',
            attributes: { 'exception.type': 'E' },
            droppedAttributesCount: 1,
          },
        ],
        droppedEventsCount: 4,
        links: [
          {
            traceId,
            spanId: '00f067aa0ba902b7',
            traceState: '',
            attributes: { why: 'batch' },
            droppedAttributesCount: 2,
            flags: 0x101,
          },
        ],
        droppedLinksCount: 5,
        status: { code: 2, message: 'it broke' },
      },
    ])
  })

  it('reads the same from JSON', () => {
    const json = new TextDecoder().decode(JsonTraceSerializer.serializeRequest([rich])!)
    assert.deepEqual(decodeTraceRequestJson(json), decodeTraceRequest(bytesOf([rich])))
  })

  it('agrees with both serializers on any attributes', () => {
    const value = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.boolean(),
      fc.double({ noNaN: true, noDefaultInfinity: true, noInteger: true }),
      fc.maxSafeInteger(),
    )
    const attributes = fc.dictionary(fc.string(), fc.oneof(value, fc.array(fc.integer(), { maxLength: 5 })))
    fc.assert(
      fc.property(attributes, (given) => {
        // JSON knows no negative zero; a lone surrogate does not survive UTF-8.
        const clean = JSON.parse(JSON.stringify(given).replaceAll(/\\ud[89a-f]../g, '?')) as typeof given
        fc.pre(!('__proto__' in clean && Object.hasOwn(clean, '__proto__')))
        const span = spanOf({ attributes: clean as never })
        const read = (request: ReturnType<typeof decodeTraceRequest>): unknown =>
          request.resourceSpans[0]!.scopeSpans[0]!.spans[0]!.attributes
        const json = new TextDecoder().decode(JsonTraceSerializer.serializeRequest([span])!)
        const expected = Object.fromEntries(Object.entries(clean).filter(([, each]) => each !== null))
        assert.deepEqual(read(decodeTraceRequest(bytesOf([span]))), expected)
        assert.deepEqual(read(decodeTraceRequestJson(json)), expected)
      }),
      { numRuns: 200 },
    )
  })

  it('refuses whatever is cut off', () => {
    const whole = bytesOf([rich, spanOf()])
    for (let length = 1; length < whole.length; length++) {
      assert.throws(() => decodeTraceRequest(whole.subarray(0, length)), { code: 'OTLP_MALFORMED' })
      assert.throws(() => countSpans(whole.subarray(0, length)), { code: 'OTLP_MALFORMED' })
    }
    assert.deepEqual(decodeTraceRequest(new Uint8Array()), { resourceSpans: [] })
  })

  it('either decodes or refuses any bytes at all', () => {
    const damaged = fc
      .tuple(fc.nat(), fc.integer({ min: 0, max: 255 }), fc.nat({ max: 3 }))
      .map(([at, byte, insert]) => {
        const bytes = [...bytesOf([rich])]
        bytes.splice(at % bytes.length, insert % 2, byte)
        return new Uint8Array(bytes)
      })
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), damaged), (bytes) => {
        for (const read of [
          decodeTraceRequest,
          countSpans,
          (b: Uint8Array) => decodeTraceRequestJson(`${b}`),
        ])
          try {
            read(bytes)
          } catch (error) {
            assert.equal((error as { code?: string }).code, 'OTLP_MALFORMED')
          }
      }),
      { numRuns: 1000 },
    )
  })

  const refused: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ['an unknown field', spanBytes(...ids, ...raw(17, 0).slice(0, 1), 1), /Span: unknown field 17|wire/],
    ['field 0', new Uint8Array([2, 0]), /unknown field 0/],
    ['a wrong wire type', spanBytes(...ids, ...raw(5, 0, 1)), /Span\.name: at byte \d+ wire type 0/],
    ['a name that is not UTF-8', spanBytes(...ids, ...sub(5, 0xff)), /Span\.name.*UTF-8/],
    ['a name given twice', spanBytes(...ids, ...sub(5, 97), ...sub(5, 98)), /Span\.name: occurs twice/],
    [
      'a short trace id',
      spanBytes(...sub(1, 1, 2), ...sub(2, ...Array(8).fill(2))),
      /traceId: is not 16 bytes/,
    ],
    ['a missing span id', spanBytes(...sub(1, ...Array(16).fill(1))), /Span\.spanId: is missing/],
    [
      'a span id of zeros',
      spanBytes(...sub(1, ...Array(16).fill(1)), ...sub(2, ...Array(8).fill(0))),
      /zeros/,
    ],
    ['a kind beyond the known', spanBytes(...ids, ...raw(6, 0, 6)), /Span\.kind: 6 is not between 0 and 5/],
    ['two values in one', attribute(...raw(2, 0, 1), ...raw(3, 0, 1)), /a second value/],
    ['a boolean of two', attribute(...raw(2, 0, 2)), /neither true nor false/],
    ['65 bits', attribute(...raw(3, 0, ...Array(9).fill(0xff), 2)), /longer than 64 bits/],
    [
      'a key that occurs twice',
      spanBytes(...ids, ...sub(9, ...sub(1, 97)), ...sub(9, ...sub(1, 97))),
      /the key "a" occurs twice/,
    ],
  ]
  for (const [what, bytes, reason] of refused)
    it(`refuses ${what}`, () => {
      assert.throws(() => decodeTraceRequest(bytes), { code: 'OTLP_MALFORMED', message: reason })
    })

  it('refuses nesting without end', () => {
    let value: number[] = []
    const nest = (inner: number[]): number[] => {
      const length = inner.length
      const varint = length < 128 ? [length] : [(length & 127) | 128, length >> 7]
      return [...raw(5, 2), ...varint, ...inner]
    }
    for (let i = 0; i < 60; i++) {
      const list = [
        10,
        ...(value.length < 128 ? [value.length] : [(value.length & 127) | 128, value.length >> 7]),
      ]
      value = nest([...list, ...value])
    }
    const delimit = (number: number, inner: number[]): number[] => [
      number * 8 + 2,
      (inner.length & 127) | 128,
      inner.length >> 7,
      ...inner,
    ]
    const bytes = delimit(
      1,
      delimit(2, delimit(2, [...ids, ...delimit(9, [...sub(1, 97), ...delimit(2, value)])])),
    )
    assert.throws(() => decodeTraceRequest(new Uint8Array(bytes)), { message: /nested deeper than 100/ })
  })

  it('keeps integers exact, and tells them from doubles when asked', () => {
    const low = attribute(...raw(3, 0, ...Array(9).fill(0x80), 1))
    const one = attribute(...raw(3, 0, 1))
    const value = (bytes: Uint8Array, exactIntegers: boolean): unknown =>
      decodeTraceRequest(bytes, { exactIntegers }).resourceSpans[0]?.scopeSpans[0]?.spans[0]?.attributes.a
    assert.equal(value(low, false), -(2n ** 63n))
    assert.equal(value(one, false), 1)
    assert.equal(value(one, true), 1n)
    assert.equal(value(attribute(), false), null)
  })

  it('pollutes no prototype', () => {
    const key = [...Buffer.from('__proto__')]
    const bytes = spanBytes(
      ...ids,
      ...sub(9, ...sub(1, ...key), ...sub(2, ...sub(6, ...sub(1, ...sub(1, 97))))),
    )
    const attributes = decodeTraceRequest(bytes).resourceSpans[0]!.scopeSpans[0]!.spans[0]!.attributes
    assert.deepEqual(Object.keys(attributes), ['__proto__'])
    assert.equal((attributes as { a?: unknown }).a, undefined)
  })

  it('refuses JSON that OTLP does not allow', () => {
    const span = (more: object): string =>
      JSON.stringify({
        resourceSpans: [{ scopeSpans: [{ spans: [{ traceId, spanId: '00f067aa0ba902b7', ...more }] }] }],
      })
    decodeTraceRequestJson(span({ name: null, startTimeUnixNano: '18446744073709551615' }))
    for (const [more, reason] of [
      [{ kind: 'SPAN_KIND_SERVER' }, /Span\.kind: is not a number/],
      [{ startTimeUnixNano: 'now' }, /not an integer/],
      [{ startTimeUnixNano: '18446744073709551616' }, /64 bits/],
      [{ startTimeUnixNano: 1.5 }, /not an integer/],
      [{ startTimeUnixNano: 1e20 }, /64 bits/],
      [{ traceId: 'CvdlGRbNQ92ESOshHIAxnA==' }, /not hex/],
      [{ name: 1 }, /not a string/],
      [{ attributes: {} }, /not an array/],
      [{ status: [] }, /not an object/],
      [{ colour: 1 }, /unknown field "colour"/],
    ] as const)
      assert.throws(() => decodeTraceRequestJson(span(more)), { code: 'OTLP_MALFORMED', message: reason })
    for (const text of ['', '[]', 'null', '{"resourceSpans":[1]}'])
      assert.throws(() => decodeTraceRequestJson(text), { code: 'OTLP_MALFORMED' })
  })

  it('counts spans without decoding them', () => {
    fc.assert(
      fc.property(fc.nat({ max: 300 }), (count) => {
        const bytes = bytesOf(Array.from({ length: count }, () => spanOf({ attributes: { a: 1 } })))
        assert.equal(countSpans(bytes), count)
      }),
      { numRuns: 10 },
    )
  })
})
