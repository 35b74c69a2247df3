// Google's own decoder, with the official schema, finds in our requests what was put in and no field it does not know.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer'
import fc from 'fast-check'
import { createEncoder, type EncoderOptions } from '../../src/exporters/otel/encode/encode.ts'
import type { SpanRecord } from '../../src/exporters/otel/span-record.ts'
import { toReadableSpans } from '../exporters/otel/readable-span.ts'
import { plainSpan, spanRecord } from '../exporters/otel/span-arbitraries.ts'

const schema = fileURLToPath(new URL('proto/otlp-trace.binpb', import.meta.url))
const request = 'opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest'

const common: EncoderOptions = {
  resource: {
    attributes: { 'service.name': 'shop', 'process.pid': 42 },
    schemaUrl: 'https://example.test/schema',
  },
  scope: { name: 'telemachine', version: '0.1.0' },
}

function protoc(bytes: Uint8Array): string {
  const { status, stdout, stderr } = spawnSync(
    'protoc',
    [`--descriptor_set_in=${schema}`, `--decode=${request}`],
    {
      input: bytes,
      maxBuffer: 256 * 1024 * 1024,
    },
  )
  assert.equal(status, 0, stderr.toString())
  return stdout.toString()
}

/** protoc prints a field it does not know by its number. */
const unknownField = /^\s*\d+\s*[:{]/m

describe('protoc', () => {
  before(function () {
    const missing = spawnSync('protoc', ['--version']).error !== undefined
    if (!missing) return
    if (process.env.CI) throw new Error('protoc is not installed')
    console.log('    skipped: protoc is not installed')
    this.skip()
  })

  it('would show an unknown field', () => {
    assert.match(protoc(Buffer.from('2203616263', 'hex')), unknownField)
  })

  it('reads a span as it was written', () => {
    const text = protoc(
      createEncoder(common).encode([
        plainSpan({
          name: 'db.query',
          kind: 3,
          statusCode: 2,
          statusMessage: 'timeout',
          attributes: ['n', -5, 'd', 0.5, 'b', true, 'list', ['x', null]],
          events: [
            {
              name: 'exception',
              time: 1.5,
              attributes: ['exception.type', 'Error'],
              droppedAttributesCount: 1,
            },
          ],
        }),
      ]),
    )
    for (const line of [
      'name: "db.query"',
      'kind: SPAN_KIND_CLIENT',
      'start_time_unix_nano: 1700000000000250000',
      'int_value: -5',
      'double_value: 0.5',
      'bool_value: true',
      'code: STATUS_CODE_ERROR',
      'message: "timeout"',
      'time_unix_nano: 1500000',
      'flags: 257',
      'schema_url: "https://example.test/schema"',
    ])
      assert(text.includes(line), `${line} in ${text}`)
  })

  it('reads the same from our bytes and from those of the package, and knows every field', () => {
    const records = fc.sample(spanRecord, { numRuns: process.env.TELEMACHINE_NIGHTLY === '1' ? 10_000 : 300 })
    const ours = protoc(createEncoder(common).encode(records))
    const theirs = protoc(
      ProtobufTraceSerializer.serializeRequest(toReadableSpans(records as SpanRecord[], common))!,
    )
    assert.doesNotMatch(ours, unknownField)
    assert.equal(ours, theirs)
  })
})
