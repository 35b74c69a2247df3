// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references in the configuration look like this.
// Guards secrets: marked ones are put wherever a secret can be put, and nothing that comes out has any of them.
import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import { createRedactor, redactUrl } from '../../src/config/presentation/redact.ts'
import { createStore, removeTemporary, temporaryFile } from './fake.ts'

const canary = /canary/i

describe('secrets of the configuration', () => {
  afterEach(removeTemporary)

  it('come out nowhere', async () => {
    const out: unknown[] = []
    const file = temporaryFile(
      [
        '[telemetry.otel]',
        'endpoint = "https://h/${INTAKE_TOKEN}/v1?sig=canary-query"',
        'service_name = "a-${MY_PASSWORD:-canary-default}-b"',
        'headers = { authorization = "Bearer canary-header", "x-key" = "${SOME_SECRET}" }',
        'api_key = "canary-file"',
        'event_patterns = ["${API_KEY}.*"]',
      ].join('\n'),
    )
    const { store, lines } = createStore({
      file,
      env: {
        TELEMETRY_API_KEY: 'canary-env',
        INTAKE_TOKEN: 'canary-token',
        SOME_SECRET: 'canary-secret',
        API_KEY: 'canary-key',
        TELEMETRY_OTEL_NOPE: 'canary-unknown',
        OTEL_EXPORTER_OTLP_HEADERS: 'a=canary-eco',
      },
      init: { other: { type: 'otel', api_key: 'canary-init', headers: { b: 'canary-init-header' } } },
      remote: [
        {
          load: () => {
            throw new Error('no: https://canary-user:canary-pass@store/?t=canary-t')
          },
        },
      ],
      apply: async ({ exporters }) => {
        if (exporters.some(({ after }) => after?.config.batch_size === 2)) {
          throw new Error('the backend said: bad key canary-file in "Bearer canary-header", canary-header')
        }
      },
    })
    store.onSettled((change) => void out.push(change))
    await store.start()
    store.subscribe('*', (...change) => void out.push(change))
    const attempts: [string, unknown][] = [
      ['otel.api_key', 'canary-put'],
      ['otel.api_key', 'canary\nbroken'],
      ['otel.api_key', ['canary-list']],
      ['otel.headers', { a: 'canary\r\n' }],
      ['otel.headers', { 'canary name': 'x' }],
      ['otel.headers', 'canary=header'],
      ['otel.headers', { d: 'canary-put-header' }],
      ['otel.endpoint', 'https://canary-user:canary-pass@h/'],
      ['otel.endpoint', 'ftp://h/?canary-query'],
      ['otel.endpoint', 'https://h/?a=canary-q&b=canary-q2'],
      ['otel.api_kye', 'canary-typo'],
      ['otel.batch_size', { a: 'canary-table' }],
      ['otel.batch_size', 2],
      ['otel.batch_size', 'canary-put'],
      ['nobody', { type: 'otel', api_key: 'canary-new' }],
    ]
    for (const [path, value] of attempts) {
      out.push(await store.put(path, value).catch((error) => [error, error.stack, error.problems]))
    }
    out.push(await store.unset('otel').catch((error) => error))
    for (const path of [
      'telemetry',
      'otel',
      'otel.headers',
      'otel.api_key',
      'otel.endpoint',
      'other',
      'otel.event_patterns',
    ]) {
      out.push(store.get(path))
    }
    out.push(store.explain(), store.status(), store.redacted('otel'), store.redacted('other'), lines)
    out.push(
      store.redactor.text(
        'echo: canary-file canary-env canary-init, Bearer canary-header canary-secret canary-token canary-put-header',
      ),
    )
    assert.deepEqual(JSON.stringify(out).match(/.{80}canary.{40}/gi), null)
    // A value that is refused may be named; what was put into a key that is no secret is not one.
    assert.doesNotMatch(inspect(out, { depth: 12 }), canary)
    assert.equal(store.exporters().get('otel')?.config.api_key, 'canary-file', 'drivers have them')
    assert.equal(store.get('otel.endpoint'), 'https://h/[redacted]/v1?[redacted]')
    await store.stop()
  })
})

describe('a redactor', () => {
  it('replaces what it learnt, in the spellings a backend may echo', () => {
    const { learn, text } = createRedactor()
    learn({ authorization: 'Bearer abc+/def=', other: ['Basic dXNlcjpwYXNzd29yZA=='] })
    learn('shr')
    assert.equal(text('Bearer abc+/def= abc+/def= abc%2B%2Fdef%3D'), '[redacted] [redacted] [redacted]')
    assert.equal(text('password of user'), '[redacted] of user')
    assert.equal(text('shr stays'), 'shr stays')
    assert.equal(
      text('see https://u:p@h:1/p?q=1#f and http://h/p.'),
      'see https://[redacted]@h:1/p?[redacted]#f and http://h/p.',
    )
    assert.equal(text('https://u:p@h/?q'), 'https://[redacted]@h/?[redacted]')
  })

  it('does not garble words that a short secret is part of by chance', () => {
    const { learn, learnHeaders, text, value } = createRedactor()
    learn('otel')
    assert.equal(
      text('telemetry.otel.endpoint of http://otel-collector: key otel, otel.'),
      'telemetry.otel.endpoint of http://otel-collector: key [redacted], [redacted].',
    )
    learnHeaders({ 'x-tenant': 'checkout-service', 'x-api-key': 'abcdefgh' })
    assert.equal(text('checkout-service abcdefgh'), '[redacted] [redacted]')
    assert.deepEqual(value(['checkout-service', 'abcdefgh']), ['checkout-service', '[redacted]'])
  })

  it('takes a longer secret before one it contains', () => {
    const { learn, text } = createRedactor()
    learn(['abcd', 'abcdefgh'])
    assert.equal(text('abcdefgh abcd'), '[redacted] [redacted]')
  })

  it('remembers secrets that operators wrote down through a flood of others', async () => {
    const { store } = createStore({
      init: { otel: { api_key: 'canary-init', headers: { authorization: 'canary-header' } } },
    })
    await store.start()
    await store.put('otel.headers', { authorization: 'canary-put' })
    for (let i = 0; i < 2100; i++) await store.put('otel.api_key', `${i}\nrefused`).catch(() => {})
    await store.put('otel.batch_size', 1)
    for (let i = 0; i < 100; i++) await store.put('otel.api_key', `${i}\nrefused again`).catch(() => {})
    assert.doesNotMatch(store.redactor.text('canary-init canary-header canary-put'), canary)
    await store.stop()
  })

  it('hides userinfo and query of what is no URL too', () => {
    assert.equal(redactUrl('http://a:b@c:d@e/?x?y#z'), 'http://[redacted]@e/?[redacted]#z')
    assert.equal(redactUrl('http://h'), 'http://h')
  })
})
