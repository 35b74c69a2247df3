// What the otel exporter takes from its surroundings: OpenTelemetry's variables, the resource, the size of a request.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import type { Config, ExporterSchema } from '../../../src/exporters/exporter.ts'
import { createEncoder } from '../../../src/exporters/otel/encode/encode.ts'
import { rejectedItems } from '../../../src/exporters/otel/export-response.ts'
import { detectOrigin, parseResourceAttributes } from '../../../src/exporters/otel/resource.ts'
import { otelSchema } from '../../../src/exporters/otel/schema.ts'
import { sizeOfSpan } from '../../../src/exporters/otel/spans/size.ts'
import { createTelemetry } from '../../../src/telemetry.ts'
import { compileProgram } from '../../support/programs.ts'
import { quietLogger } from '../../support/quiet-logger.ts'
import { driveSpans, otelConfig } from './driven-spans.ts'

const schema: ExporterSchema = otelSchema

/** What a variable says for a key. */
function said(key: string, name: string, text: string): unknown {
  const variable = schema[key]?.env?.find((each) => each.name === name)
  assert.ok(variable, `${key} does not listen to ${name}`)
  return variable.read ? variable.read(text, () => undefined) : text
}

describe('the variables of OTLP exporters', () => {
  it('add the path of the signal to the general endpoint only', () => {
    const general = (text: string) => said('endpoint', 'OTEL_EXPORTER_OTLP_ENDPOINT', text)
    assert.equal(general('http://c:4318'), 'http://c:4318/v1/traces')
    assert.equal(general('http://c:4318/'), 'http://c:4318/v1/traces')
    assert.equal(general('https://c/otlp'), 'https://c/otlp/v1/traces')
    assert.equal(general('https://c/otlp/?a=b'), 'https://c/otlp/v1/traces?a=b')
    assert.equal(general('nonsense'), 'nonsense')
    assert.equal(said('endpoint', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'http://c/x'), 'http://c/x')
  })

  it('count time in milliseconds', () => {
    assert.equal(said('timeout', 'OTEL_EXPORTER_OTLP_TIMEOUT', '2500'), 2.5)
    assert.equal(said('timeout', 'OTEL_BSP_EXPORT_TIMEOUT', ' 30000 '), 30)
    assert.equal(said('flush_interval', 'OTEL_BSP_SCHEDULE_DELAY', '0'), 0)
  })

  it('name the compression, in any case', () => {
    for (const text of [' gzip', 'GZIP', 'GZip '])
      assert.equal(said('compression', 'OTEL_EXPORTER_OTLP_COMPRESSION', text), 'gzip')
    assert.equal(said('compression', 'OTEL_EXPORTER_OTLP_TRACES_COMPRESSION', 'NONE'), 'none')
  })

  it('limit the queue, the batch and the attributes, down to none', () => {
    assert.equal(said('queue_size', 'OTEL_BSP_MAX_QUEUE_SIZE', '4096'), 4096)
    assert.equal(said('batch_size', 'OTEL_BSP_MAX_EXPORT_BATCH_SIZE', '128'), 128)
    for (const name of ['OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT', 'OTEL_ATTRIBUTE_COUNT_LIMIT'])
      assert.equal(said('max_attributes', name, '0'), 0)
    for (const name of ['OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT', 'OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT'])
      assert.equal(said('max_attribute_length', name, '0'), 0)
    for (const key of ['max_attributes', 'max_attribute_length']) assert.equal(schema[key]?.min, 0)
  })

  it('switch the exporter off, and never on', () => {
    for (const text of ['true', ' TRUE']) assert.equal(said('enabled', 'OTEL_SDK_DISABLED', text), false)
    assert.equal(said('enabled', 'OTEL_SDK_DISABLED', 'False'), undefined)
    for (const text of ['none', 'None ']) assert.equal(said('enabled', 'OTEL_TRACES_EXPORTER', text), false)
    for (const text of ['otlp', ' OTLP ', 'otlp,'])
      assert.equal(said('enabled', 'OTEL_TRACES_EXPORTER', text), undefined)
  })

  it('choose the sampler', () => {
    const rate = (sampler: string, argument?: string): unknown =>
      otelSchema.sampling_rate?.env?.[0]?.read?.(sampler, (name) =>
        name === 'OTEL_TRACES_SAMPLER_ARG' ? argument : undefined,
      )
    for (const [sampler, argument, expected] of [
      ['always_on', undefined, 1],
      ['parentbased_always_on', '0.5', 1],
      ['ALWAYS_OFF', undefined, 0],
      ['parentbased_always_off', undefined, 0],
      ['traceidratio', '0.25', 0.25],
      ['parentbased_traceidratio', ' 1 ', 1],
      ['parentbased_traceidratio', '.5', 0.5],
      ['traceidratio', undefined, 1],
    ] as const)
      assert.equal(rate(sampler, argument), expected, sampler)
    for (const argument of ['1.5', '-1', '50%', 'half', '1e-1'])
      assert.throws(() => rate('traceidratio', argument), /OTEL_TRACES_SAMPLER_ARG.*sampling_rate/)
    for (const sampler of ['jaeger_remote', 'parentbased_jaeger_remote', 'xray', ''])
      assert.throws(() => rate(sampler, '0.5'), /telemetry\.otel\.sampling_rate/)
  })

  for (const [key, name, texts, says] of [
    ['timeout', 'OTEL_EXPORTER_OTLP_TRACES_TIMEOUT', ['-1', 'soon', '1e3', '2s', '2.5'], /milliseconds/],
    ['compression', 'OTEL_EXPORTER_OTLP_COMPRESSION', ['zstd', 'true'], /none or gzip/],
    ['enabled', 'OTEL_SDK_DISABLED', ['1', 'yes', 'disabled'], /true or false/],
    [
      'enabled',
      'OTEL_TRACES_EXPORTER',
      ['zipkin', 'console,jaeger', 'console, OTLP', 'otlp,none', ','],
      /telemetry\.otel\.enabled/,
    ],
    ['client', 'OTEL_EXPORTER_OTLP_PROTOCOL', ['grpc', 'http/json'], /telemetry\.otel\.endpoint.*4318/],
    ['max_attributes', 'OTEL_ATTRIBUTE_COUNT_LIMIT', ['-1', 'many', '1.5'], /whole number/],
    ['queue_size', 'OTEL_BSP_MAX_QUEUE_SIZE', ['x', '-1'], /whole number/],
    ['resource_attributes', 'OTEL_RESOURCE_ATTRIBUTES', ['a', 'a=%zz'], /key=value/],
  ] as const)
    it(`say what would be right where ${name} is malformed or asks for what there is not`, () => {
      for (const text of texts) assert.throws(() => said(key, name, text), says, text)
    })

  it('of a protocol say nothing that telemachine speaks anyway', () => {
    for (const name of ['OTEL_EXPORTER_OTLP_PROTOCOL', 'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL'])
      assert.equal(said('client', name, 'http/protobuf'), undefined)
  })

  it('are stronger for the signal than in general', () => {
    for (const key of ['endpoint', 'compression', 'timeout', 'certificate', 'client_key', 'client'])
      assert.match(schema[key]?.env?.[0]?.name ?? '', /^OTEL_EXPORTER_OTLP_TRACES_/)
  })

  it('reach the keys that every exporter has', async () => {
    const env = {
      OTEL_SDK_DISABLED: 'true',
      OTEL_BSP_MAX_QUEUE_SIZE: '1000',
      OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '100',
      OTEL_BSP_SCHEDULE_DELAY: '250',
      OTEL_TRACES_SAMPLER: 'traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '0.5',
    }
    const telemetry = createTelemetry({
      logger: quietLogger,
      drainOnExit: false,
      config: { env, init: { otel: {} } },
    })
    await telemetry.start()
    const keys = ['enabled', 'queue_size', 'batch_size', 'flush_interval', 'sampling_rate']
    assert.deepEqual(
      keys.map((key) => telemetry.config.get(`otel.${key}`)),
      [false, 1000, 100, 0.25, 0.5],
    )
    assert.equal(telemetry.status().exporters.otel?.state, 'disabled')
    await telemetry.stop()
  })

  it('reach the keys of the exporter, the headers of both kinds combined', async () => {
    const configured = async (env: Record<string, string>): Promise<Config> => {
      const telemetry = createTelemetry({
        logger: quietLogger,
        config: { env, init: { otel: { enabled: false } } },
      })
      try {
        await telemetry.start()
        return Object.fromEntries(
          ['timeout', 'endpoint', 'compression'].map((key) => [key, telemetry.config.get(`otel.${key}`)]),
        )
      } finally {
        await telemetry.stop()
      }
    }
    assert.equal((await configured({ OTEL_EXPORTER_OTLP_TIMEOUT: '2500' })).timeout, 2.5)
    assert.deepEqual(
      await configured({
        OTEL_EXPORTER_OTLP_TIMEOUT: '2500',
        OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: '1500',
        OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318/base',
        OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
      }),
      { timeout: 1.5, endpoint: 'http://c:4318/base/v1/traces', compression: 'gzip' },
    )
    const combined = (general: string, specific: string): unknown =>
      (otelSchema as ExporterSchema).headers?.env
        ?.find(({ name }) => name === 'OTEL_EXPORTER_OTLP_TRACES_HEADERS')
        ?.read?.(specific, (name) => (name === 'OTEL_EXPORTER_OTLP_HEADERS' ? general : undefined))
    assert.deepEqual(combined('a=1,Api-Key=general', 'api-key=specific,c=x%2Cy'), {
      a: '1',
      'api-key': 'specific',
      c: 'x,y',
    })
    assert.deepEqual(combined('', 'b=2'), { b: '2' })
    assert.equal(combined('a=1', 'junk'), 'junk', 'what is malformed is refused by its own name')
  })

  it('may describe the resource; malformed they are discarded whole', () => {
    assert.deepEqual(parseResourceAttributes('a=1, b.c = x%2Cy ,'), { a: '1', 'b.c': 'x,y' })
    for (const text of ['a', 'a=b=c', '=b', 'a=%zz', 'a=1,b'])
      assert.equal(parseResourceAttributes(text), undefined, text)
  })
})

describe('the resource', () => {
  const withVariables = async <T>(variables: Record<string, string>, run: () => Promise<T>): Promise<T> => {
    Object.assign(process.env, variables)
    try {
      return await run()
    } finally {
      for (const name of Object.keys(variables)) delete process.env[name]
    }
  }

  it('has what OpenTelemetry detects by default', async () => {
    const { attributes } = (await detectOrigin(otelConfig())).resource
    assert.match(String(attributes['service.name']), /^unknown_service:/)
    for (const key of [
      'telemetry.sdk.name',
      'telemetry.sdk.version',
      'host.name',
      'host.arch',
      'process.pid',
    ])
      assert.ok(attributes[key], key)
  })

  it('is what the variables say, and above them the configuration', async () => {
    const variables = { OTEL_RESOURCE_ATTRIBUTES: 'service.name=env,host.name=here,team=a,zone=z' }
    const read = (changes: Record<string, unknown>) =>
      withVariables(variables, async () => (await detectOrigin(otelConfig(changes))).resource.attributes)
    const plain = await read({})
    assert.deepEqual([plain['service.name'], plain['host.name'], plain.zone], ['env', 'here', 'z'])
    const configured = await read({ service_name: 'shop', resource_attributes: { team: 'b' } })
    assert.deepEqual([configured['service.name'], configured.team, configured.zone], ['shop', 'b', 'z'])
    assert.equal((await read({ resource_attributes: ['team:c:d', 'flag'] })).team, 'c:d')
  })
})

describe('the size of a span', () => {
  it('is never said to be less than it is, and exact enough for a large one', () => {
    const encoder = createEncoder({ resource: { attributes: {} }, scope: { name: '' } })
    const value = fc.oneof(
      fc.string({ unit: fc.constantFrom('a', 'é', '漢', '😀', '\ud800'), maxLength: 900 }),
      fc.double(),
      fc.boolean(),
      fc.array(fc.string({ maxLength: 40 }), { maxLength: 40 }),
      fc.array(fc.double(), { maxLength: 40 }),
    )
    fc.assert(
      fc.property(fc.dictionary(fc.string(), value, { maxKeys: 20 }), fc.string(), (metadata, message) => {
        const source = driveSpans()
        source.emit('job.start', { correlation_id: 1, ...metadata })
        source.emit('job.error', { correlation_id: 1, error: new Error(message) })
        for (const record of source.items) {
          const actual = encoder.encode([record]).length
          const size = sizeOfSpan(record)
          assert.ok(size >= actual, `${size} for ${actual} bytes`)
          if (actual > 10_000) assert.ok(size < actual * 2, `${size} for ${actual} bytes`)
        }
      }),
      { numRuns: 200 },
    )
  })
})

describe('the answer to an export', () => {
  it('is read with unknown fields in it, or refused as malformed', () => {
    const bytes = (...parts: number[]) => Uint8Array.from(parts)
    assert.deepEqual(rejectedItems(bytes(), undefined), { rejected: 0, message: '' })
    // partial_success { rejected_spans: 300, error_message: "no" }, then unknown fields of every wire type.
    const partial = bytes(0x0a, 7, 0x08, 0xac, 0x02, 0x12, 2, 0x6e, 0x6f)
    const unknown = bytes(0x78, 1, 0x7d, 0, 0, 0, 0, 0x79, 0, 0, 0, 0, 0, 0, 0, 0, 0x7a, 1, 0)
    const answer = Uint8Array.from([...unknown, ...partial, ...unknown])
    assert.deepEqual(rejectedItems(answer, 'application/x-protobuf'), { rejected: 300, message: 'no' })
    assert.deepEqual(rejectedItems(answer, 'application/json'), { rejected: 0, message: '' })
    for (const junk of [bytes(0x0a, 9, 1), bytes(0x7b), bytes(0x08), bytes(...Array(11).fill(0xff))])
      assert.throws(() => rejectedItems(junk, undefined), RangeError)
  })

  it('never brings us down', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (body) => {
        try {
          const { rejected } = rejectedItems(body, undefined)
          assert.ok(rejected >= 0)
        } catch (thrown) {
          assert.ok(thrown instanceof RangeError)
        }
      }),
    )
  })
})

describe('the module of the otel exporter', () => {
  it('loads neither OpenTelemetry nor an HTTP client', async () => {
    const program = await compileProgram(`
      import { createRequire } from 'node:module'
      import { otel } from './src/exporters/otel/index.ts'
      otel()
      const loaded = Object.keys(createRequire(import.meta.url).cache)
      console.log(loaded.filter((path) => path.includes('@opentelemetry')).length, process.moduleLoadList.some((name) => name === 'NativeModule https'))`)
    const output = execFileSync(process.execPath, [program])
    assert.equal(output.toString().trim(), '0 false')
  })
})
