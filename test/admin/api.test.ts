// The admin API says what is in force and changes it, in the telemetry system's own words: what it answers is what
// the system says, and a change it refuses changes nothing.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdmin } from '../../src/admin/index.ts'
import { createTelemetry, type PutResult, prometheus } from '../../src/index.ts'
import { ask, canary, openSite, patch, type Site, token } from './site.ts'

type ValueChange = PutResult['changes'][number]

describe('admin API', () => {
  let site: Site
  beforeEach(async () => {
    site = await openSite()
  })
  afterEach(() => site.close())

  it('answers the status, with the history when asked', async () => {
    const plain = await ask(site.url, '/status')
    assert.equal(plain.status, 200)
    assert.equal(plain.json().system, 'running')
    assert.equal(plain.json().exporters.mock.state, 'serving')
    assert.equal(plain.json().history, undefined)
    assert.ok(Array.isArray((await ask(site.url, '/status?history')).json().history))
  })

  it('explains the configuration without its secrets', async () => {
    const { status, text, json } = await ask(site.url, '/config')
    assert.equal(status, 200)
    assert.deepEqual(json(), JSON.parse(JSON.stringify(site.telemetry.config.explain())))
    assert.ok(!text.includes(canary))
  })

  it('applies a document of paths and values, and answers with the difference', async () => {
    const { status, json } = await patch(site.url, {
      'telemetry.mock.batch_size': 7,
      'mock.flush_interval': 0.5,
    })
    assert.equal(status, 200)
    assert.equal(json().version, site.telemetry.status().config.version)
    const values = json().changes.map((change: ValueChange) => [change.path, change.newValue])
    assert.deepEqual(Object.fromEntries(values), {
      'telemetry.mock.batch_size': 7,
      'telemetry.mock.flush_interval': 0.5,
    })
    assert.equal(site.telemetry.config.get('mock.batch_size'), 7)
    assert.equal(site.telemetry.status().config.accepted?.source, 'admin')
  })

  it('declares metrics while the system runs', async () => {
    const metrics = [{ event: 'job.*', type: 'counter', name: 'jobs', tags: ['queue'] }]
    const path = 'telemetry.prometheus.metrics'
    const added = await patch(site.url, { 'telemetry.prometheus.port': 0, [path]: metrics })
    assert.equal(added.status, 200, added.text)
    const shown = (await ask(site.url, '/config')).json().find((one: { path: string }) => one.path === path)
    assert.deepEqual(shown.value, metrics)
    const refused = await patch(site.url, { [path]: [{ ...metrics[0], type: 'summary' }] })
    assert.equal(refused.status, 422)
    assert.match(refused.text, /metrics\[0\]\.type/)
    assert.deepEqual(site.telemetry.config.get(path), metrics)
  })

  it('refuses a document as a whole, with every problem', async () => {
    const before = site.telemetry.config.explain()
    const { status, json } = await patch(site.url, {
      'mock.batch_size': 0,
      'mock.nothing': 1,
      'mock.queue_size': 50,
    })
    assert.equal(status, 422)
    assert.deepEqual(
      json()
        .problems.map(({ path }: { path: string }) => path)
        .sort(),
      ['telemetry.mock.batch_size', 'telemetry.mock.nothing'],
    )
    assert.deepEqual(site.telemetry.config.explain(), before)
  })

  it('removes what was put at runtime, so that the layer below is in force again', async () => {
    await patch(site.url, { 'mock.batch_size': 7 })
    const { status, json } = await ask(site.url, '/config/telemetry.mock.batch_size', { method: 'DELETE' })
    assert.equal(status, 200)
    assert.equal(json().version, site.telemetry.status().config.version)
    assert.deepEqual(
      json().changes.map(({ path, oldValue, newValue }: ValueChange) => [path, oldValue, newValue]),
      [['telemetry.mock.batch_size', 7, 512]],
    )
    assert.equal(site.telemetry.config.get('mock.batch_size'), 512)
    assert.equal(site.telemetry.status().config.accepted?.source, 'admin')
    const again = await ask(site.url, '/config/mock.batch_size', { method: 'DELETE' })
    assert.deepEqual([again.status, again.json().changes], [200, []])
  })

  it('refuses to remove an unknown key, or one that it may not change', async () => {
    const before = site.telemetry.config.explain()
    const remove = (path: string, more = {}) => ask(site.url, path, { method: 'DELETE', ...more })
    for (const path of ['mock.nothing', '__proto__', 'mock.__proto__.x', 'x'.repeat(300), '%2e', 'mock.'])
      assert.equal((await remove(`/config/${path}`)).status, 422, path)
    for (const path of ['telemetry', 'allowed_destinations', 'telemetry.allowed_destinations'])
      assert.equal((await remove(`/config/${path}`)).status, 422, path)
    assert.equal((await remove('/config/mock/batch_size')).status, 404)
    assert.equal((await remove('/config')).status, 405)
    assert.equal((await remove('/config/mock.batch_size', { authorization: null })).status, 401)
    const headers = { origin: 'http://evil.example' }
    assert.equal((await remove('/config/mock.batch_size', { headers })).status, 403)
    const wrong = await ask(site.url, '/config/mock.batch_size')
    assert.deepEqual([wrong.status, wrong.headers.allow], [405, 'DELETE'])
    assert.deepEqual(site.telemetry.config.explain(), before)
  })

  it('holds changes to the rules for those who speak through a network', async () => {
    const { status, json } = await patch(site.url, { allowed_destinations: ['*'] })
    assert.equal(status, 422)
    assert.match(json().problems[0].path, /allowed_destinations/)
  })

  it('commands breakers and exporters', async () => {
    const post = (path: string) => ask(site.url, path, { method: 'POST' })
    assert.equal((await post('/breakers/mock/force-open')).json().breaker, 'forced_open')
    assert.equal((await post('/breakers/mock/disable')).json().breaker, 'disabled')
    assert.equal((await post('/breakers/mock/reset')).json().breaker, 'closed')
    site.telemetry.emit('job.start', {}, {})
    const flushed = await post('/exporters/mock/flush')
    assert.equal(flushed.json().complete, true)
    assert.equal(flushed.json().ledger.pending.queued, 0)
    assert.equal((await post('/exporters/mock/restart')).status, 200)
    assert.equal((await post('/exporters/nobody/restart')).status, 404)
  })

  it('refuses commands once telemetry has stopped, and still shows its status', async () => {
    await site.telemetry.stop()
    assert.equal((await ask(site.url, '/breakers/mock/reset', { method: 'POST' })).status, 409)
    assert.equal((await patch(site.url, { 'mock.batch_size': 7 })).status, 409)
    assert.equal((await ask(site.url, '/status')).json().system, 'stopped')
    assert.equal((await ask(site.url, '/readyz', { authorization: null })).status, 503)
    assert.equal((await ask(site.url, '/healthz', { authorization: null })).status, 200)
  })

  it('tells probes whether it is alive and ready, without a token', async () => {
    const health = await ask(site.url, '/healthz', {
      authorization: null,
      headers: { host: '10.1.2.3:8080' },
    })
    assert.equal(health.status, 200)
    assert.deepEqual((await ask(site.url, '/readyz', { authorization: null })).json(), { status: 'ready' })
  })

  it('answers HEAD as GET without a body, 404 and 405', async () => {
    const head = await ask(site.url, '/status', { method: 'HEAD' })
    assert.equal(head.status, 200)
    assert.equal(head.text, '')
    assert.equal((await ask(site.url, '/events', { method: 'HEAD' })).status, 200)
    assert.equal((await ask(site.url, '/nothing')).status, 404)
    const wrong = await ask(site.url, '/config', { method: 'DELETE' })
    assert.equal(wrong.status, 405)
    assert.equal(wrong.headers.allow, 'GET, HEAD, PATCH')
  })

  it('streams what changes, and nothing secret', async () => {
    const cut = new AbortController()
    const response = await fetch(new URL('events', site.url), {
      headers: { authorization: `Bearer ${token}` },
      signal: cut.signal,
    })
    assert.equal(response.headers.get('content-type'), 'text/event-stream; charset=utf-8')
    let text = ''
    const decoder = new TextDecoder()
    const reader = response.body!.getReader()
    const until = async (pattern: RegExp): Promise<void> => {
      while (!pattern.test(text)) text += decoder.decode((await reader.read()).value, { stream: true })
    }
    await until(/event: history/)
    site.telemetry.breaker('mock').forceOpen()
    await until(/"breaker":"forced_open"/)
    await until(/event: history\n.*"to":"forced_open"/)
    await patch(site.url, { 'mock.batch_size': 9 })
    await until(/event: config\n.*"source":"admin"/)
    assert.ok(!text.includes(canary))
    cut.abort()
  })

  it('ends its streams when it is closed, and answers no more', async () => {
    const response = await fetch(new URL('events', site.url), {
      headers: { authorization: `Bearer ${token}` },
    })
    const ended = response.text().catch(() => 'cut')
    await site.admin.close()
    await ended
    await assert.rejects(ask(site.url, '/status'))
    await assert.rejects(site.admin.listen(), { code: 'ADMIN_CLOSED' })
  })
})

describe('admin API, of what sends nothing', () => {
  it('refuses to command a breaker that a pulled exporter does not have', async () => {
    const telemetry = createTelemetry({
      types: [prometheus()],
      config: { env: {}, init: { prometheus: { port: 0 } } },
      drainOnExit: false,
    })
    await telemetry.start()
    const admin = createAdmin(telemetry, { token })
    const { url } = await admin.listen()
    for (const verb of ['force-open', 'disable', 'reset']) {
      const { status, json } = await ask(url, `/breakers/prometheus/${verb}`, { method: 'POST' })
      assert.deepEqual([status, json().error.code], [409, 'BREAKER_UNUSED'], verb)
    }
    assert.equal(telemetry.status().exporters.prometheus!.breaker, 'disabled')
    await admin.close()
    await telemetry.stop()
  })
})

describe('admin API, mounted', () => {
  it('works below a base path, and where a framework strips it and reads bodies', async () => {
    const site = await openSite()
    const below = createAdmin(site.telemetry, { token, basePath: '/admin/' })
    const stripped = createAdmin(site.telemetry, { token })
    const server = createServer(async (request, response) => {
      if (!request.url?.startsWith('/express')) return below.handler(request, response)
      const mounted = Object.assign(request, {
        originalUrl: request.url,
        url: request.url.slice('/express'.length) || '/',
      })
      if (request.method === 'PATCH') {
        const chunks: Buffer[] = []
        for await (const chunk of request) chunks.push(chunk)
        Object.assign(request, { body: JSON.parse(Buffer.concat(chunks).toString()) })
      }
      stripped.handler(mounted, response)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    try {
      for (const base of ['/admin', '/express']) {
        assert.equal((await ask(url, `${base}/status`)).status, 200)
        assert.equal((await ask(url, base)).headers.location, `${base.slice(1)}/`)
        const change = {
          method: 'PATCH',
          headers: { 'content-type': 'application/json' },
          body: '{"mock.batch_size":3}',
        }
        assert.equal((await ask(url, `${base}/config`, change)).status, 200)
      }
      assert.equal((await ask(url, '/status')).status, 404)
      assert.equal((await ask(url, '/adminstatus')).status, 404)
    } finally {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await Promise.all([below.close(), stripped.close(), site.close()])
    }
  })
})
