// Guards strictness: a value is read exactly as it is meant, or refused with the key, the value (unless it is
// sensitive) and what would be right. convict alone would take "12abc" for 12 and "" for true.
import assert from 'node:assert/strict'
import type { ConfigProblem, TelemetryConfigError } from '../../src/errors.ts'
import { createStore } from './fake.ts'

const long = (length: number): string => 'x'.repeat(length)

const refusedTyped: Record<string, readonly unknown[]> = {
  a_number: [
    '1',
    Number.NaN,
    Number.POSITIVE_INFINITY,
    true,
    [1],
    {},
    1n,
    null,
    undefined,
    () => 1,
    new Date(),
  ],
  an_integer: ['12', 1.5, -1, 1001, 2 ** 60, null],
  a_boolean: ['true', 1, 0, null, ''],
  a_string: [1, true, ['a'], { a: 1 }, long(8193), 'é'.repeat(4097), 'a\0b', null],
  a_url: [
    '',
    'localhost:4318',
    'ftp://a/',
    'http:a',
    'http://',
    'http://u:p@a/',
    'http://u@a/',
    'http://@a/',
    'http://a b/',
    'http://a/\n',
    ' http://a/',
    'javascript:alert(1)',
    `http://a/${long(2048)}`,
    'http://a:99999/',
    1,
    null,
  ],
  a_port: [-1, 65_536, 1.5, '80'],
  some_seconds: [-1, '1', Number.POSITIVE_INFINITY, 3_000_000],
  some_patterns: [1, [1], [''], ['a', null], [long(1025)], { a: 1 }],
  some_headers: [
    'a=b',
    ['a'],
    { a: 1 },
    { a: null },
    { 'a b': 'c' },
    { '': 'c' },
    { 'a:b': 'c' },
    { a: 'b\r\nc: d' },
    { a: 'b\n' },
    { a: '\0' },
    { a: '\x7f' },
    { a: '→' },
    { a: long(8193) },
    { a: '1', A: '2' },
    ...[
      'Host',
      'content-length',
      'Transfer-Encoding',
      'CONNECTION',
      'keep-alive',
      'te',
      'Trailer',
      'upgrade',
      'Proxy-Connection',
    ].map((name) => ({ [name]: '1' })),
    JSON.parse('{"__proto__":"x"}'),
    { constructor: 'x' },
  ],
  some_tags: ['a', { a: 1 }, [1], ['']],
  some_labels: ['a', [1], ['']],
  some_buckets: [[], [2, 1], [1, 1], ['1'], [Number.NaN], [1, Number.POSITIVE_INFINITY], 1],
  a_path: ['metrics', '', '/a b', '/a?b', '/a#b', '/é', 1],
  a_file: ['', 'a\0', 1, long(4097)],
  a_name: ['', 'a\nb', long(1025), 1],
  a_host: ['', 'a b', 'http://a', 'a/b', 'a:80', 1],
  a_choice: ['ONE', 'eight', '', 1],
}

const refusedText: Record<string, readonly string[]> = {
  a_number: ['12abc', '1e2', '0x10', 'Infinity', 'NaN', '1,5', '--1', '.', '1_000', '１'],
  an_integer: ['1.5', '12abc', '1e2', '0x10', '1001', '9007199254740993', ' '],
  a_boolean: ['2', 'wahr', 'tru', 'y', '  ', 'null'],
  some_headers: ['a', '=b', 'a=%zz', 'a=%0d%0a', 'a b=c', 'Host=x'],
  some_buckets: ['a', '1,x', ','],
  a_url: ['localhost', 'http://u:p@h'],
}

const understood: Record<string, readonly (readonly [text: string, value: unknown])[]> = {
  a_number: [
    ['1', 1],
    [' 1.5 ', 1.5],
    ['-2', -2],
    ['+3', 3],
    ['007', 7],
    ['-0', 0],
  ],
  an_integer: [
    [' 12\n', 12],
    ['0', 0],
  ],
  a_boolean: [
    ['TRUE', true],
    ['False', false],
    ['1', true],
    ['0', false],
    ['Yes', true],
    ['nO', false],
    ['on', true],
    [' off ', false],
  ],
  some_headers: [
    ['a=b,c=d%2Ce', { a: 'b', c: 'd,e' }],
    ['authorization=Basic%20eA==', { authorization: 'Basic eA==' }],
  ],
  some_patterns: [['a.*, b', ['a.*', 'b']]],
  some_buckets: [['0.1, 1,2', [0.1, 1, 2]]],
  some_tags: [['a:b, c:d', ['a:b', 'c:d']]],
}

async function problemsOf(attempt: Promise<unknown>): Promise<readonly ConfigProblem[]> {
  const error = await attempt.then(
    () => assert.fail('it was not refused'),
    (thrown: TelemetryConfigError) => thrown,
  )
  assert.equal(error.name, 'TelemetryConfigError', String(error.stack))
  return error.problems
}

describe('strict values', () => {
  for (const [key, values] of Object.entries(refusedTyped)) {
    it(`refuse what is no ${key.replace(/^[^_]*_/, '')}`, async () => {
      const { store, plans } = createStore({ init: { all: {} } })
      await store.start()
      const before = store.exporters().get('all')?.config
      for (const value of values) {
        const problems = await problemsOf(store.put(`telemetry.all.${key}`, value))
        assert.ok(
          problems.some(({ path }) => path.startsWith(`telemetry.all.${key}`)),
          JSON.stringify(problems),
        )
        assert.ok(problems.every(({ message }) => message.includes(`telemetry.all.${key}`)))
        await problemsOf(
          createStore({ init: { all: { [key]: value === undefined ? null : value } } }).store.start(),
        )
      }
      assert.deepEqual(plans, [])
      assert.equal(store.exporters().get('all')?.config, before)
      await store.stop()
    })
  }

  for (const [key, texts] of Object.entries(refusedText)) {
    it(`refuse a variable whose text is no ${key}, by its name`, async () => {
      for (const text of texts) {
        const variable = `TELEMETRY_ALL_${key.toUpperCase()}`
        const { store } = createStore({ init: { all: {} }, env: { [variable]: text } })
        const [problem] = await problemsOf(store.start())
        assert.equal(problem?.path, `telemetry.all.${key}`, text)
        assert.equal(problem?.source, 'environment')
        assert.ok(problem?.message.includes(variable))
      }
    })
  }

  for (const [key, pairs] of Object.entries(understood)) {
    it(`understand the text of ${key}`, async () => {
      for (const [text, value] of pairs) {
        const { store } = createStore({
          init: { all: {} },
          env: { [`TELEMETRY_ALL_${key.toUpperCase()}`]: text },
        })
        assert.deepEqual((await store.start()).get('all')?.config[key], value, text)
        await store.stop()
      }
    })
  }

  it('name the key, the value and what would be right', async () => {
    const { store } = createStore({ init: { otel: {} } })
    await store.start()
    const [problem] = await problemsOf(store.put('otel.batch_size', '12abc'))
    assert.equal(
      problem?.message,
      'telemetry.otel.batch_size (put) is "12abc", but must be an integer from 1 to 1000000',
    )
    const [number] = await problemsOf(store.put('otel.batch_size', Number.NaN))
    assert.match(number?.message ?? '', /\(put\) is NaN, but must be an integer/)
    const [secret] = await problemsOf(store.put('otel.api_key', 'canary\n'))
    assert.equal(secret?.message, 'telemetry.otel.api_key (put) must be a string without control characters')
    const [unknown] = await problemsOf(store.put('otel.batch_siz', 'canary'))
    assert.equal(unknown?.code, 'CONFIG_UNKNOWN_KEY')
    assert.match(unknown?.message ?? '', /did you mean batch_size\?/)
    await store.stop()
  })

  it('list every problem at once', async () => {
    const { store } = createStore({
      env: { TELEMETRY_BATCH_SIZE: 'many' },
      init: { otel: { endpoint: 'nowhere', colour: 'red' }, unheard_of: {}, page: { port: -1 } },
    })
    const problems = await problemsOf(store.start())
    assert.deepEqual(problems.map(({ path }) => path).sort(), [
      'telemetry.otel.batch_size',
      'telemetry.otel.colour',
      'telemetry.otel.endpoint',
      'telemetry.page.port',
      'telemetry.unheard_of.type',
    ])
  })

  it('take the smallest and the largest that is allowed', async () => {
    const { store } = createStore({ init: { all: {} } })
    await store.start()
    await store.put({
      'all.an_integer': 1000,
      'all.a_port': 0,
      'all.a_string': long(8192),
      'all.a_url': `http://a/${long(2048 - 9)}`,
      'all.a_name': long(1024),
      'all.some_headers': { 'x.y': 'ÿ' },
    })
    await store.put({ 'all.a_port': 65_535, 'all.an_integer': 0, 'otel.type': 'otel', 'otel.max_age': null })
    await store.stop()
  })

  it('refuse reserved and malformed paths, and pollute no prototype', async () => {
    const { store } = createStore({ init: { otel: {} } })
    await store.start()
    const paths = [
      '__proto__.x',
      'telemetry.__proto__',
      'otel.__proto__',
      'otel.constructor',
      'prototype.a',
      'otel..x',
      '',
      '.',
      'otel.',
      `otel.${long(260)}`,
      'otel.headers.a',
      'a b.c',
      'max_value_length.x',
    ]
    for (const path of paths) {
      await problemsOf(store.put(path, { polluted: true }))
      await problemsOf(store.put({ [path]: 1 }))
      assert.equal(store.get(path), path === '' ? undefined : store.get(path))
    }
    await problemsOf(store.put(JSON.parse('{"telemetry":{"__proto__":{"polluted":true}}}')))
    await problemsOf(store.put(JSON.parse('{"otel":{"__proto__":{"polluted":true}}}')))
    await problemsOf(store.unset('otel.__proto__'))
    assert.equal(({} as Record<string, unknown>).polluted, undefined)
    await store.stop()
  })

  it('copy what they are given', async () => {
    const headers = { a: '1' }
    const { store } = createStore({ init: { otel: { headers } } })
    await store.start()
    headers.a = '2'
    const config = store.exporters().get('otel')?.config
    assert.deepEqual(config?.headers, { a: '1' })
    assert.ok(Object.isFrozen(config) && Object.isFrozen(config.headers))
    await store.stop()
  })

  it('name the key of what cannot be read', async () => {
    const { store } = createStore({ init: { otel: {} } })
    await store.start()
    const hostile = new Proxy({}, { ownKeys: () => assert.fail('a trap') })
    const cycle: Record<string, unknown> = {}
    cycle.cycle = cycle
    const throwing = Object.defineProperty({}, 'batch_size', {
      enumerable: true,
      get: () => assert.fail('a getter'),
    })
    assert.equal(
      (await problemsOf(store.put('otel.batch_size', hostile)))[0]?.path,
      'telemetry.otel.batch_size',
    )
    assert.equal((await problemsOf(store.put('otel', throwing)))[0]?.path, 'telemetry.otel.batch_size')
    await problemsOf(store.put('otel.headers', cycle))
    await problemsOf(store.put('otel', cycle))
    await problemsOf(store.put(cycle))
    await problemsOf(store.put(hostile))
    await store.stop()
  })

  it('treat undefined in init as absent, and null as no value', async () => {
    const { store } = createStore({ init: { otel: { endpoint: undefined, api_key: null } } })
    await store.start()
    assert.equal(store.get('otel.endpoint'), 'http://localhost:4318/v1/traces')
    await problemsOf(createStore({ init: { otel: { endpoint: null } } }).store.start())
    await store.stop()
  })
})
