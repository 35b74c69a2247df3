/**
 * The page over HTTP, with real clients: what is answered and what is refused, and that no bytes harm the process.
 */
import assert from 'node:assert/strict'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import type { PrometheusClient } from '../../../src/exporters/prometheus/client.ts'
import { type DrivenPrometheus, drivePrometheus } from './driven.ts'
import { ask, raw } from './http-client.ts'
import { parsePage } from './strict-page.ts'

const portOf = (system: DrivenPrometheus, client: PrometheusClient): number =>
  system.describe(client).port as number

describe('prometheus: the HTTP server', () => {
  let system: DrivenPrometheus
  let client: PrometheusClient
  let port: number

  beforeEach(async () => {
    system = drivePrometheus({}, { health: false })
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
    assert.match(await raw(port, 'CONNECT x:1 HTTP/1.1\r\nHost: localhost\r\n\r\n'), /^HTTP\/1\.1 405 /)
    const upgrade =
      'GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'
    assert.match(await raw(port, upgrade), /^HTTP\/1\.1 200 /)
  })

  it('answers what is malformed with 4xx', async () => {
    for (const bytes of [
      'hello\r\n\r\n',
      'GET /metrics HTTP/9.9\r\n\r\n',
      'GET /metrics HTTP/1.1\r\n\r\n',
      'GET /metrics HTTP/1.1\r\nHost: localhost\r\nBad Header\r\n\r\n',
      'GET /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n',
      'GET /metrics HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n',
      `GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`,
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

  it('refuses requests on loopback for a name in DNS, which may be a rebound one', async () => {
    const statusFor = async (host: string): Promise<number> =>
      (await ask(port, '/metrics', { headers: { host } })).status
    for (const host of [
      ...['evil.example', `evil.example:${port}`, 'localhost.evil.example', '127.0.0.1.evil.example'],
      ...['evil', 'localhost@evil', 'a b', '127.0.0.evil', '[::1', 'localhost:', 'localhost:x'],
    ]) {
      assert.equal(await statusFor(host), 403, host)
    }
    for (const host of [
      ...['localhost', `LocalHost:${port}`, 'shop.localhost', '127.0.0.1', `127.0.0.1:${port}`],
      ...['[::1]', '[::1]:80', '10.1.2.3:8443'],
    ]) {
      assert.equal(await statusFor(host), 200, host)
    }
    assert.match(await raw(port, 'GET /metrics HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n'), / 403 /)
    assert.match(await raw(port, 'GET /metrics HTTP/1.0\r\n\r\n'), / 200 /)
  })

  it('answers on loopback to the names it is told, and elsewhere to any', async () => {
    const headers = { host: 'metrics.example' }
    system.put({ allowed_hosts: ['Metrics.Example'] })
    assert.equal((await ask(port, '/metrics', { headers })).status, 200)
    system.put({ allowed_hosts: [], host: '0.0.0.0' })
    const everywhere = await system.open()
    assert.equal((await ask(portOf(system, everywhere), '/metrics', { headers })).status, 200)
    assert.equal((await ask(port, '/metrics', { headers })).status, 403)
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
})
