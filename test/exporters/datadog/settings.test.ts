// Guards what a configuration may say: sites, keys and Datadog's own variables, and that the key is seen nowhere.
import assert from 'node:assert/strict'
import { createTelemetry, datadog, TelemetryConfigError } from '../../../src/index.ts'
import type { Logger } from '../../../src/logger.ts'
import { quietLogger } from '../../support/quiet-logger.ts'
import { createFakeDatadog } from './fake.ts'
import { startDatadog } from './simulated-datadog.ts'

const key = 'canary-0123456789abcdef0123456789'

/** What the configuration comes to, without opening anything. */
const effective = (init: Record<string, unknown>, env: Record<string, string> = {}) => {
  const telemetry = createTelemetry({
    ...{
      types: [datadog()],
      config: { env, init: { datadog: init } },
      logger: quietLogger,
      drainOnExit: false,
    },
  })
  return (name: string): unknown => telemetry.config.get(`telemetry.datadog.${name}`)
}

const problems = async (init: Record<string, unknown>, env: Record<string, string> = {}) => {
  const telemetry = createTelemetry({
    ...{
      types: [datadog()],
      config: { env, init: { datadog: init } },
      logger: quietLogger,
      drainOnExit: false,
    },
  })
  try {
    await telemetry.start()
    return []
  } catch (error) {
    assert.ok(error instanceof TelemetryConfigError)
    return error.problems.map(({ message }) => message)
  } finally {
    await telemetry.stop({ timeoutMs: 100 })
  }
}

describe('the configuration of datadog', () => {
  it('sends no stored key to another site that the admin API names, unless it brings one', async () => {
    const telemetry = createTelemetry({
      ...{ types: [datadog()], logger: quietLogger, drainOnExit: false },
      config: { env: {}, init: { datadog: { api_key: key } } },
    })
    await telemetry.start()
    await assert.rejects(
      telemetry.config.putFrom('admin', { 'telemetry.datadog.site': 'datadoghq.eu' }),
      (error) => error instanceof TelemetryConfigError && /must bring api_key/.test(error.message),
    )
    assert.equal(telemetry.config.get('telemetry.datadog.site'), 'datadoghq.com')
    await telemetry.config.putFrom('admin', {
      'telemetry.datadog.site': 'datadoghq.eu',
      'telemetry.datadog.api_key': 'brought-0123456789abcdef012345678',
    })
    assert.equal(telemetry.config.get('telemetry.datadog.site'), 'datadoghq.eu')
    await telemetry.stop({ timeoutMs: 100 })
  })

  it('needs an API key, and says so', async () => {
    const [problem, ...others] = await problems({})
    assert.match(String(problem), /^telemetry\.datadog\.api_key: is missing/)
    assert.deepEqual(others, [])
    assert.match(String((await problems({ api_key: '  ' }))[0]), /api_key/)
    const [spaced] = await problems({ api_key: `${key} x` })
    assert.match(String(spaced), /api_key/)
    assert.ok(!String(spaced).includes(key))
  })

  it('needs no API key for a local agent, nor while it is disabled', async () => {
    assert.deepEqual(await problems({ transport: 'dogstatsd' }), [])
    assert.deepEqual(await problems({ enabled: false }), [])
  })

  it('knows the sites of Datadog, and takes another address as api_url only', async () => {
    for (const site of [
      'datadoghq.com',
      'datadoghq.eu',
      'us3.datadoghq.com',
      'ap2.datadoghq.com',
      'ddog-gov.com',
    ])
      assert.deepEqual(await problems({ api_key: key, site, enabled: false }), [])
    const [problem] = await problems({ api_key: key, site: 'datadoghq.example.com' })
    assert.match(String(problem), /^telemetry\.datadog\.site: "datadoghq\.example\.com" is no Datadog site/)
    const elsewhere = { api_key: key, site: 'datadoghq.example.com', api_url: 'http://127.0.0.1:1' }
    assert.deepEqual(await problems(elsewhere), [])
  })

  it('posts to the site', async () => {
    const { telemetry } = await startDatadog({ api_key: key, site: 'us5.datadoghq.com' })
    assert.equal(telemetry.status().exporters.datadog?.client.url, 'https://api.us5.datadoghq.com')
    await telemetry.config.put('telemetry.datadog.site', 'datadoghq.eu')
    assert.equal(telemetry.status().exporters.datadog?.client.url, 'https://api.datadoghq.eu')
    await assert.rejects(
      telemetry.config.put('telemetry.datadog.site', 'evil.example.com'),
      TelemetryConfigError,
    )
    await telemetry.stop({ timeoutMs: 100 })
  })

  it("reads Datadog's variables, below its own", () => {
    const env = {
      ...{
        DD_API_KEY: key,
        DD_SITE: ' DATADOGHQ.EU ',
        DD_SERVICE: 'shop',
        DD_ENV: 'prod',
        DD_VERSION: '1.2',
      },
      ...{ DD_TAGS: 'team:core tier:x', DD_AGENT_HOST: 'agent', DD_DOGSTATSD_PORT: '8126' },
    }
    const get = effective({}, env)
    assert.deepEqual(['site', 'service', 'env', 'version', 'tags', 'agent_host', 'agent_port'].map(get), [
      'datadoghq.eu',
      'shop',
      'prod',
      '1.2',
      ['team:core', 'tier:x'],
      'agent',
      8126,
    ])
    assert.deepEqual(effective({}, { DD_TAGS: 'team:core, note:a b' })('tags'), ['team:core', 'note:a b'])
    const stronger = { TELEMETRY_DATADOG_ENV: 'staging', TELEMETRY_DATADOG_SITE: 'us3.datadoghq.com' }
    const other = effective({ service: 'cart' }, { ...env, ...stronger })
    assert.deepEqual(['site', 'service', 'env'].map(other), ['us3.datadoghq.com', 'cart', 'staging'])
  })

  it('is not sent elsewhere by TELEMETRY_ENDPOINT', async () => {
    const env = { TELEMETRY_ENDPOINT: 'http://127.0.0.1:1', TELEMETRY_API_KEY: key }
    const { telemetry } = await startDatadog({}, { env })
    assert.equal(telemetry.status().exporters.datadog?.client.url, 'https://api.datadoghq.com')
    await telemetry.stop({ timeoutMs: 100 })
  })

  it('shows the key nowhere: not in status, explain, logs, errors, events or snapshots', async () => {
    const fake = createFakeDatadog()
    await fake.listen()
    const seen: unknown[] = []
    const log = (...parts: unknown[]): void => void seen.push(parts)
    const logger: Logger = { debug: log, info: log, warn: log, error: log }
    const running = await startDatadog({ api_key: key, api_url: fake.url, event_patterns: ['*'] }, { logger })
    const { telemetry, clock } = running
    const other = `${key}-rotated`
    telemetry.attach('canary', ['*'], ({ name, measurements, metadata }) =>
      seen.push([name, measurements, metadata]),
    )
    const stopObserving = telemetry.observe((record) => seen.push(record))
    telemetry.config.subscribe('telemetry.datadog.*', (...change) => seen.push(change))
    const look = (): void => {
      seen.push(telemetry.status(), telemetry.snapshot(), telemetry.config.explain())
      seen.push(telemetry.config.get('telemetry.datadog.api_key'))
    }

    // It repeats the key that it refuses, as a badly behaved proxy might.
    fake.reply = ({ key: given }) => ({ status: 400, body: `{"errors":["bad ${given}"]}` })
    telemetry.emit('job.done', { count: 1 })
    await telemetry.flush()
    look()
    fake.reply = ({ key: given }) => ({ status: 202, body: `{"errors":["bad ${given}"]}` })
    telemetry.emit('job.done', { count: 1 })
    await telemetry.flush()
    look()
    fake.keys.add('none')
    telemetry.emit('job.done', { count: 1 })
    void telemetry.flush()
    await clock.until(() => telemetry.status().exporters.datadog?.breaker === 'open')
    look()
    await telemetry.config.put('telemetry.datadog.api_key', other)
    await assert.rejects(telemetry.config.put('telemetry.datadog.api_key', `${other} ${other}`), (error) => {
      seen.push(String(error), (error as TelemetryConfigError).problems)
      return true
    })
    look()
    seen.push(await telemetry.stop({ timeoutMs: 500 }))
    look()
    stopObserving()
    await fake.close()

    const cycles = new WeakSet()
    const text = JSON.stringify(seen, (_, value: unknown) => {
      if (typeof value === 'bigint') return String(value)
      if (value instanceof Error) return `${value.stack} ${String(value.cause)}`
      if (typeof value !== 'object' || value === null) return value
      if (cycles.has(value)) return undefined
      cycles.add(value)
      return value
    })
    assert.ok(text.includes('refused the API key'))
    assert.ok(!text.includes(key))
  })
})
