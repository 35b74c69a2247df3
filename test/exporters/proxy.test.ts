// Exporters behind a real proxy, end to end: chosen by key or variable, changed while it runs, seen in no view with its
// credentials, and counted by the circuit breaker like any other way of not getting through.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { inspect } from 'node:util'
import { createTelemetry, type Telemetry } from '../../src/index.ts'
import { createBackend } from '../../src/testing/index.ts'
import { pause } from '../support/poll.ts'
import { freePort } from '../support/ports.ts'
import { type ProxyOptions, startProxy } from '../support/proxy.ts'

const password = 'c4nary-password'
const basic = Buffer.from(`me:${password}`).toString('base64')

describe('an exporter behind a proxy', () => {
  const closing: (() => unknown)[] = []
  const logged: unknown[] = []
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close()
    logged.length = 0
  })

  const backend = async () => {
    const started = createBackend()
    await started.listen()
    closing.push(() => started.close())
    return started
  }
  const proxy = async (options: ProxyOptions = {}) => {
    const started = await startProxy(options)
    closing.push(() => started.close())
    return started
  }
  const run = async (init: Record<string, unknown>, env: Record<string, string> = {}) => {
    const log = (...said: unknown[]) => void logged.push(said)
    const telemetry = createTelemetry({
      config: { env, init: init as { otel: object } },
      logger: { debug: log, info: log, warn: log, error: log },
      drainOnExit: false,
    })
    closing.push(() => telemetry.stop({ timeoutMs: 500 }))
    await telemetry.start()
    return telemetry
  }
  const emitSpan = (telemetry: Telemetry, id: number): void => {
    telemetry.emit('job.start', {}, { correlation_id: id })
    telemetry.emit('job.success', { duration_ms: 1 }, { correlation_id: id })
  }

  const views = async (telemetry: Telemetry): Promise<string> =>
    inspect(
      [
        telemetry.status({ history: true }),
        telemetry.config.explain(),
        telemetry.config.get('otel.proxy'),
        telemetry.snapshot(),
        logged,
      ],
      { depth: 20, maxStringLength: null, maxArrayLength: null },
    )

  it('goes by the variables of the environment, but for what NO_PROXY names', async () => {
    const one = await backend()
    const port = Number(new URL(one.url).port)
    const through = await proxy({ hosts: { 'collector.test': port, 'direct.test': port } })
    const env = { HTTP_PROXY: `127.0.0.1:${through.port}`, NO_PROXY: 'localhost,direct.test' }
    const telemetry = await run(
      {
        otel: { endpoint: 'http://collector.test/v1/traces' },
        near: { type: 'otel', endpoint: one.url },
      },
      env,
    )
    emitSpan(telemetry, 1)
    assert((await telemetry.flush()).complete)
    assert.deepEqual(through.asked, ['POST http://collector.test/v1/traces'])
    assert.equal(telemetry.config.get('otel.http_proxy'), `http://127.0.0.1:${through.port}`)
  })

  it('does not believe HTTP_PROXY in a CGI program, where a request may set it', async () => {
    const telemetry = await run(
      { otel: { enabled: false } },
      { HTTP_PROXY: 'http://evil.example', REQUEST_METHOD: 'GET' },
    )
    assert.equal(telemetry.config.get('otel.http_proxy'), null)
  })

  it('ignores a variable with a proxy of another protocol, with a warning', async () => {
    const telemetry = await run({ otel: { enabled: false } }, { ALL_PROXY: 'socks5://127.0.0.1:1080' })
    assert.equal(telemetry.config.get('otel.https_proxy'), null)
    assert.match(
      inspect(telemetry.status(), { depth: 9 }),
      /https_proxy .* but must be an http or https URL of a proxy/,
    )
  })

  it('changes the proxy while it runs, and loses nothing', async () => {
    const one = await backend()
    const hosts = { 'collector.test': Number(new URL(one.url).port) }
    const [first, second] = [await proxy({ hosts }), await proxy({ hosts })]
    const endpoint = 'http://collector.test/v1/traces'
    const telemetry = await run({ otel: { endpoint, proxy: `http://127.0.0.1:${first.port}` } })
    emitSpan(telemetry, 1)
    assert((await telemetry.flush()).complete)
    await telemetry.config.put('otel.proxy', `http://127.0.0.1:${second.port}`)
    emitSpan(telemetry, 2)
    assert((await telemetry.flush()).complete)
    await telemetry.config.put({ 'otel.proxy': '', 'otel.endpoint': one.url })
    emitSpan(telemetry, 3)
    assert((await telemetry.flush()).complete)
    assert.deepEqual([first.asked.length, second.asked.length], [1, 1])
    assert.equal(telemetry.status().exporters.otel!.ledger.delivered, 6)
    await first.idle()
  })

  it('lets the package go through a tunnel, also for plain http', async () => {
    const one = await backend()
    const through = await proxy({ hosts: { 'collector.test': Number(new URL(one.url).port) } })
    const telemetry = await run({
      otel: {
        endpoint: 'http://collector.test/v1/traces',
        client: 'package',
        proxy: `http://127.0.0.1:${through.port}`,
      },
    })
    emitSpan(telemetry, 1)
    assert((await telemetry.flush()).complete)
    assert.deepEqual(through.asked, ['CONNECT collector.test:80'])
  })

  it('keeps what waits while the proxy is down, and the breaker opens as for a backend that is down', async () => {
    const port = await freePort()
    const telemetry = await run({
      otel: {
        endpoint: 'https://collector.test/v1/traces',
        proxy: `http://me:${password}@127.0.0.1:${port}`,
        failure_threshold: 1,
        initial_reset_timeout: 60,
      },
    })
    emitSpan(telemetry, 1)
    assert(!(await telemetry.flush({ timeoutMs: 200 })).complete)
    while (telemetry.status().exporters.otel!.breaker !== 'open') await pause()
    const { breaker, ledger, lastError } = telemetry.status().exporters.otel!
    assert.equal(breaker, 'open')
    assert.deepEqual(ledger.dropped, {})
    assert.match(
      lastError!.message,
      new RegExp(`cannot reach the proxy http://127.0.0.1:${port} \\(ECONNREFUSED\\)`),
    )
    const shown = await views(telemetry)
    assert(!shown.includes(password) && !shown.includes(basic))
  })

  it('shows no credentials of the proxy, though the proxy echoes them', async () => {
    const through = await proxy({ credentials: 'me:other' })
    const telemetry = await run({
      otel: {
        endpoint: 'http://collector.test/v1/traces',
        proxy: `http://me:${password}@127.0.0.1:${through.port}`,
      },
    })
    emitSpan(telemetry, 1)
    await telemetry.flush({ timeoutMs: 500 })
    while (telemetry.status().exporters.otel!.breaker === 'closed') await pause()
    const { lastError, ledger, client } = telemetry.status().exporters.otel!
    assert.equal(client.proxy, `http://127.0.0.1:${through.port}`)
    assert.match(lastError!.message, /the proxy http:\/\/127.0.0.1:\d+ answered HTTP 407/)
    assert.deepEqual(ledger.dropped, { misdirected: 2 })
    await assert.rejects(telemetry.config.put('otel.proxy', `http://me:${password}@proxy.example/path`), {
      code: 'CONFIG_INVALID_VALUE',
    })
    const shown = await views(telemetry)
    assert(shown.includes('[redacted]@127.0.0.1'))
    assert(!shown.includes(password) && !shown.includes(basic))
  })

  it('posts metrics to Datadog through it', async () => {
    const server = createServer((request, response) => {
      request.resume().on('end', () => response.writeHead(202).end('{"errors":[]}'))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    closing.push(() => server.close().closeAllConnections())
    const through = await proxy({ hosts: { 'api.test': (server.address() as AddressInfo).port } })
    const telemetry = await run({
      datadog: {
        api_key: 'a'.repeat(32),
        api_url: 'http://api.test',
        proxy: `http://127.0.0.1:${through.port}`,
      },
    })
    telemetry.emit('job.done', { count: 1 })
    assert((await telemetry.flush()).complete)
    assert.deepEqual(through.asked, ['POST http://api.test/api/v2/series'])
  })

  describe('that an untrusted source names', () => {
    it('is refused without credentials of its own, unless it is allowed', async () => {
      const one = await backend()
      const init = { otel: { endpoint: one.url, headers: { authorization: 'Bearer stored' } } }
      const telemetry = await run({ ...init, allowed_destinations: ['good.example:3128'] })
      const put = (value: string) => telemetry.config.putFrom('admin', { 'otel.proxy': value })
      await assert.rejects(put('http://evil.example:3128'), { code: 'CONFIG_DESTINATION' })
      await assert.rejects(put('http://169.254.169.254'), { code: 'CONFIG_DESTINATION' })
      await put('http://good.example:3128')
      await put('')
    })

    it('is refused with credentials too where the proxy resolves the destination', async () => {
      const telemetry = await run({
        otel: { endpoint: 'http://collector.test/v1/traces', proxy: 'http://127.0.0.1:1' },
      })
      await assert.rejects(
        telemetry.config.putFrom('admin', {
          'otel.endpoint': 'http://metadata.example/v1/traces',
          'otel.headers': { authorization: 'Bearer own' },
        }),
        /the proxy resolves metadata.example, so its address cannot be checked/,
      )
    })
  })
})
