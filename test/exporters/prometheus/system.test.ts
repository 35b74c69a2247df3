/**
 * The Prometheus exporter within a telemetry system: its address is free as soon as a change is answered, its page can be
 * mounted in any HTTP server, and what leaves no trace on the page counts as ignored.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { type AddressInfo, createServer as createNetServer } from 'node:net'
import { createTelemetry, metricsHandler, mock, prometheus, type Telemetry } from '../../../src/index.ts'
import type { ConfigInit } from '../../../src/typed-init.ts'
import { startOpened } from '../../support/opened.ts'
import { freePort } from '../../support/ports.ts'
import { quietLogger } from '../../support/quiet-logger.ts'
import { ask, raw } from './http-client.ts'
import { parsePage } from './strict-page.ts'

describe('prometheus in a telemetry system', () => {
  const running: Telemetry[] = []
  const servers: Server[] = []

  const create = (init: ConfigInit): Telemetry => {
    const types = [prometheus(), mock()]
    const telemetry = createTelemetry({
      types,
      config: { env: {}, init },
      logger: quietLogger,
      drainOnExit: false,
    })
    running.push(telemetry)
    return telemetry
  }

  const serve = async (listener: RequestListener): Promise<number> => {
    const server = createServer(listener)
    servers.push(server)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }

  const portOf = (telemetry: Telemetry): number =>
    telemetry.status().exporters.prometheus!.client.port as number

  const bind = async (port: number): Promise<void> => {
    const other = createNetServer()
    other.listen(port, '127.0.0.1')
    await once(other, 'listening')
    await new Promise((resolve) => other.close(resolve))
  }

  afterEach(async () => {
    await Promise.all(running.splice(0).map((telemetry) => telemetry.stop()))
    for (const server of servers.splice(0)) server.close()
  })

  it('has left its old port when a move is answered: others can bind it, and no client can connect', async () => {
    const telemetry = create({ prometheus: { port: 0 } })
    await startOpened(telemetry)
    telemetry.emit('job', { count: 1 })
    for (let i = 0; i < 5; i++) {
      const old = portOf(telemetry)
      await ask(old)
      await telemetry.config.put('prometheus.port', await freePort())
      await assert.rejects(ask(old, '/metrics', { agent: false }), { code: 'ECONNREFUSED' })
      await bind(old)
      assert.equal((await ask(portOf(telemetry))).status, 200)
    }
  })

  it('starts beside another process that has its port, and its status says so with a code', async () => {
    const port = await serve((_request, response) => response.end())
    const telemetry = create({ prometheus: { port } })
    await startOpened(telemetry)
    const { lastError, state } = telemetry.status().exporters.prometheus!
    assert.equal(lastError?.code, 'PORT_TAKEN')
    assert.match(lastError.message, new RegExp(`127\\.0\\.0\\.1:${port} is in use`))
    assert.notEqual(state, 'serving')
  })

  it('has left its port when it is disabled', async () => {
    const telemetry = create({ prometheus: { port: 0 } })
    await startOpened(telemetry)
    const port = portOf(telemetry)
    await telemetry.config.put('prometheus.enabled', false)
    await bind(port)
  })

  it('takes a page away from its own server, and gives it back', async () => {
    const telemetry = create({ prometheus: { port: 0 } })
    await startOpened(telemetry)
    const port = portOf(telemetry)
    const mounted = await serve(metricsHandler(telemetry))
    telemetry.emit('job', { count: 1 })
    await telemetry.config.put('prometheus.port', null)
    assert.deepEqual(telemetry.status().exporters.prometheus!.client.port, null)
    await bind(port)
    telemetry.emit('job', { count: 1 })
    assert.equal(parsePage((await ask(mounted)).body.toString()).value('job_total'), 2)
    await telemetry.config.put('prometheus.port', port)
    assert.equal(parsePage((await ask(port)).body.toString()).value('job_total'), 2)
    assert.equal((await ask(mounted)).status, 200)
  })

  it('shows its page on a server of the application, at any path and under any name', async () => {
    const telemetry = create({ prometheus: { port: null } })
    const mounted = await serve(metricsHandler(telemetry))
    assert.equal((await ask(mounted)).status, 503)
    await startOpened(telemetry)
    telemetry.emit('job', { count: 3, duration_ms: 5 }, { queue: 'mail' })
    const { headers, body } = await ask(mounted, '/internal/stats?x', { headers: { host: 'shop.example' } })
    assert.equal(headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8')
    assert.equal(parsePage(body.toString()).value('job_total', { queue: 'mail' }), 3)
    const accept = { accept: 'application/openmetrics-text; version=1.0.0', 'accept-encoding': 'gzip' }
    const open = await ask(mounted, '/', { headers: accept })
    assert.equal(open.headers['content-encoding'], 'gzip')
    assert.match(String(open.headers['content-type']), /openmetrics/)
    const head = await ask(mounted, '/', { method: 'HEAD' })
    assert.equal(head.body.length, 0)
    assert.ok(Number(head.headers['content-length']) > 0)
    const post = await ask(mounted, '/', { method: 'POST' })
    assert.deepEqual([post.status, post.headers.allow], [405, 'GET, HEAD'])
    await telemetry.config.put('prometheus.enabled', false)
    assert.equal((await ask(mounted)).status, 503)
    await telemetry.config.put('prometheus.enabled', true)
    assert.equal((await ask(mounted)).status, 200)
    await telemetry.stop()
    assert.equal((await ask(mounted)).status, 503)
  })

  it('is found by its id, and no other exporter is taken for it', async () => {
    const telemetry = create({ prom_eu: { type: 'prometheus', port: null }, mock: {} })
    await startOpened(telemetry)
    assert.equal((await ask(await serve(metricsHandler(telemetry, 'prom_eu')))).status, 200)
    assert.equal((await ask(await serve(metricsHandler(telemetry)))).status, 503)
    assert.equal((await ask(await serve(metricsHandler(telemetry, 'mock')))).status, 503)
    assert.throws(() => metricsHandler({ status: telemetry.status }), { code: 'TELEMETRY_INVALID' })
  })

  it('answers 100 pipelined scrapes without a warning, on its own server and on another', async () => {
    const warnings: Error[] = []
    const note = (warning: Error): void => void warnings.push(warning)
    process.on('warning', note)
    const telemetry = create({ prometheus: { port: 0 } })
    await startOpened(telemetry)
    const scrape = 'GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n'
    for (const port of [portOf(telemetry), await serve(metricsHandler(telemetry))]) {
      const text = await raw(port, scrape.repeat(100))
      assert.equal(text.match(/HTTP\/1\.1 200 OK/g)?.length, 100)
    }
    process.off('warning', note)
    assert.deepEqual(warnings, [])
  })

  it('counts as ignored what leaves no trace on the page', async () => {
    const telemetry = create({ prometheus: { port: 0, event_patterns: ['job*'] } })
    await startOpened(telemetry)
    for (const measurements of [{}, { value: 3 }, { count: 1n }, undefined])
      telemetry.emit('job', measurements as Record<string, number>)
    telemetry.emit('job', { count: 1 })
    await telemetry.flush()
    const { accepted, delivered, dropped } = telemetry.status().exporters.prometheus!.ledger
    assert.deepEqual({ accepted, delivered, dropped }, { accepted: 5, delivered: 1, dropped: { ignored: 4 } })
  })
})

/** A port that was free a moment ago. */
