// Guards the environment: which variable speaks to which key of which exporter, and what an odd one does.
import assert from 'node:assert/strict'
import type { AnyExporterDefinition } from '../../src/exporters/exporter.ts'
import { createStore, otel, page } from './fake.ts'

async function configs(env: Record<string, string>, init: Record<string, unknown>, types = [otel, page]) {
  const { store, lines } = createStore({ env, init, types })
  const exporters = await store.start()
  const { warnings } = store.status()
  await store.stop()
  return { exporters, warnings, lines }
}

describe('the environment', () => {
  it('speaks to every exporter that has the key, or to one, which wins', async () => {
    const { exporters } = await configs(
      {
        TELEMETRY_ENABLED: 'off',
        TELEMETRY_ENDPOINT: 'http://all/',
        TELEMETRY_OTEL_ENDPOINT: 'http://one/',
        TELEMETRY_BATCH_SIZE: '7',
        TELEMETRY_API_KEY: 'abcdef',
      },
      { otel: {}, other: { type: 'otel' }, page: {} },
    )
    assert.equal(exporters.get('otel')?.config.endpoint, 'http://one/')
    assert.equal(exporters.get('other')?.config.endpoint, 'http://all/')
    assert.equal(exporters.get('other')?.config.api_key, 'abcdef')
    for (const id of ['otel', 'other', 'page']) assert.equal(exporters.get(id)?.config.enabled, false)
    assert.equal(exporters.get('page')?.config.batch_size, undefined)
  })

  it('gives a variable to the longest exporter id that fits', async () => {
    const { exporters } = await configs(
      {
        TELEMETRY_OTEL_EU_ENDPOINT: 'http://eu/',
        TELEMETRY_OTEL_EU_WEST_ENDPOINT: 'http://west/',
        TELEMETRY_OTEL_MAX_AGE: '5',
      },
      { otel: {}, otel_eu: { type: 'otel' }, 'otel-eu-west': { type: 'otel' }, otel_max: { type: 'otel' } },
    )
    assert.equal(exporters.get('otel')?.config.endpoint, 'http://localhost:4318/v1/traces')
    assert.equal(exporters.get('otel_eu')?.config.endpoint, 'http://eu/')
    assert.equal(exporters.get('otel-eu-west')?.config.endpoint, 'http://west/')
    assert.equal(exporters.get('otel')?.config.max_age, 5, 'otel_max has no key age')
  })

  it('creates no exporter', async () => {
    const { exporters } = await configs(
      { TELEMETRY_OTEL_ENDPOINT: 'http://a/', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://b' },
      {},
    )
    assert.equal(exporters.size, 0)
  })

  it('reaches exporters that come later', async () => {
    const { store } = createStore({ env: { TELEMETRY_OTEL_EU_BATCH_SIZE: '9' } })
    await store.start()
    await store.put('otel_eu', { type: 'otel' })
    assert.equal(store.get('otel_eu.batch_size'), 9)
    await store.stop()
  })

  it('has ecosystem variables below its own, the strongest first', async () => {
    const eco = {
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://base/',
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://traces/x',
    }
    assert.equal((await configs(eco, { otel: {} })).exporters.get('otel')?.config.endpoint, 'http://traces/x')
    const own = await configs({ ...eco, TELEMETRY_ENDPOINT: 'http://own/' }, { otel: {} })
    assert.equal(own.exporters.get('otel')?.config.endpoint, 'http://own/')
  })

  it('takes an empty variable for unset', async () => {
    const { exporters } = await configs(
      {
        TELEMETRY_ENDPOINT: '',
        TELEMETRY_BATCH_SIZE: '',
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: '',
        OTEL_EXPORTER_OTLP_ENDPOINT: 'http://a',
      },
      { otel: {} },
    )
    assert.equal(exporters.get('otel')?.config.endpoint, 'http://a/v1/traces')
    assert.equal(exporters.get('otel')?.config.batch_size, 512)
  })

  it('ignores a malformed ecosystem variable with a warning, and takes the next one', async () => {
    const env = {
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'collector:4317',
      OTEL_EXPORTER_OTLP_HEADERS: 'no header',
    }
    const alone = await configs(env, { otel: {} })
    assert.equal(alone.exporters.get('otel')?.config.endpoint, 'http://localhost:4318/v1/traces')
    assert.deepEqual(alone.exporters.get('otel')?.config.headers, {})
    assert.deepEqual(alone.warnings, [
      'telemetry.otel.endpoint (environment variable OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) is "collector:4317", but must be an http or https URL, such as http://localhost:4318/v1/traces; it is ignored',
      'telemetry.otel.headers (environment variable OTEL_EXPORTER_OTLP_HEADERS) must be name=value pairs separated by commas, percent-encoded; it is ignored',
    ])
    assert.equal(alone.lines.length, 2, 'each is logged once')
    const next = await configs({ ...env, OTEL_EXPORTER_OTLP_ENDPOINT: 'http://general' }, { otel: {} })
    assert.equal(next.exporters.get('otel')?.config.endpoint, 'http://general/v1/traces')
  })

  it('says nothing of a malformed ecosystem variable that would not be in force', async () => {
    const { exporters, warnings } = await configs(
      { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'collector:4317' },
      { otel: { endpoint: 'http://a/' } },
    )
    assert.equal(exporters.get('otel')?.config.endpoint, 'http://a/')
    assert.deepEqual(warnings, [])
  })

  it('warns of malformed ecosystem variables of exporters that come later', async () => {
    const { store, lines } = createStore({ env: { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'collector:4317' } })
    await store.start()
    assert.deepEqual(store.status().warnings, [])
    await store.put('otel', {})
    await store.put('otel.batch_size', 7)
    assert.match(store.status().warnings.join(), /OTEL_EXPORTER_OTLP_TRACES_ENDPOINT/)
    assert.equal(lines.length, 1)
    await store.unset('otel')
    assert.deepEqual(store.status().warnings, [])
    await store.stop()
  })

  it('refuses a malformed variable of its own by name', async () => {
    await assert.rejects(configs({ TELEMETRY_ENDPOINT: 'collector:4317' }, { otel: {} }), {
      message: /environment variable TELEMETRY_ENDPOINT/,
    })
  })

  it('survives a reader that throws', async () => {
    const throwing: AnyExporterDefinition = {
      ...page,
      schema: {
        port: {
          ...page.schema.port!,
          env: [
            {
              name: 'X',
              read: () => {
                throw new Error('bug')
              },
            },
          ],
        },
      },
    }
    const { exporters, warnings } = await configs({ X: '1' }, { page: {} }, [throwing])
    assert.equal(exporters.get('page')?.config.port, 9464)
    assert.match(warnings.join(), /environment variable X\) cannot be read: bug; it is ignored/)
  })

  it('warns of a key that an exporter does not have, since Kubernetes makes such variables of its services', async () => {
    const { exporters, warnings, lines } = await configs(
      {
        TELEMETRY_OTEL_SERVICE_HOST: '10.0.0.1',
        TELEMETRY_OTEL_PORT: 'tcp://10.0.0.1:4318',
        TELEMETRY_NOBODY_X: '1',
      },
      { otel: {} },
    )
    assert.equal(exporters.size, 1)
    assert.deepEqual(warnings, [
      'environment variable TELEMETRY_OTEL_SERVICE_HOST names no key of its exporter',
      'environment variable TELEMETRY_OTEL_PORT names no key of its exporter',
    ])
    assert.doesNotMatch(lines.join(), /10\.0\.0\.1/)
  })

  it("sets telemachine's own keys", async () => {
    const { store } = createStore({
      env: { TELEMETRY_MAX_VALUE_LENGTH: '99', TELEMETRY_ALLOWED_DESTINATIONS: '*.a.example, http://b:1' },
    })
    await store.start()
    assert.deepEqual(store.system(), {
      max_value_length: 99,
      allowed_destinations: ['*.a.example', 'http://b:1'],
      max_exporters: 64,
    })
    await store.put('telemetry.max_value_length', 100)
    assert.equal(store.system().max_value_length, 100)
    await store.stop()
  })
})
