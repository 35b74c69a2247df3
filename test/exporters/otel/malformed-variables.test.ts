// OpenTelemetry's variables in a whole system: each is honoured, or says once, in a warning, why it is ignored.
import assert from 'node:assert/strict'
import { createTelemetry } from '../../../src/index.ts'

const otherwise = /; it is ignored$/

/** What a system with an otel exporter makes of an environment: its configuration, and what it says. */
async function madeOf(env: Readonly<Record<string, string>>) {
  const logged: string[] = []
  const say = (_: object, text?: string): void => void logged.push(text ?? '')
  const telemetry = createTelemetry({
    drainOnExit: false,
    logger: { debug() {}, info() {}, warn: say, error: say },
    // No traffic: it stays disabled unless a variable is about that.
    config: { env: { TELEMETRY_OTEL_DRAIN_TIMEOUT: '0', ...env }, init: { otel: {} } },
  })
  await telemetry.start()
  try {
    // A change judges everything again, and says nothing again.
    await telemetry.config.put('otel.span_ttl', 17)
    const { warnings } = telemetry.status().config
    const get = (key: string): unknown => telemetry.config.get(`otel.${key}`)
    return { logged: logged.filter((text) => text.startsWith('telemetry.')), warnings, get }
  } finally {
    await telemetry.stop({ timeoutMs: 0 })
  }
}

const badNumbers = ['x', '-1', '1e3', '1.5', '0x10', '99999999999999999999', 'NaN', 'Infinity']
const badHeaders = ['junk', 'a=%zz', '=b', 'a b=c', 'host=x', 'a=1,A=2', 'a=%0a', 'a=\u4e2d']

/** Malformed or unsupported texts by variable; the key that is named, and its value all the same. */
const malformed: readonly (readonly [name: string, texts: readonly string[], key: string, value: unknown])[] =
  [
    ['OTEL_SDK_DISABLED', ['1', 'yes', 'tru', '0', ' '], 'enabled', true],
    ['OTEL_TRACES_EXPORTER', ['zipkin', 'console', 'otlp,none', 'otlp,zipkin', ','], 'enabled', true],
    ['OTEL_TRACES_SAMPLER', ['jaeger_remote', 'xray', 'traceidratio,', '0.5'], 'sampling_rate', 1],
    ['OTEL_TRACES_SAMPLER_ARG', ['0.5', 'half'], 'sampling_rate', 1],
    ['OTEL_BSP_MAX_QUEUE_SIZE', [...badNumbers, '0'], 'queue_size', 100_000],
    ['OTEL_BSP_MAX_EXPORT_BATCH_SIZE', [...badNumbers, '0'], 'batch_size', 512],
    ['OTEL_BSP_SCHEDULE_DELAY', [...badNumbers, '5s'], 'flush_interval', 1],
    ['OTEL_BSP_EXPORT_TIMEOUT', [...badNumbers, '0', '5s'], 'timeout', 10],
    ['OTEL_EXPORTER_OTLP_TIMEOUT', [...badNumbers, '0', '5s'], 'timeout', 10],
    ['OTEL_EXPORTER_OTLP_TRACES_TIMEOUT', [...badNumbers, '0', '5s'], 'timeout', 10],
    ['OTEL_EXPORTER_OTLP_PROTOCOL', ['grpc', 'http/json', 'bogus'], 'client', 'native'],
    ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', ['grpc', 'http/json', 'bogus'], 'client', 'native'],
    ['OTEL_EXPORTER_OTLP_COMPRESSION', ['zstd', 'deflate', 'true'], 'compression', 'none'],
    ['OTEL_EXPORTER_OTLP_TRACES_COMPRESSION', ['zstd', 'br'], 'compression', 'none'],
    ['OTEL_EXPORTER_OTLP_HEADERS', badHeaders, 'headers', {}],
    ['OTEL_EXPORTER_OTLP_TRACES_HEADERS', badHeaders, 'headers', {}],
    [
      'OTEL_EXPORTER_OTLP_ENDPOINT',
      ['nonsense', 'ftp://x', 'localhost:4318', 'http://u:p@h:1', 'http://'],
      'endpoint',
      'http://localhost:4318/v1/traces',
    ],
    ['OTEL_SERVICE_NAME', ['a\nb', 'x'.repeat(1025)], 'service_name', null],
    ['OTEL_RESOURCE_ATTRIBUTES', ['a', 'a=%zz', '=1'], 'resource_attributes', {}],
    ['OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT', badNumbers, 'max_attributes', 128],
    ['OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT', badNumbers, 'max_attribute_length', 16_384],
  ]

describe("malformed variables of OpenTelemetry's", () => {
  for (const [name, texts, key, value] of malformed)
    it(`such as ${name} are ignored, with one warning that names the key`, async () => {
      for (const text of [...texts, 'x'.repeat(70_000)]) {
        const { logged, warnings, get } = await madeOf({ [name]: text })
        const of = `${name}=${text.slice(0, 40)}`
        assert.equal(logged.length, 1, `${of}: ${logged.join('; ')}`)
        assert.deepEqual(warnings, logged, of)
        assert.ok(logged[0]!.includes(`telemetry.otel.${key} (environment variable ${name})`), logged[0])
        assert.match(logged[0]!, otherwise)
        assert.deepEqual(get(key), value, of)
      }
    })

  it('do not spoil what another one says rightly', async () => {
    const timeout = await madeOf({
      OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: 'x',
      OTEL_EXPORTER_OTLP_TIMEOUT: '2000',
    })
    assert.equal(timeout.get('timeout'), 2)
    assert.equal(timeout.logged.length, 1)
    const argument = await madeOf({ OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: 'half' })
    assert.deepEqual([argument.get('sampling_rate'), argument.logged.length], [1, 1])
    assert.match(argument.logged[0]!, /OTEL_TRACES_SAMPLER_ARG, or telemetry\.otel\.sampling_rate instead/)
  })

  it('are named where general headers are missing beside those of the signal', async () => {
    for (const text of badHeaders) {
      const { logged, get } = await madeOf({
        OTEL_EXPORTER_OTLP_HEADERS: text,
        OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'api-key=1',
      })
      assert.deepEqual(Object.keys(get('headers') as object), ['api-key'], text)
      assert.equal(logged.length, 1, text)
      assert.match(logged[0]!, /telemetry\.otel\.headers \(environment variable OTEL_EXPORTER_OTLP_HEADERS\)/)
    }
  })

  it('of a protocol are no matter where that of the signal is right', async () => {
    const { logged } = await madeOf({
      OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
      OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/protobuf',
    })
    assert.deepEqual(logged, [])
  })
})

describe("well-formed variables of OpenTelemetry's", () => {
  it('are honoured without a word', async () => {
    for (const [env, key, value] of [
      [{ OTEL_SDK_DISABLED: ' True ' }, 'enabled', false],
      [{ OTEL_SDK_DISABLED: 'FALSE' }, 'enabled', true],
      [{ OTEL_TRACES_EXPORTER: 'none' }, 'enabled', false],
      [{ OTEL_TRACES_EXPORTER: 'OTLP' }, 'enabled', true],
      [{ OTEL_TRACES_SAMPLER: 'parentbased_always_off' }, 'sampling_rate', 0],
      [
        { OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.25' },
        'sampling_rate',
        0.25,
      ],
      [{ OTEL_BSP_MAX_QUEUE_SIZE: ' 2048 ' }, 'queue_size', 2048],
      [{ OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '64' }, 'batch_size', 64],
      [{ OTEL_BSP_SCHEDULE_DELAY: '0' }, 'flush_interval', 0],
      [{ OTEL_BSP_EXPORT_TIMEOUT: '2500' }, 'timeout', 2.5],
      [{ OTEL_EXPORTER_OTLP_TIMEOUT: '1500', OTEL_BSP_EXPORT_TIMEOUT: '2500' }, 'timeout', 1.5],
      [{ OTEL_EXPORTER_OTLP_COMPRESSION: 'GZIP' }, 'compression', 'gzip'],
      [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'HTTP/protobuf' }, 'client', 'native'],
      [{ OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: '0' }, 'max_attributes', 0],
      [{ OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT: '0' }, 'max_attribute_length', 0],
    ] as const) {
      const { logged, get } = await madeOf(env as unknown as Record<string, string>)
      assert.deepEqual(logged, [], JSON.stringify(env))
      assert.equal(get(key), value, JSON.stringify(env))
    }
  })
})
