// Guards that the log records of events say, field by field, what those of OpenTelemetry's SDK say: the SDK's records in
// the serializer of OpenTelemetry's packages and ours in our encoder, both read by an independent decoder.
import assert from 'node:assert/strict'
import * as api from '@opentelemetry/api'
import { ProtobufLogsSerializer } from '@opentelemetry/otlp-transformer'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { LoggerProvider, type ReadableLogRecord } from '@opentelemetry/sdk-logs'
import fc from 'fast-check'
import type { SpanScope } from '../../../src/index.ts'
import { decodeLogsRequest } from '../../../src/testing/index.ts'
import { eventOf } from '../otel/driven-spans.ts'
import { observedAt, origin, requestOf } from './driven-logs.ts'

/** What is emitted, once through the SDK and once through telemachine. */
interface Emitted {
  readonly name: string
  readonly time: number
  readonly measurements: Readonly<Record<string, number>>
  readonly attributes: Readonly<Record<string, unknown>>
  readonly severity: readonly [number: number, name: string] | undefined
  readonly message: unknown
  readonly error: Error | undefined
  readonly scope: SpanScope | undefined
}

/** A longer text is cut. */
const maxLength = 300

function throughTheSdk(emitted: readonly Emitted[]): Uint8Array {
  const records: ReadableLogRecord[] = []
  const { attributes, schemaUrl } = origin.resource
  const provider = new LoggerProvider({
    resource: resourceFromAttributes(attributes, { schemaUrl }),
    logRecordLimits: { attributeValueLengthLimit: maxLength },
    processors: [
      {
        onEmit: (record) => records.push(record as unknown as ReadableLogRecord),
        forceFlush: async () => {},
        shutdown: async () => {},
      },
    ],
  })
  const logger = provider.getLogger(origin.scope.name, origin.scope.version)
  for (const { name, time, measurements, attributes, severity, message, error, scope } of emitted)
    logger.emit({
      eventName: name,
      timestamp: time,
      observedTimestamp: observedAt,
      severityNumber: severity?.[0],
      severityText: severity?.[1],
      body: message as string,
      attributes: { ...measurements, ...attributes } as Record<string, string>,
      exception: error,
      context: scope
        ? api.trace.setSpanContext(api.ROOT_CONTEXT, { ...scope, traceFlags: scope.traceFlags! } as never)
        : api.ROOT_CONTEXT,
    })
  return ProtobufLogsSerializer.serializeRequest(records)!
}

const throughTelemachine = (emitted: readonly Emitted[]): Uint8Array =>
  requestOf(
    emitted.map(({ name, time, measurements, attributes, severity, message, error, scope }) => {
      const metadata = { ...attributes, severity: severity?.[0], message, error }
      return eventOf(name, measurements, metadata, time, scope)
    }),
    { body: 'message', max_attribute_length: maxLength },
  )

const decode = (bytes: Uint8Array) => decodeLogsRequest(bytes, { exactIntegers: true })

const agree = (emitted: readonly Emitted[]): void =>
  assert.deepEqual(decode(throughTelemachine(emitted)), decode(throughTheSdk(emitted)))

const plain: Emitted = {
  name: 'job.done',
  time: 1_700_000_000_000.25,
  measurements: {},
  attributes: {},
  severity: undefined,
  message: undefined,
  error: undefined,
  scope: undefined,
}

const text = fc.string({ unit: fc.constantFrom('a', 'Z', '"', 'é', '漢', '😀'), maxLength: 200 })
const double = fc.double({ noNaN: true, noDefaultInfinity: true })
const scalar = fc.oneof(text, double, fc.integer(), fc.maxSafeInteger(), fc.boolean())
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalar,
    fc.array(fc.oneof(fc.constant(null), tie('value')), { maxLength: 4 }),
    fc.dictionary(fc.string({ maxLength: 8 }), fc.oneof(fc.constant(null), tie('value')), { maxKeys: 4 }),
  ),
}))
const keys = (first: string) => fc.string({ maxLength: 20 }).map((rest) => `${first}${rest}`)
const severities = [
  [1, 'TRACE'],
  [6, 'DEBUG2'],
  [9, 'INFO'],
  [16, 'WARN4'],
  [17, 'ERROR'],
  [24, 'FATAL4'],
] as const
const hex = (digits: number) =>
  fc
    .array(fc.constantFrom(...'0123456789abcdef'), { minLength: digits, maxLength: digits })
    .map((all) => all.join(''))
    .filter((id) => /[^0]/.test(id))
const optional = <T>(from: fc.Arbitrary<T>) => fc.option(from, { nil: undefined })

const emitted: fc.Arbitrary<Emitted> = fc.record({
  name: fc.oneof(fc.constantFrom('job.done', 'job.start'), text),
  time: fc.integer({ min: 1_000_000_000_000, max: 4_000_000_000_000 }),
  measurements: fc.dictionary(keys('m.'), double, { maxKeys: 6 }),
  attributes: fc.dictionary(keys('a.'), value, { maxKeys: 12 }),
  severity: optional(fc.constantFrom(...severities)),
  message: optional(value),
  error: optional(text.map((message) => new TypeError(message))),
  scope: optional(
    fc.record({
      name: fc.constant('around'),
      traceId: hex(32),
      spanId: hex(16),
      traceFlags: fc.constantFrom(0, 1, 3),
    }),
  ),
})

describe('a log record, beside that of OpenTelemetry\u2019s SDK', () => {
  it('is the same for any event', () => {
    fc.assert(fc.property(fc.array(emitted, { minLength: 1, maxLength: 4 }), agree), {
      numRuns: process.env.TELEMACHINE_NIGHTLY === '1' ? 4000 : 300,
    })
  })

  it('is the same for attributes of each kind', () =>
    agree([
      {
        ...plain,
        measurements: { count: 1, duration_ms: 1.5, negative: -7, large: 2 ** 53, huge: 2 ** 70, zero: -0 },
        attributes: {
          text: 'é 😀',
          empty: '',
          integer: 42,
          double: 1.5,
          flag: false,
          texts: ['a', 'b'],
          mixed: [1, 'a', true, null, [2]],
          nothing: [],
          nested: { deep: { deeper: [{ x: 1 }] }, none: null },
        },
      },
    ]))

  it('is the same around the borders of length prefixes', () => {
    for (const length of [...Array(140).keys(), 16_200, 16_300, 16_383, 16_384])
      agree([
        {
          ...plain,
          name: 'n'.repeat(length),
          message: 'b'.repeat(length),
          attributes: { k: 'v'.repeat(length) },
        },
      ])
  })

  it('is the same for keys that come in other places, in any event of a name', () => {
    const entries = Object.entries({
      'a.first': 1,
      'a.second': 'two',
      'a.third': true,
      é: 'four',
      'a.fifth': 5.5,
    })
    for (let turn = 0; turn < 3 * entries.length; turn++) {
      const turned = [...entries.slice(turn % 5), ...entries.slice(0, turn % 5)].slice(turn % 3)
      const attributes = Object.fromEntries(turned)
      const measurements: Record<string, number> = turn % 2 === 0 ? {} : { 'm.count': turn }
      const message = turn % 4 === 0 ? 'hello' : undefined
      agree([{ ...plain, name: 'places', attributes, measurements, message }])
    }
  })

  it('is the same for values of a key that repeat, are many, are no ASCII or long', () => {
    const values = Array.from({ length: 150 }, (_, i) => `/api/v1/resource-${i % 90}/:id`)
    values.splice(20, 0, 'é'.repeat(30), 'x'.repeat(99), 'x'.repeat(101), 'x'.repeat(15), 'x'.repeat(16), '')
    agree(values.map((value) => ({ ...plain, attributes: { 'a.many': value }, message: value })))
    const few = Array.from({ length: 150 }, (_, i) => `/api/v1/resource-${i % 8}/:id`)
    agree(few.map((value) => ({ ...plain, attributes: { 'a.few': value, ['k'.repeat(90)]: value } })))
  })

  it('is the same where a limit cuts and drops', () => {
    const attributes = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`key ${i}`, i]))
    agree([{ ...plain, attributes }])
    const { resourceLogs } = decode(throughTelemachine([{ ...plain, attributes }]))
    assert.equal(resourceLogs[0]?.scopeLogs[0]?.logRecords[0]?.droppedAttributesCount, 72)
    const cut = (character: string): string => character.repeat(maxLength + 1)
    agree([{ ...plain, attributes: { long: cut('x'), list: [cut('y')], table: { z: cut('z') } } }])
  })
})
