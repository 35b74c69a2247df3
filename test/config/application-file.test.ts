// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references in the configuration look like this.
// Guards the configuration file of an application that comes from otpylib: it starts as it is. A disabled exporter may
// lack its variables, tables beside telemetry are the application's own, and what is odd is said in a warning.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { createSystemClock } from '../../src/clock.ts'
import type { StoreOptions } from '../../src/config/contract.ts'
import { createConfigStore } from '../../src/config/store.ts'
import { builtInTypes } from '../../src/exporters/built-in.ts'
import { createTelemetry } from '../../src/index.ts'
import { listening, removeTemporary, temporaryFile } from './fake.ts'

/** The file in the document, which is what an application brings from otpylib. */
const [, text = ''] = /```toml\n(.*?)```/s.exec(
  readFileSync(new URL('../../docs/from-otpylib.md', import.meta.url), 'utf8'),
)!

function storeOf(options: Partial<StoreOptions>) {
  const logger = listening()
  const store = createConfigStore({
    types: builtInTypes(),
    clock: createSystemClock(),
    logger,
    env: {},
    apply: async () => {},
    ...options,
  })
  return { store, lines: logger.lines }
}

const started = async (content: string, options: Partial<StoreOptions> = {}) => {
  const made = storeOf({ file: temporaryFile(content), ...options })
  await made.store.start()
  return made
}

describe('the file of an application', () => {
  afterEach(removeTemporary)

  it('starts as it is, with its own tables left alone', async () => {
    const { store } = await started(text)
    assert.deepEqual([...store.exporters().keys()], ['otel', 'prometheus', 'datadog'])
    const { config } = store.exporters().get('otel')!
    assert.deepEqual(
      [config.batch_size, config.flush_interval, config.sampling_rate, config.retry_attempts],
      [100, 5, 0.1, 3],
    )
    assert.equal(store.exporters().get('datadog')?.config.enabled, false)
    assert.deepEqual(store.status().foreign, ['database'])
    await store.stop()
  })

  it('may hold what TOML has and a number has not', async () => {
    const { store } = await started(
      '[ids]\nlast = 9223372036854775807\nsince = 2026-01-01\n[telemetry.otel]\n',
    )
    assert.deepEqual(store.status().foreign, ['ids'])
    await store.stop()
    const file = temporaryFile('[telemetry.otel]\nbatch_size = 9223372036854775807\n')
    await assert.rejects(storeOf({ file }).store.start(), { message: /a number that is too large/ })
  })

  it('starts in a whole system, which says in its status what is odd', async () => {
    const telemetry = createTelemetry({
      config: { file: temporaryFile(text.replace('port = 9464', 'port = 0')), env: {} },
      logger: listening(),
      drainOnExit: false,
    })
    await telemetry.start()
    const { config, exporters } = telemetry.status()
    assert.equal(exporters.datadog?.state, 'disabled')
    assert.deepEqual(config.foreign, ['database'])
    assert.equal(config.warnings.length, 2)
    await telemetry.stop({ timeoutMs: 100 })
  })

  it('is warned of a variable that a disabled exporter lacks, and refused for it once it is enabled', async () => {
    const { store, lines } = await started(text)
    const [warning] = store.status().warnings.filter((one) => one.includes('DATADOG_API_KEY'))
    assert.match(
      warning ?? '',
      /^telemetry\.datadog\.api_key \(.*telemetry\.toml:\d+:1\) needs the environment variable DATADOG_API_KEY, which is not set; the exporter needs it once it is enabled$/,
    )
    assert.equal(lines.filter((line) => line.includes('DATADOG_API_KEY')).length, 1)
    await assert.rejects(store.put('datadog.enabled', true), {
      code: 'CONFIG_INTERPOLATION',
      message: /telemetry\.datadog\.api_key .* needs the environment variable DATADOG_API_KEY/,
    })
    assert.equal(store.exporters().get('datadog')?.config.enabled, false)
    await store.stop()
  })

  it('is refused for a variable that an enabled exporter lacks, from any source', async () => {
    const enabled = text.replace('enabled = false', 'enabled = true')
    const refused = { code: 'CONFIG_INTERPOLATION' }
    await assert.rejects(storeOf({ file: temporaryFile(enabled) }).store.start(), refused)
    await assert.rejects(
      storeOf({ file: temporaryFile(text), init: { datadog: { enabled: true } } }).store.start(),
      refused,
    )
    const { store } = await started(enabled, { init: { datadog: { enabled: false } } })
    await store.stop()
  })

  it('is refused for a malformed reference, even of a disabled exporter', async () => {
    const file = temporaryFile(text.replace('${DATADOG_API_KEY}', '${DATADOG-API-KEY}'))
    await assert.rejects(storeOf({ file }).store.start(), { message: /malformed reference/ })
  })

  it('fills in the variables of a disabled exporter when they are there', async () => {
    const { store } = await started(text, { env: { DATADOG_API_KEY: 'abcdefgh' } })
    await store.put('datadog.enabled', true)
    assert.equal(store.exporters().get('datadog')?.config.api_key, 'abcdefgh')
    assert.equal(store.get('datadog.api_key'), '[redacted]')
    await store.stop()
  })

  for (const name of ['telmetry', 'telemtry', 'telemetri', 'Telemetry', 'TELEMETRY', 'telemetery']) {
    it(`is refused for the table ${name}, which was meant to be telemetry`, async () => {
      const file = temporaryFile(`[other]\n[${name}.otel]\n`)
      await assert.rejects(storeOf({ file }).store.start(), {
        code: 'CONFIG_UNKNOWN_KEY',
        message: new RegExp(
          `^${name} \\(.*telemetry\\.toml:2:2\\) is outside of telemetry: did you mean telemetry\\?$`,
        ),
      })
    })
  }

  it('is warned that an exporter stands outside of telemetry', async () => {
    const { store } = await started('[otel]\nendpoint = "http://a/"\n[telemetry.prometheus]\n')
    assert.deepEqual([...store.exporters().keys()], ['prometheus'])
    assert.match(store.status().warnings.join(), /\[otel\] is outside of telemetry.*\[telemetry\.otel\]/)
    await store.stop()
    for (const name of ['telemetry_otel', 'telemetry-otel', 'telemetry.otel']) {
      const joined = await started(`["${name}"]\n[telemetry.prometheus]\n[telemetry_settings]\n`)
      const [warning, ...more] = joined.store.status().warnings
      assert.ok(
        warning?.includes(
          `[${name}] is outside of telemetry and left alone; an exporter is [telemetry.otel]`,
        ),
      )
      assert.deepEqual(more, [])
      await joined.store.stop()
    }
  })

  it('is warned that it says nothing about telemetry', async () => {
    const { store } = await started('[database]\nurl = "x"\n')
    assert.match(store.status().warnings.join(), /says nothing about telemetry/)
    await store.stop()
    const empty = await started('# nothing at all\n')
    assert.deepEqual(empty.store.status().warnings, [])
    await empty.store.stop()
  })

  it('may be JSON, with the JSON Schema that an editor needs', async () => {
    const json = JSON.stringify({
      $schema: './node_modules/telemachine/schema.json',
      database: { url: 'x' },
      telemetry: { otel: {} },
    })
    const { store } = storeOf({ file: temporaryFile(json, 'app.json') })
    await store.start()
    assert.deepEqual(store.status().foreign, ['database'])
    await store.stop()
  })

  it('has the names of its tables in the status after a change of the file, too', async () => {
    const file = temporaryFile(text)
    const { store } = storeOf({ file })
    await store.start()
    const applied = new Promise<void>((resolve) => store.onSettled(() => resolve()))
    writeFileSync(file, text.replace('[database]', '[cache]').replace('batch_size = 100', 'batch_size = 7'))
    await applied
    assert.equal(store.get('otel.batch_size'), 7)
    assert.deepEqual(store.status().foreign, ['cache'])
    await store.stop()
  })
})

describe('an endpoint that is not of OTLP over HTTP', () => {
  const warningsOf = async (endpoint: string): Promise<string> => {
    const { store } = storeOf({ init: { otel: { endpoint } } })
    await store.start()
    const warnings = store.status().warnings.join()
    await store.stop()
    return warnings
  }

  it('is taken with a warning that names the right one', async () => {
    assert.equal(
      await warningsOf('http://jaeger:14268/api/traces'),
      'telemetry.otel.endpoint is "http://jaeger:14268/api/traces", which is an endpoint of Jaeger\'s own protocol, not of OTLP over HTTP: that is http://jaeger:4318/v1/traces by default',
    )
    assert.match(await warningsOf('https://h/api/traces'), /Jaeger's own protocol/)
    assert.match(await warningsOf('http://h:9411/api/v2/spans'), /Zipkin's protocol/)
    assert.match(await warningsOf('http://collector:4317'), /OTLP over gRPC/)
  })

  it('is not every other endpoint', async () => {
    for (const endpoint of [
      'http://h:4318/v1/traces',
      'https://api.example.com/otlp/v1/traces',
      'http://h:4318/',
    ])
      assert.equal(await warningsOf(endpoint), '', endpoint)
  })

  it('is warned of at runtime as well, once', async () => {
    const { store, lines } = storeOf({ init: { otel: {} } })
    await store.start()
    for (let i = 1; i < 4; i++)
      await store.put({ 'otel.endpoint': 'http://jaeger:14268/', 'otel.batch_size': i })
    assert.equal(lines.length, 1)
    await store.put('otel.endpoint', 'http://jaeger:4318/v1/traces')
    assert.deepEqual(store.status().warnings, [])
    await store.stop()
  })
})

describe('a variable of the ecosystem that breaks a rule across keys', () => {
  it('is ignored with a warning, like a malformed one', async () => {
    const { store } = storeOf({
      env: { OTEL_EXPORTER_OTLP_CLIENT_KEY: '/key.pem', DD_SITE: 'nowhere.example', DD_API_KEY: 'abcdefgh' },
      init: { otel: {}, datadog: {} },
    })
    await store.start()
    assert.equal(store.exporters().get('otel')?.config.client_key, null)
    assert.equal(store.exporters().get('datadog')?.config.site, 'datadoghq.com')
    const [key, site] = store.status().warnings
    assert.match(
      key ?? '',
      /client_certificate: .*; environment variable OTEL_EXPORTER_OTLP_CLIENT_KEY is ignored$/,
    )
    assert.match(site ?? '', /telemetry\.datadog\.site: .*; environment variable DD_SITE is ignored$/)
    await store.stop()
  })

  it('does not hide what the file, init or TELEMETRY_* say wrong', async () => {
    await assert.rejects(
      storeOf({
        env: { DD_API_KEY: 'abcdefgh', TELEMETRY_DATADOG_SITE: 'nowhere.example' },
        init: { datadog: {} },
      }).store.start(),
      { message: /telemetry\.datadog\.site/ },
    )
    await assert.rejects(storeOf({ env: { DD_SITE: 'datadoghq.eu' }, init: { datadog: {} } }).store.start(), {
      message: /telemetry\.datadog\.api_key.*is missing/,
    })
  })
})

describe('what a program tells createTelemetry', () => {
  const telemetryOf = (options: object) => {
    const logger = listening()
    const telemetry = createTelemetry({ logger, drainOnExit: false, ...options })
    return { telemetry, lines: logger.lines }
  }

  it('is answered once when exporters stand beside init', async () => {
    const { telemetry, lines } = telemetryOf({ config: { otel: {}, env: {} } })
    assert.equal(lines.length, 1)
    assert.match(lines[0]!, /config\.otel is not an option: exporters belong into config\.init/)
    await telemetry.start()
    assert.equal(lines.length, 1)
    assert.match(telemetry.status().config.warnings.join(), /config\.otel is not an option/)
    assert.deepEqual(telemetry.status().exporters, {})
    await telemetry.stop()
  })

  it('is answered once for each option that there is not', async () => {
    for (const [name, right] of [
      ['otel', /has no option otel: .*\{ config: \{ init: \{ otel: /],
      ['exporters', /has no option exporters: types of exporters are \{ types: /],
      ['init', /has no option init: it belongs in config, as in \{ config: \{ init: /],
      ['file', /has no option file: it belongs in config/],
    ] as const) {
      const { telemetry, lines } = telemetryOf({ [name]: {}, config: { env: {} } })
      await telemetry.start()
      assert.equal(lines.length, 1, lines.join())
      assert.match(lines[0]!, right)
      await telemetry.stop()
    }
    const { telemetry, lines } = telemetryOf({
      types: [],
      bufferSize: 5,
      config: { env: {}, init: { mock: {} } },
    })
    assert.deepEqual(lines, [])
    await telemetry.stop()
  })

  it('adds its own types to the built-in ones', async () => {
    const mine = { ...builtInTypes().find(({ type }) => type === 'mock')!, type: 'mine' }
    const { telemetry } = telemetryOf({ types: [mine], config: { env: {}, init: { mine: {}, mock: {} } } })
    await telemetry.start()
    assert.deepEqual(Object.keys(telemetry.status().exporters), ['mine', 'mock'])
    await telemetry.stop()
  })

  it('may put a type of its own in the place of a built-in one', async () => {
    const { mock } = await import('../../src/index.ts')
    const recorder = mock()
    const { telemetry } = telemetryOf({ types: [recorder], config: { env: {}, init: { mock: {} } } })
    await telemetry.start()
    telemetry.emit('a.b')
    await telemetry.flush()
    assert.equal(recorder.eventsMatching('a.*').length, 1)
    await telemetry.stop()
  })

  it('reads a value, or what it gives for its absence', async () => {
    const { telemetry } = telemetryOf({ config: { env: {}, init: { mock: { batch_size: 7 } } } })
    const { config } = telemetry
    assert.equal(config.get('telemetry.mock.batch_size', 1), 7)
    assert.equal(config.get('telemetry.mock.max_age', 60), 60, 'a key without a value')
    assert.equal(config.get('telemetry.nobody.batch_size', 1), 1)
    assert.equal(config.get('no path at all', 'fallback'), 'fallback')
    assert.equal(config.get('telemetry.mock.enabled', false), true)
    assert.equal(config.get('telemetry.nobody.batch_size'), undefined)
    assert.equal(config.get('telemetry.mock.max_age'), null)
    await telemetry.start()
    assert.equal(config.get('telemetry.mock.batch_size', 1), 7)
    await telemetry.stop()
    assert.equal(config.get('telemetry.mock.batch_size', 1), 7)
  })
})
