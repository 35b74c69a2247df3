/**
 * The page over HTTP, with real clients: what is answered, what is refused, that no client can harm the process or
 * keep others from a scrape, and that closing loses no scrape that arrived.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { Gauge, Registry } from 'prom-client'
import type { PrometheusClient } from '../../../src/exporters/prometheus/index.ts'
import { parsePage } from '../../support/prometheus-text.ts'
import { type Harness, harness } from './harness.ts'

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
}

const portOf = (system: Harness, client: PrometheusClient): number => system.describe(client).port as number

async function ask(port: number, path = '/metrics', options: object = {}): Promise<Answer> {
  const asking = request({ host: '127.0.0.1', port, path, ...options }).end()
  const [response] = await once(asking, 'response')
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk)
  return { status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) }
}

/** Sends raw bytes, and resolves with what came back when the server closed. */
async function raw(port: number, bytes: string | Uint8Array): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  let answer = ''
  socket.on('data', (chunk) => {
    answer += chunk.toString('latin1')
  })
  socket.on('error', () => {})
  socket.end(bytes)
  await once(socket, 'close')
  return answer
}

describe('prometheus: the HTTP server', () => {
  let system: Harness
  let client: PrometheusClient
  let port: number

  beforeEach(async () => {
    system = harness({}, { health: false })
    client = await system.open()
    port = portOf(system, client)
    system.emit('job', { count: 1, duration_ms: 5 }, { queue: 'mail' })
  })
  afterEach(() => system.closeAll())

  it('reports where it is, with the port that port 0 became', () => {
    const { host, url, path } = system.describe(client)
    assert.ok(port > 0)
    assert.deepEqual(
      { host, url, path },
      { host: '127.0.0.1', url: `http://127.0.0.1:${port}/metrics`, path: '/metrics' },
    )
    assert.equal('url' in system.describe(), false)
  })

  it('serves the text format, and OpenMetrics when asked, with exact content types', async () => {
    const text = await ask(port)
    assert.equal(text.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8')
    assert.equal(text.headers['content-encoding'], undefined)
    assert.equal(parsePage(text.body.toString()).value('job_total', { queue: 'mail' }), 1)
    const open = await ask(port, '/metrics', {
      headers: { accept: 'application/openmetrics-text; version=1.0.0' },
    })
    assert.equal(open.headers['content-type'], 'application/openmetrics-text; version=1.0.0; charset=utf-8')
    assert.equal(parsePage(open.body.toString(), 'openmetrics').value('job_total', { queue: 'mail' }), 1)
  })

  it('compresses when asked', async () => {
    const plain = await ask(port)
    const { headers, body } = await ask(port, '/metrics', { headers: { 'accept-encoding': 'gzip' } })
    assert.equal(headers['content-encoding'], 'gzip')
    assert.equal(headers['content-length'], String(body.length))
    assert.deepEqual(gunzipSync(body), plain.body)
  })

  it('answers HEAD with the headers of GET', async () => {
    const { status, headers, body } = await ask(port, '/metrics', { method: 'HEAD' })
    assert.equal(status, 200)
    assert.equal(body.length, 0)
    assert.equal(headers['content-length'], String((await ask(port)).body.length))
  })

  it('ignores the query', async () => {
    assert.equal((await ask(port, '/metrics?name[]=x#y')).status, 200)
    assert.equal((await ask(port, `http://example.com/metrics?x`)).status, 200)
  })

  for (const path of [
    '/',
    '/metrics/',
    '/Metrics',
    '/metricsx',
    '/../metrics',
    '//metrics',
    '/%6detrics',
    'http://x',
    '*',
  ]) {
    it(`answers 404 for ${path}`, async () => {
      assert.equal((await ask(port, path)).status, 404)
    })
  }

  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE', 'PROPFIND']) {
    it(`answers ${method} with 405, elsewhere with 404`, async () => {
      const refused = await ask(port, '/metrics', { method })
      assert.equal(refused.status, 405)
      assert.equal(refused.headers.allow, 'GET, HEAD')
      assert.equal((await ask(port, '/other', { method })).status, 404)
    })
  }

  it('refuses CONNECT, and takes no protocol upgrade', async () => {
    assert.match(await raw(port, 'CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n'), /^HTTP\/1\.1 405 /)
    const upgrade = 'GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'
    assert.match(await raw(port, upgrade), /^HTTP\/1\.1 200 /)
  })

  it('answers what is malformed with 4xx', async () => {
    for (const bytes of [
      'hello\r\n\r\n',
      'GET /metrics HTTP/9.9\r\n\r\n',
      'GET /metrics HTTP/1.1\r\n\r\n',
      'GET /metrics HTTP/1.1\r\nHost: x\r\nBad Header\r\n\r\n',
      'GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n',
      'GET /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n',
      `GET /metrics HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`,
    ]) {
      assert.match(await raw(port, bytes), /^HTTP\/1\.1 4\d\d /, bytes.slice(0, 60))
    }
    assert.match(await raw(port, `GET /metrics HTTP/1.1\r\nX: ${'y'.repeat(20_000)}`), / 431 /)
  })

  it('survives any bytes', async () => {
    const methods = fc.constantFrom('GET', 'POST', 'CONNECT', 'PRI', '\x16\x03\x01')
    const shaped = fc
      .tuple(
        methods,
        fc.string({ unit: 'binary' }),
        fc.array(fc.tuple(fc.string(), fc.string()), { maxLength: 5 }),
      )
      .map(
        ([method, path, headers]) =>
          `${method} /metrics${path} HTTP/1.1\r\n${headers.map((h) => h.join(': ')).join('\r\n')}\r\n\r\n`,
      )
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 300 }), shaped), async (bytes) => {
        await raw(port, bytes)
      }),
      { numRuns: 80 },
    )
    assert.equal((await ask(port)).status, 200)
  })

  it('follows a change of the path at once, on the same port', async () => {
    system.put({ path: '/moved' })
    assert.equal((await ask(port)).status, 404)
    assert.equal((await ask(port, '/moved')).status, 200)
    assert.equal(system.describe(client).path, '/moved')
  })

  it('shows every event emitted before the scrape', async () => {
    system.emitLater('job', { count: 41 }, { queue: 'mail' })
    assert.equal(parsePage((await ask(port)).body.toString()).value('job_total', { queue: 'mail' }), 42)
  })

  it('shows what there is when catching up or the status fail', async () => {
    const boom = (): never => {
      throw new Error('boom')
    }
    system.put({ health: true })
    const other = await system.open({ catchUp: boom, status: boom, current: boom })
    const { status, body } = await ask(portOf(system, other))
    assert.equal(status, 200)
    assert.equal(parsePage(body.toString()).value('job_total', { queue: 'mail' }), 1)
  })

  it('rejects a taken port with a code, and the first one serves on', async () => {
    system.put({ port })
    await assert.rejects(system.open(), { code: 'PORT_TAKEN' })
    assert.equal((await ask(port)).status, 200)
    system.put({ host: '203.0.113.1', port: 0 })
    await assert.rejects(system.open(), { code: 'LISTEN_FAILED' })
  })

  it('does not open once the opening is no longer wanted', async () => {
    const cause = new Error('not wanted')
    await assert.rejects(system.open({ signal: AbortSignal.abort(cause) }), cause)
  })

  it('has a good scrape answered at once beside 200 slow clients and 600 silent ones', async () => {
    const sockets: Socket[] = []
    const open = async (bytes: string): Promise<void> => {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => {})
      sockets.push(socket)
      await Promise.race([once(socket, 'connect'), once(socket, 'close')])
      socket.write(bytes)
      socket.pause()
    }
    try {
      for (let i = 0; i < 200; i++) await open('GET /metrics HTTP/1.1\r\nHost: x\r\nX-Slow: ')
      for (let i = 0; i < 200; i++) await open('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(5))
      for (let i = 0; i < 400; i++) await open('')
      const start = performance.now()
      const { status, body } = await ask(port)
      assert.equal(status, 200)
      assert.equal(parsePage(body.toString()).value('job_total', { queue: 'mail' }), 1)
      assert.ok(performance.now() - start < 1000)
    } finally {
      for (const socket of sockets) socket.destroy()
    }
  })

  it('keeps connections of a scraper alive, and closes them at once when it closes', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    for (let i = 0; i < 3; i++) assert.equal((await ask(port, '/metrics', { agent })).status, 200)
    const [idle] = Object.values(agent.freeSockets).flat() as Socket[]
    assert.ok(idle)
    const gone = once(idle, 'close')
    const start = performance.now()
    await system.close(client)
    await gone
    assert.ok(performance.now() - start < 1000)
    await assert.rejects(ask(port), { code: 'ECONNREFUSED' })
  })

  it('lets a scrape under way finish while it closes', async () => {
    const registry = new Registry()
    let release = (): void => {}
    const asked = new Promise<void>((resolve) => {
      new Gauge({
        ...{ name: 'slow', help: 'x', registers: [registry] },
        async collect() {
          resolve()
          await new Promise<void>((done) => {
            release = done
          })
          this.set(1)
        },
      })
    })
    const slow = harness({ registry })
    const server = await slow.open()
    const scrape = ask(portOf(slow, server), '/metrics', { agent: new Agent({ keepAlive: true }) })
    await asked
    const closed = slow.close(server)
    release()
    const { body, headers } = await scrape
    assert.equal(parsePage(body.toString()).value('slow'), 1)
    assert.equal(headers.connection, 'close')
    await closed
  })

  it('lives on when clients vanish while their page is made, also a page that fails', async () => {
    const registry = new Registry()
    let asked = (): void => {}
    let settle: ((failing: boolean) => void)[] = []
    new Gauge({
      ...{ name: 'slow', help: 'x', registers: [registry] },
      collect: () =>
        new Promise<void>((resolve, reject) => {
          settle.push((failing) => (failing ? reject(new Error('failed')) : resolve()))
          asked()
        }),
    })
    const slow = harness({ registry })
    const server = await slow.open()
    for (const failing of [true, false]) {
      const begun = new Promise<void>((resolve) => {
        asked = resolve
      })
      const socket = connect(portOf(slow, server), '127.0.0.1')
      socket.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n')
      await begun
      socket.resetAndDestroy()
      await once(socket, 'close')
      await turn()
      for (const one of settle) one(failing)
      settle = []
    }
    const scrape = ask(portOf(slow, server))
    await new Promise<void>((resolve) => {
      asked = resolve
    })
    for (const one of settle) one(false)
    assert.equal((await scrape).status, 200)
    await slow.closeAll()
  })

  it('cuts whoever is not done within its deadline', async () => {
    const stuck = connect(port, '127.0.0.1')
    stuck.on('error', () => {})
    stuck.write('GET /metrics HTTP/1.1\r\n')
    await once(stuck, 'connect')
    const gone = once(stuck, 'close')
    await system.close(client, 50)
    await gone
  })

  it('gives every scrape a whole page, and counters that never step back, while the port is flipped 20 times', async () => {
    const agent = new Agent({ keepAlive: true })
    let serving = client
    let flipping = true
    let last = 0
    let scrapes = 0
    const scraper = (async () => {
      while (flipping) {
        try {
          const { status, body } = await ask(portOf(system, serving), '/metrics', { agent })
          const value = parsePage(body.toString()).value('job_total', { queue: 'mail' })!
          assert.equal(status, 200)
          assert.ok(value >= last)
          last = value
          scrapes++
        } catch (error) {
          // Asked for after the old one had closed: the scraper did not reach a server.
          assert.match(String((error as NodeJS.ErrnoException).code), /ECONNREFUSED|ECONNRESET/)
        }
      }
    })()
    for (let flip = 0; flip < 20; flip++) {
      for (let i = 0; i < 50; i++) system.emitLater('job', { count: 1 }, { queue: 'mail' })
      const next = await system.open()
      const old = serving
      serving = next
      await system.close(old)
      await turn()
    }
    flipping = false
    await scraper
    agent.destroy()
    const { body } = await ask(portOf(system, serving))
    assert.equal(parsePage(body.toString()).value('job_total', { queue: 'mail' }), 1001)
    assert.ok(scrapes > 0)
  })

  it('does not keep a finished script alive', async () => {
    const here = new URL('./harness.ts', import.meta.url).href
    const program = `
      import { harness } from ${JSON.stringify(here)}
      const system = harness()
      const client = await system.open()
      process.stdout.write(system.url(client))`
    const { stdout, status, stderr } = spawnSync(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '--eval', program],
      { encoding: 'utf8', timeout: 15_000, cwd: new URL('../../..', import.meta.url) },
    )
    assert.equal(status, 0, stderr)
    assert.match(stdout, /^http:/)
  })
})
