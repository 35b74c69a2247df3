// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references in the configuration look like this.
/**
 * Guards secrets and whole changes, end to end with the real exporters: marked secrets are put wherever one can be put,
 * backends echo them in every answer, and whatever comes out of the system is searched for them. A change that one
 * of two exporters can't carry out leaves both serving as they were, without a moment's break.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { createAdmin } from '../../src/admin/index.ts'
import {
  createTelemetry,
  datadog,
  type Logger,
  mock,
  otel,
  prometheus,
  type Telemetry,
  TelemetryConfigError,
} from '../../src/index.ts'
import { createSafeInspector } from '../../src/inspect/index.ts'
import { startOpened } from '../support/opened.ts'
import { pause } from '../support/poll.ts'
import { startProxy } from '../support/proxy.ts'

/** Every marked secret has it, in clear, and nothing else does. */
const mark = /c4nary/i

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closing.push(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  return (server.address() as AddressInfo).port
}

interface Echo {
  readonly url: string
  /** Header values and URLs that arrived. */
  readonly heard: () => string
}

/** Answers each request with all it was told: as text, as JSON, escaped for a URL, and in a redirect's target. */
async function echoing(status: (request: number) => number): Promise<Echo> {
  const heard: string[] = []
  const server = createServer((request: IncomingMessage, response) => {
    request.resume().on('end', () => {
      const { url = '', headers } = request
      const texts = [url, ...Object.values(headers).flat().map(String)]
      heard.push(...texts)
      const code = status(heard.length)
      response.writeHead(code, 'echo', {
        'content-type': 'application/json',
        ...(code >= 300 && code < 400 && { location: `http://127.0.0.1:1${url}` }),
      })
      response.end(
        JSON.stringify({
          errors: texts,
          encoded: texts.map(encodeURIComponent),
          partialSuccess: { rejectedSpans: 1, errorMessage: texts.join(' ') },
        }),
      )
    })
  })
  return { url: `http://127.0.0.1:${await listening(server)}`, heard: () => heard.join('\n') }
}

/** Everything that can be read of a value, its errors' stacks and causes too. */
const everything = (value: unknown): string =>
  inspect(value, { depth: Number.POSITIVE_INFINITY, maxStringLength: null, maxArrayLength: null })

describe('secrets, with the real exporters and backends that echo them', () => {
  for (const [status, client] of [
    [200, 'native'],
    [302, 'package'],
    [403, 'native'],
    [503, 'package'],
  ] as const) {
    it(`come out nowhere when the backend answers ${status} to the ${client} client`, async () => {
      const backend = await echoing(() => status)
      const directory = mkdtempSync(join(tmpdir(), 'telemachine-'))
      closing.push(() => rmSync(directory, { recursive: true }))
      const file = join(directory, 'telemetry.toml')
      writeFileSync(
        file,
        [
          '[telemetry.otel]',
          `endpoint = "${backend.url}/\${INTAKE_TOKEN}/v1/traces?sig=c4nary-query"`,
          'headers = { authorization = "Bearer c4nary-header", "x-tenant" = "c4nary tenant", "x-any" = "${ANY_SECRET}" }',
          'service_name = "shop-${SHOP_PASSWORD}"',
          '[telemetry.datadog]',
          `api_url = "${backend.url}/\${INTAKE_TOKEN}"`,
          'api_key = "${DATADOG_KEY}"',
        ].join('\n'),
      )

      const proxy = await startProxy({ credentials: 'shop:c4nary-proxy' })
      closing.push(() => proxy.close())
      const through = `http://shop:c4nary-proxy@127.0.0.1:${proxy.port}`
      const locked = `http://shop:c4nary-locked@127.0.0.1:${proxy.port}`
      const headers = () => ({ 'x-api-key': 'c4nary-obtained', 'x-shop': 'c4nary shop' })

      const found: string[] = []
      let looks = 0
      const keep = (value: unknown): void => {
        looks += 1
        const text = everything(value)
        if (mark.test(text)) found.push(/.{0,200}c4nary.{0,100}/is.exec(text)![0])
      }
      const log = (...details: unknown[]): void => keep(details)
      const logger: Logger = { debug: log, info: log, warn: log, error: log }
      const recorder = mock()
      const telemetry = createTelemetry({
        types: [client === 'native' ? otel({ headers }) : otel(), datadog(), prometheus(), recorder],
        logger,
        inspect: createSafeInspector({ next: keep }),
        config: {
          file,
          env: {
            INTAKE_TOKEN: 'c4nary-path',
            ANY_SECRET: 'c4nary-any "quoted"',
            SHOP_PASSWORD: 'c4nary-password',
            DATADOG_KEY: 'c4nary-datadog-key',
            OTEL_EXPORTER_OTLP_HEADERS: 'x-otlp=c4nary-ecosystem',
            DD_API_KEY: 'c4nary-dd',
            TELEMETRY_OTEL_EU_HEADERS: 'authorization=Basic%20c2hvcDpjNG5hcnktYmFzaWM=',
          },
          init: {
            otel: { client, flush_interval: 0, retry_attempts: 0, timeout: 1, proxy: through },
            otel_eu: { type: 'otel', endpoint: `${backend.url}/v1/traces`, flush_interval: 0, client },
            otel_locked: {
              type: 'otel',
              endpoint: `${backend.url}/v1/traces`,
              flush_interval: 0,
              client,
              proxy: locked,
            },
            datadog: { flush_interval: 0.01, aggregation_interval: 0.01 },
            prometheus: { port: 0 },
            mock: { event_patterns: ['*'] },
          },
        },
      })
      closing.push(() => telemetry.stop({ timeoutMs: 150 }))
      telemetry.attach('everything', ['telemetry.*'], keep)
      telemetry.observe(keep)
      telemetry.config.subscribe('*', (...change) => keep(change))
      await startOpened(telemetry)
      const admin = createAdmin(telemetry, { token: 'c4nary-admin-token', logger })
      const { url } = await admin.listen()
      closing.push(() => admin.close())
      const authorization = { authorization: 'Bearer c4nary-admin-token' }

      telemetry.emit('job.start', {}, { correlation_id: 1 })
      telemetry.emit('job.success', { count: 1, duration_ms: 2 }, { correlation_id: 1 })
      await telemetry.flush({ timeoutMs: 150 })
      const sent = [
        'c4nary-header',
        'c4nary-any',
        'c4nary-path',
        'c4nary-query',
        'c4nary-datadog-key',
        ...(client === 'native' ? ['c4nary-obtained'] : []),
      ]
      while (!sent.every((secret) => backend.heard().includes(secret))) await pause()

      const bad: [string, unknown][] = [
        ['otel.headers', { authorization: 'c4nary\nheader' }],
        ['otel.headers', { 'x-key': 'c4nary-\u0100' }],
        ['otel.headers', { host: 'c4nary' }],
        ['otel.headers', 'c4nary-no-table'],
        ['otel.headers', ['c4nary-list']],
        ['otel.headers', { 'bad name': 'c4nary-value' }],
        ['otel.endpoint', 'http://user:c4nary@127.0.0.1/v1'],
        ['otel.endpoint', 'http://c4nary@127.0.0.1/v1'],
        ['otel.endpoint', 'ftp://127.0.0.1/v1?key=c4nary'],
        ['otel.endpoint', 'http://127.0.0.1:99999/?key=c4nary'],
        ['datadog.api_key', 'c4nary key with spaces'],
        ['datadog.api_key', { c4nary: 'c4nary' }],
        ['datadog.api_key', `c4nary${'x'.repeat(9000)}`],
        ['datadog.api_url', 'https://user:c4nary@127.0.0.1'],
        ['otel.proxy', 'http://user:c4nary@127.0.0.1/path'],
        ['otel.proxy', 'http://user:c4nary/slash@127.0.0.1'],
        ['otel.proxy', 'http://user:c4nary?query@127.0.0.1'],
        ['otel.proxy', 'http://user:c4nary blank@127.0.0.1'],
        ['otel.proxy', 'socks5://user:c4nary@127.0.0.1'],
        ['otel.proxy', 'user:c4nary@127.0.0.1/path'],
        ['otel.proxy', 'http://c4nary-user@127.0.0.1/path'],
      ]
      for (const [path, value] of bad) {
        keep(await telemetry.config.put(path, value).catch((error) => [error, String(error.stack)]))
        const answer = await fetch(new URL('/config', url), {
          method: 'PATCH',
          headers: { ...authorization, 'content-type': 'application/json' },
          body: JSON.stringify({ [path]: value }),
        })
        keep(await answer.text())
      }
      keep(
        await telemetry.config.put({
          'otel.headers': { authorization: 'Bearer c4nary-rotated', 'x-more': 'c4nary more' },
          'datadog.api_key': 'c4nary-rotated-key',
          'otel.endpoint': `${backend.url}/v1/traces?sig=c4nary-put`,
        }),
      )
      telemetry.emit('job.start', {}, { correlation_id: 2 })
      telemetry.emit('job.error', { count: 1, duration_ms: 2 }, { correlation_id: 2 })
      await telemetry.flush({ timeoutMs: 150 })
      keep(await telemetry.config.unset(['otel.headers', 'datadog.api_key']))

      keep(telemetry.status({ history: true }))
      keep(telemetry.config.explain())
      keep(telemetry.snapshot())
      keep(telemetry.handlers())
      for (const event of recorder.events) keep(event)
      for (const path of ['status', 'status?history', 'config', 'healthz', 'readyz'])
        keep(await (await fetch(new URL(`/${path}`, url), { headers: authorization })).text())
      const page = String(telemetry.status().exporters.prometheus?.client.url)
      keep(await (await fetch(page)).text())
      keep(await telemetry.stop({ timeoutMs: 150 }))
      keep(telemetry.status({ history: true }))

      assert.deepEqual(found, [])
      assert.ok(looks > 100)
    })
  }
})

describe('a change over two exporters of which one cannot be applied', () => {
  it('is refused with the reason; both go on as they were, and neither stops serving for a moment', async () => {
    const taken = await listening(createServer())
    const [old, next] = [await echoing(() => 200), await echoing(() => 200)]
    const telemetry: Telemetry = createTelemetry({
      config: {
        env: {},
        init: {
          otel: { endpoint: `${old.url}/v1/traces`, flush_interval: 0 },
          prometheus: { port: 0 },
        },
      },
    })
    closing.push(() => telemetry.stop({ timeoutMs: 150 }))
    await startOpened(telemetry)
    const page = String(telemetry.status().exporters.prometheus?.client.url)
    const explained = telemetry.config.explain()
    const seen: unknown[] = []
    telemetry.config.subscribe('*', (...change) => seen.push(change))
    const states = (): unknown[] => Object.values(telemetry.status().exporters).map(({ state }) => state)

    for (const changes of [
      { 'otel.endpoint': `${next.url}/v1/traces`, 'otel.batch_size': 7, 'prometheus.port': taken },
      { 'prometheus.port': taken, 'prometheus.path': '/moved', 'otel.enabled': false },
    ]) {
      let settled = false
      const put = telemetry.config.put(changes).finally(() => {
        settled = true
      })
      put.catch(() => {})
      let scrapes = 0
      do {
        telemetry.emit('job.start', {}, { correlation_id: scrapes })
        telemetry.emit('job.success', { count: 1 }, { correlation_id: scrapes })
        assert.equal((await fetch(page)).status, 200)
        scrapes += 1
      } while (!settled)
      await assert.rejects(
        put,
        (error) =>
          error instanceof TelemetryConfigError && /telemetry\.prometheus.*in use/.test(error.message),
      )
      assert.deepEqual(states(), ['serving', 'serving'])
      assert.equal(telemetry.status().exporters.prometheus?.client.url, page)
      assert.deepEqual(telemetry.config.explain(), explained)
    }
    await telemetry.flush()
    const ledger = telemetry.status().exporters.otel?.ledger
    assert.equal(next.heard(), '')
    assert.match(old.heard(), /traces/)
    assert.equal(ledger?.accepted, (ledger?.delivered ?? 0) + (ledger?.dropped.ignored ?? 0))
    assert.deepEqual(seen, [])
  })
})
