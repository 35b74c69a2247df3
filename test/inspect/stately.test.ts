/**
 * Watching in the Stately inspector: a WebSocket client gets the inspector's records, the charts whole and the
 * states as they are, also when it comes late; secrets are in none of them; foreign hosts and pages are refused;
 * closing frees the port.
 */
import assert from 'node:assert/strict'
import { request as send } from 'node:http'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { createMachine } from 'xstate'
import { createTelemetry } from '../../src/index.ts'
import { type StatelyWatch, watchInStately } from '../../src/inspect/index.ts'
import { createBackend } from '../../src/testing/index.ts'
import { quietLogger } from '../support/quiet-logger.ts'

interface Client {
  on(event: 'open' | 'close' | 'error', listener: (cause?: Error) => void): void
  on(event: 'message', listener: (data: Buffer) => void): void
  send(text: string): void
  close(): void
}
const inspectPackage = createRequire(createRequire(import.meta.url).resolve('@statelyai/inspect'))
const WebSocket = inspectPackage('ws') as new (
  url: string,
  options?: { headers?: object; origin?: string },
) => Client

interface StatelyRecord {
  readonly type: string
  readonly name?: string
  readonly sessionId: string
  readonly parentId?: string
  readonly definition?: string
  readonly event?: { readonly type: string }
  readonly snapshot?: { readonly status: string; readonly value?: unknown }
}

const canary = 'canary-5ecret'

async function connect(watch: StatelyWatch, options: { headers?: object; origin?: string } = {}) {
  const client = new WebSocket(watch.url.replace('http', 'ws'), options)
  const texts: string[] = []
  const records: StatelyRecord[] = []
  const waiting: { holds: () => boolean; resolve: () => void }[] = []
  client.on('message', (data) => {
    texts.push(String(data))
    records.push(JSON.parse(String(data)))
    for (const { holds, resolve } of waiting) if (holds()) resolve()
  })
  const closed = new Promise<void>((resolve) => client.on('close', () => resolve()))
  await new Promise<void>((resolve, reject) => {
    client.on('open', () => resolve())
    client.on('error', (cause) => reject(cause))
  })
  const until = (holds: () => boolean): Promise<void> =>
    holds() ? Promise.resolve() : new Promise((resolve) => waiting.push({ holds, resolve }))
  return { client, texts, records, until, closed }
}

const get = (
  url: string,
  {
    method = 'GET',
    path = '/',
    headers = {},
  }: { method?: string; path?: string; headers?: Record<string, string> } = {},
): Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; body: string }> =>
  new Promise((resolve, reject) => {
    const outgoing = send(new URL(url), { method, path, headers }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (part) => {
        body += part
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }))
    })
    outgoing.on('error', reject)
    outgoing.end()
  })

describe('watching in the Stately inspector', () => {
  let watch: StatelyWatch
  beforeEach(async () => {
    watch = await watchInStately({ port: 0 })
  })
  afterEach(() => watch.close())

  it('shows the charts at work, and none of the secrets that pass through them', async () => {
    const backend = createBackend()
    await backend.listen()
    const early = await connect(watch)
    const telemetry = createTelemetry({
      config: {
        env: { DD_API_KEY: canary, TELEMETRY_API_KEY: canary },
        init: {
          otel: {
            endpoint: `${backend.url}?key=${canary}`,
            headers: { authorization: `Bearer ${canary}`, 'x-api-key': canary },
            flush_interval: 0.01,
          },
        },
      },
      drainOnExit: false,
      logger: quietLogger,
      inspect: watch,
    })
    try {
      await telemetry.start()
      telemetry.emit('job.start', {}, { correlation_id: canary, password: canary })
      telemetry.emit('job.error', { [canary]: 1 }, { correlation_id: canary, error: new Error(canary) })
      await telemetry.flush()
      // A refused change, whose reason names the address; and one that is taken.
      await assert.rejects(telemetry.config.put('telemetry.otel.endpoint', `ftp://${canary}@localhost/`))
      await telemetry.config.put('telemetry.otel.headers', { authorization: `Basic ${canary}` })
      const isServing = ({ type, snapshot }: StatelyRecord): boolean =>
        type !== '@xstate.event' && JSON.stringify(snapshot?.value)?.includes('"client":"serving"') === true
      await early.until(() => early.records.some(isServing))
      await early.until(() => early.records.some(({ event }) => event?.type === 'config.acknowledged'))
      const late = await connect(watch)
      await late.until(() => late.records.some(isServing))
      await late.until(() => late.records.some(({ name }) => name === 'breaker:otel'))
      await telemetry.stop()
      assert.equal(backend.spanCount, 1)
      for (const text of [...early.texts, ...late.texts]) assert.doesNotMatch(text, new RegExp(canary))
      assert.ok(early.records.some(({ event }) => event?.type === 'telemetry.batch'))
    } finally {
      await telemetry.stop()
      await backend.close()
    }
  })

  it('sends each chart whole, and says whose child an actor is', async () => {
    const telemetry = createTelemetry({ config: { init: { otel: {} } }, drainOnExit: false, inspect: watch })
    try {
      await telemetry.start()
      const { records, until } = await connect(watch)
      const find = (name: string): StatelyRecord | undefined =>
        records.find((record) => record.type === '@xstate.actor' && record.name === name)
      await until(() => find('exporter:otel') !== undefined && find('delivery:otel') !== undefined)
      const exporter = find('exporter:otel') as StatelyRecord
      const chart = createMachine(JSON.parse(exporter.definition ?? ''))
      assert.equal(chart.getStateNodeById('exporter.active.client.opening').invoke.length, 1)
      const parent = records.find(({ sessionId }) => sessionId === exporter.parentId)
      assert.equal(JSON.parse(parent?.definition ?? '{}').id, 'system')
    } finally {
      await telemetry.stop()
    }
  })

  it('forgets the actors that have ended', async () => {
    const telemetry = createTelemetry({
      config: { init: { otel: {}, prometheus: { port: 0 } } },
      drainOnExit: false,
      inspect: watch,
    })
    await telemetry.start()
    await telemetry.stop()
    const { client, records, closed } = await connect(watch)
    const pong = new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)))
    await pong
    client.close()
    await closed
    assert.deepEqual(
      records.map(({ name }) => name),
      [],
    )
  })

  it('serves a page that frames the inspector and may do nothing else', async () => {
    const { status, headers, body } = await get(watch.url)
    assert.equal(status, 200)
    assert.match(body, /<iframe[^>]* src="https:\/\/stately\.ai\/inspect"/)
    const policy = String(headers['content-security-policy'])
    assert.match(policy, /default-src 'none'/)
    assert.match(policy, /frame-src https:\/\/stately\.ai;/)
    const nonce = /script-src 'nonce-([^']+)'/.exec(policy)?.[1]
    assert.ok(nonce && body.includes(`<script nonce="${nonce}">`))
    assert.notEqual((await get(watch.url)).headers['content-security-policy'], policy, 'a nonce is used once')
  })

  it('writes the address of another inspector into the page as text, whatever it holds', async () => {
    const other = await watchInStately({
      port: 0,
      inspectorUrl: 'http://127.0.0.1:9/"><script>alert(1)</script>',
    })
    const { body } = await get(other.url)
    await other.close()
    assert.doesNotMatch(body, /<script>/)
    for (const inspectorUrl of ['javascript:alert(1)', 'data:text/html,x', 'nonsense', ''])
      await assert.rejects(watchInStately({ port: 0, inspectorUrl }), { code: 'INSPECT_INVALID' })
  })

  it('refuses other hosts, paths and methods', async () => {
    const { port } = new URL(watch.url)
    assert.equal((await get(watch.url, { headers: { host: 'evil.example' } })).status, 421)
    assert.equal((await get(watch.url, { headers: { host: `evil.example:${port}` } })).status, 421)
    assert.equal((await get(watch.url, { headers: { host: `localhost:${port}` } })).status, 200)
    assert.equal((await get(watch.url, { path: '/../etc/passwd' })).status, 404)
    assert.equal((await get(watch.url, { method: 'POST' })).status, 405)
  })

  it('lets no foreign page listen', async () => {
    const { port } = new URL(watch.url)
    for (const origin of ['https://evil.example', 'null', `https://127.0.0.1:${port}`, `http://127.0.0.1:1`])
      await assert.rejects(connect(watch, { origin }), /403/)
    await assert.rejects(connect(watch, { headers: { host: `evil.example:${port}` } }), /421/)
    const own = await connect(watch, { origin: `http://localhost:${port}` })
    own.client.close()
    await own.closed
  })

  it('reads nothing that a watcher sends, and lets go of one that sends much', async () => {
    const { client, closed } = await connect(watch)
    const other = await connect(watch)
    client.send(JSON.stringify({ type: '@xstate.event', event: { type: 'breaker.force_open' } }))
    client.send('x'.repeat(10_000))
    await closed
    assert.deepEqual(other.records, [])
    other.client.close()
    await other.closed
  })

  it('limits how many may watch', async () => {
    const clients = await Promise.all(Array.from({ length: 8 }, () => connect(watch)))
    await assert.rejects(connect(watch), /503/)
    const [first] = clients
    first?.client.close()
    await first?.closed
  })

  it('frees the port and ends its watchers when it is closed, and can be closed twice', async () => {
    const { closed } = await connect(watch)
    const port = Number(new URL(watch.url).port)
    await Promise.all([watch.close(), watch.close()])
    await closed
    const taken = createServer()
    await new Promise<void>((resolve, reject) => {
      taken.once('error', reject)
      taken.listen(port, '127.0.0.1', resolve)
    })
    await new Promise((resolve) => taken.close(resolve))
  })

  it('says that a port is taken, and that it listens on loopback only', async () => {
    const port = Number(new URL(watch.url).port)
    await assert.rejects(watchInStately({ port }), { code: 'INSPECT_LISTEN_FAILED' })
    for (const host of ['0.0.0.0', '::', 'example.com'] as unknown as ['127.0.0.1'])
      await assert.rejects(watchInStately({ port: 0, host }), { code: 'INSPECT_NOT_LOOPBACK' })
  })
})
