import fc from 'fast-check'
import type { AttributeValue, FlatAttributes, SpanRecord } from '../../../src/exporters/otel/span-record.ts'

const word = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
const nonZero = word.filter((value) => value !== 0)

/** Short and long around the borders of length prefixes; any UTF-16, lone surrogates included. */
const text = fc
  .oneof(
    { weight: 4, arbitrary: fc.string({ unit: 'grapheme-ascii', maxLength: 40 }) },
    { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 60 }) },
    { weight: 1, arbitrary: fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 50 }) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(
          fc.constantFrom('a', 'é', '漢', '😀', '\ud800'),
          fc.constantFrom(40, 47, 48, 49, 118, 120, 127, 128, 129),
        )
        .map(([unit, count]) => unit.repeat(count)),
    },
  )
  .map((value) => (typeof value === 'string' ? value : String.fromCharCode(...value)))

const borders = [7, 8, 14, 21, 28, 31, 32, 35, 52, 53, 54, 62, 63, 64].flatMap((bits) => [
  2 ** bits - 1,
  2 ** bits,
  -(2 ** bits) + 1,
  -(2 ** bits),
])

const number = fc.oneof(
  fc.constantFrom(0, -0, Number.MAX_VALUE, Number.MIN_VALUE, -Number.MAX_VALUE, 1e21, -1e21, 0.1, ...borders),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
)

const holes = <T>(element: fc.Arbitrary<T>) => fc.array(fc.option(element), { maxLength: 6 })

const value: fc.Arbitrary<AttributeValue> = fc.oneof(
  text,
  number,
  fc.boolean(),
  holes(text),
  holes(number),
  holes(fc.boolean()),
)

const attributes: fc.Arbitrary<FlatAttributes> = fc
  .uniqueArray(
    fc.tuple(
      // Two keys that UTF-8 makes equal would not be an attribute map any more.
      fc
        .oneof(
          fc.constantFrom('duration_ms', '__proto__', 'constructor', 'é'),
          text.map((key) => `${key}.`),
        )
        .filter(isWellFormed),
      value,
    ),
    { selector: ([key]) => key, maxLength: 8 },
  )
  .map((pairs) => pairs.flat(1) as FlatAttributes)

function isWellFormed(key: string): boolean {
  return !/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(key)
}

const count = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.integer({ min: 0, max: 2 ** 32 - 1 }))

/** Fractional epoch milliseconds, up to the year 2262. */
const time = fc
  .tuple(
    fc.integer({ min: 0, max: 9_223_372_036_853 }),
    fc.constantFrom(0, 0.25, 0.123456, 0.999999, 0.9999999),
  )
  .map(([ms, fraction]) => ms + fraction)

const traceId = fc.record({ w0: nonZero, w1: word, w2: word, w3: word })
const traceState = fc.oneof(fc.constant(''), fc.constant('vendor=a,other=b'), text)
const flags = fc
  .tuple(fc.integer({ min: 0, max: 255 }), fc.constantFrom(0x100, 0x300))
  .map(([low, high]) => low | high)

const event = fc.record({ name: text, time, attributes, droppedAttributesCount: count })
const link = fc.record({
  traceId,
  spanHigh: nonZero,
  spanLow: word,
  traceState,
  flags,
  attributes,
  droppedAttributesCount: count,
})

const parent = fc.oneof(
  fc.record({ parentHigh: fc.constant(0), parentLow: fc.constant(0), flags: fc.constantFrom(0x100, 0x101) }),
  fc.record({ parentHigh: word, parentLow: nonZero, flags }),
)

/** Any span that a SpanRecord can say. */
export const spanRecord: fc.Arbitrary<SpanRecord> = fc
  .record({
    name: text,
    kind: fc.integer({ min: 1, max: 5 }),
    traceId,
    spanHigh: nonZero,
    spanLow: word,
    parent,
    traceState,
    startTime: time,
    endTime: time,
    attributes,
    droppedAttributesCount: count,
    events: fc.array(event, { maxLength: 3 }),
    droppedEventsCount: count,
    links: fc.array(link, { maxLength: 3 }),
    droppedLinksCount: count,
    statusCode: fc.integer({ min: 0, max: 2 }),
    statusMessage: text,
  })
  .map(({ parent, ...span }) => ({ ...span, ...parent }))

/** A record with plain values, to vary one thing at a time. */
export const plainSpan = (changes: Partial<SpanRecord> = {}): SpanRecord => ({
  name: 'job',
  kind: 1,
  traceId: { w0: 0x0123_4567, w1: -1, w2: 2, w3: 3 },
  spanHigh: -2,
  spanLow: 5,
  parentHigh: 0,
  parentLow: 0,
  traceState: '',
  flags: 0x101,
  startTime: 1_700_000_000_000.25,
  endTime: 1_700_000_000_001.5,
  attributes: [],
  droppedAttributesCount: 0,
  events: [],
  droppedEventsCount: 0,
  links: [],
  droppedLinksCount: 0,
  statusCode: 0,
  statusMessage: '',
  ...changes,
})
