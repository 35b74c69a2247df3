// Whatever is sent to the admin API by whoever has no right to it, or knows no HTTP: it gets a 4xx, the server goes
// on, and the configuration and the states are what they were.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import fc from 'fast-check'
import { createAdmin } from '../../src/admin/index.ts'
import { createTelemetry, mock } from '../../src/index.ts'
import { ask, canary, openSite, patch, rawly, type Site, token } from './site.ts'

const change = { method: 'PATCH', body: '{"mock.batch_size":3}' }
const json = { 'content-type': 'application/json' }

describe('admin API under attack', () => {
  let site: Site
  let before: string
  /** What an attack may not change. What a chart is delivering just then is no part of it. */
  const picture = () => {
    const { config, exporters } = site.telemetry.status()
    const states = Object.entries(exporters).map(([id, { state, breaker }]) => [id, state, breaker])
    return JSON.stringify([site.telemetry.config.explain(), states, config.version])
  }

  beforeEach(async () => {
    site = await openSite({ token, requestTimeoutMs: 300 })
    before = picture()
  })
  afterEach(async () => {
    assert.equal(picture(), before)
    assert.equal((await ask(site.url, '/healthz')).status, 200)
    await site.close()
  })

  it('refuses a foreign Host, as a page behind a rebound name sends it', async () => {
    const port = new URL(site.url).port
    for (const host of [
      'evil.example',
      `evil.example:${port}`,
      '10.0.0.1',
      'localhost.evil.example',
      '127.0.0.1@evil',
      'localhost:99999999',
      '[::1',
    ]) {
      for (const path of ['/', '/status', '/page/app.js', '/config']) {
        const { status } = await ask(site.url, path, { headers: { host } })
        assert.equal(status, 403, `${host} ${path}`)
      }
    }
    assert.match(
      await rawly(site.url, 'GET / HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n'),
      /^HTTP\/1.1 403 /,
    )
    for (const host of [`localhost:${port}`, `LOCALHOST:${port}`, '[::1]', '127.0.0.1'])
      assert.equal((await ask(site.url, '/status', { headers: { host } })).status, 200)
  })

  it('refuses what other origins and other sites send', async () => {
    const host = new URL(site.url).host
    for (const origin of [
      'http://evil.example',
      'null',
      `http://evil.${host}`,
      'http://localhost:1',
      `http://${host}.evil`,
      '',
    ]) {
      const headers = { ...json, origin }
      assert.equal((await ask(site.url, '/config', { ...change, headers })).status, 403, origin)
      assert.equal(
        (await ask(site.url, '/breakers/mock/force-open', { method: 'POST', headers: { origin } })).status,
        403,
      )
    }
    for (const site_ of ['cross-site', 'same-site'])
      assert.equal((await ask(site.url, '/status', { headers: { 'sec-fetch-site': site_ } })).status, 403)
    assert.equal((await ask(site.url, '/', { headers: { 'sec-fetch-site': 'cross-site' } })).status, 200)
    assert.equal((await ask(site.url, '/status', { headers: { origin: `http://${host}` } })).status, 200)
  })

  it('answers no preflight and no cross-origin reader', async () => {
    const { status, headers } = await ask(site.url, '/config', {
      method: 'OPTIONS',
      headers: { origin: 'http://evil.example', 'access-control-request-method': 'PATCH' },
    })
    assert.equal(status, 403)
    const fine = await ask(site.url, '/status')
    for (const answer of [headers, fine.headers])
      assert.deepEqual(
        Object.keys(answer).filter((name) => name.startsWith('access-control')),
        [],
      )
  })

  it('refuses wrong, cut, lengthened and misplaced tokens', async () => {
    const wrong = [
      null,
      '',
      'Bearer',
      'Bearer ',
      `Bearer ${token.slice(0, -1)}`,
      `Bearer ${token}x`,
      `Bearer x${token}`,
      `Basic ${token}`,
      token,
      `Bearer ${token} ${token}`,
      `Bearer ${token},`,
      `Bearer ${token.toUpperCase()}`,
      'Bearer \u00e9\u00e9',
    ]
    for (const authorization of wrong) {
      for (const path of [
        '/status',
        '/config',
        '/events',
        '/machines/exporter.svg',
        '/nothing',
        '/exporters/mock/restart',
      ]) {
        const { status, headers, text } = await ask(site.url, path, { authorization })
        assert.equal(status, 401, `${authorization} ${path}`)
        assert.match(String(headers['www-authenticate']), /^Bearer/)
        assert.ok(!text.includes(token))
      }
    }
    assert.equal(
      (await ask(site.url, `/status?token=${token}&access_token=${token}`, { authorization: null })).status,
      401,
    )
    assert.equal((await ask(site.url, '/status', { authorization: `bearer ${token}` })).status, 200)
  })

  it('takes a change only as JSON', async () => {
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data',
      'application/jsonx',
      'text/json',
      'application/json; charset=utf-16',
      '',
    ]) {
      const headers: Record<string, string> = type ? { 'content-type': type } : {}
      assert.equal((await ask(site.url, '/config', { ...change, headers })).status, 415, type)
      assert.equal(
        (await ask(site.url, '/exporters/mock/restart', { method: 'POST', body: '{}', headers })).status,
        415,
        type,
      )
    }
    assert.equal((await patch(site.url, '{}', { 'content-encoding': 'gzip' })).status, 415)
    for (const body of ['', '{', '[1', 'null1', '{"a":1}x', `${'['.repeat(30_000)}`])
      assert.equal((await patch(site.url, body)).status, 400, body.slice(0, 9))
    const notUtf8 = { method: 'PATCH', headers: json, body: Buffer.from([0x22, 0xff, 0x22]) }
    assert.equal((await ask(site.url, '/config', notUtf8)).status, 400)
    for (const body of ['null', '1', '"x"', '[]', '[{"mock.batch_size":3}]', 'true'])
      assert.equal((await patch(site.url, body)).status, 422, body)
  })

  it('pollutes no prototype', async () => {
    const bodies = [
      '{"__proto__":{"polluted":1}}',
      '{"constructor.prototype.polluted":1}',
      '{"telemetry.__proto__.polluted":1}',
      '{"mock":{"__proto__":{"polluted":1}}}',
      '{"mock.__proto__":{"polluted":1}}',
      '{"telemetry":{"constructor":{"prototype":{"polluted":1}}}}',
    ]
    for (const body of bodies) assert.equal((await patch(site.url, body)).status, 422, body)
    assert.equal(({} as Record<string, unknown>).polluted, undefined)
    for (const id of [
      '__proto__',
      'constructor',
      'prototype',
      'toString',
      'hasOwnProperty',
      '%5f%5fproto%5f%5f',
    ])
      for (const path of [
        `/exporters/${id}/restart`,
        `/breakers/${id}/reset`,
        `/${id}`,
        `/machines/${id}.svg`,
        `/breakers/mock/${id}`,
        `/${id}/mock/reset`,
      ])
        assert.equal((await ask(site.url, path, { method: 'POST' })).status, 404, path)
    assert.equal(site.telemetry.config.get('mock.batch_size'), 512)
  })

  it('serves no file but its own', async () => {
    const paths = [
      '/../package.json',
      '/page/../../package.json',
      '/page/%2e%2e/%2e%2e/package.json',
      '/machines/../../package.json.svg',
      '/page/..%2f..%2fpackage.json',
      '/machines/..%5c..%5cpackage.json',
      '/page/',
      '/page',
      '/page/app.js/',
      '/machines/exporter.json',
      '/machines/exporter.svg%00.svg',
      '/page//app.js',
      '/./page/app.js',
      '/src/admin/admin.ts',
    ]
    for (const path of paths) assert.equal((await ask(site.url, path)).status, 404, path)
    for (const path of ['//evil.example/', '//status', 'http://evil.example/status', '*', 'status'])
      assert.match(
        await rawly(
          site.url,
          `GET ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\nConnection: close\r\n\r\n`,
        ),
        /^HTTP\/1.1 400 /,
        path,
      )
  })

  it('reads at most 64 KiB, however they are sent', async () => {
    const filler = `"${'x'.repeat(64 * 1024)}"`
    assert.equal((await patch(site.url, `{"mock.batch_size":${filler}}`)).status, 413)
    const chunked = `PATCH /config HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`
    const chunk = `4000\r\n${'x'.repeat(0x4000)}\r\n`
    assert.match(await rawly(site.url, chunked + chunk.repeat(6)), /^HTTP\/1.1 413 /)
    assert.match(
      await rawly(site.url, chunked.replace('Transfer-Encoding: chunked', 'Content-Length: 99999999999')),
      /^HTTP\/1.1 413 /,
    )
    const just = `{"mock.batch_size":0${' '.repeat(64 * 1024 - 21)}}`
    assert.equal((await patch(site.url, just)).status, 422)
  })

  it('waits neither for slow bodies nor for slow headers', async () => {
    const slowBody = `PATCH /config HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"mock`
    assert.match(await rawly(site.url, slowBody), /^HTTP\/1.1 408 /)
    assert.match(await rawly(site.url, 'GET /status HTTP/1.1\r\nHost: local'), /^HTTP\/1.1 408 /)
  })

  it('survives those who leave in the middle', async () => {
    const port = Number(new URL(site.url).port)
    const head = `Host: localhost\r\nAuthorization: Bearer ${token}\r\n`
    const beginnings = [
      `PATCH /config HTTP/1.1\r\n${head}Content-Type: application/json\r\nContent-Length: 500\r\n\r\n{"mock`,
      `GET /events HTTP/1.1\r\n${head}\r\n`,
      `GET /config HTTP/1.1\r\n${head}\r\n`,
    ]
    for (const bytes of beginnings) {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => {})
      await once(socket, 'connect')
      socket.write(bytes)
      await new Promise((resolve) => setImmediate(resolve))
      socket.resetAndDestroy()
      await once(socket, 'close')
    }
  })

  it('survives nonsense', async () => {
    const head = 'Host: localhost\r\n'
    const nonsense = [
      '\r\n\r\n\0\0\0',
      'GET\r\n\r\n',
      'GET /status HTTP/9.9\r\n\r\n',
      `GET /status HTTP/1.1\r\n\r\n`,
      `GET /status HTTP/1.1\r\n${head}Host: evil.example\r\nConnection: close\r\n\r\n`,
      `POST /exporters/mock/restart HTTP/1.1\r\n${head}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      `CONNECT evil.example:443 HTTP/1.1\r\n${head}\r\n`,
      `GET /events HTTP/1.1\r\n${head}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
      `GET /status HTTP/1.1\r\n${head}X: ${'x'.repeat(20_000)}\r\n\r\n`,
    ]
    for (const bytes of nonsense)
      assert.match(await rawly(site.url, bytes), /^HTTP\/1.1 4\d\d /, JSON.stringify(bytes.slice(0, 60)))
  })

  it('answers any request with a 4xx that is not a right one', async () => {
    const segment = fc.oneof(
      fc.constantFrom(
        'status',
        'config',
        'exporters',
        'breakers',
        'mock',
        'restart',
        'page',
        '..',
        '%2e%2e',
        '__proto__',
        '%',
        '%00',
        'é',
        '~',
      ),
      fc.webSegment(),
    )
    const request = fc.record({
      method: fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'),
      path: fc.array(segment, { maxLength: 5 }).map((parts) => `/x/${parts.map(encodeURI).join('/')}`),
      body: fc.option(fc.string({ maxLength: 200 }), { nil: undefined }),
      headers: fc.dictionary(
        fc.constantFrom('content-type', 'origin', 'x-forwarded-for', 'range', 'cookie'),
        fc.constantFrom('a', 'null', 'application/json', 'bytes=0-'),
      ),
    })
    await fc.assert(
      fc.asyncProperty(request, async ({ path, ...rest }) => {
        const { status } = await ask(site.url, path, rest)
        assert.ok(status >= 400 && status < 500, `${rest.method} ${path}: ${status}`)
      }),
      { numRuns: 150 },
    )
  })

  it('shows no secret, whatever was put', async () => {
    const sent = `canary-${'z'.repeat(12)}`
    const answers = [
      await patch(site.url, { 'mock.api_key': { [sent]: sent } }),
      await patch(site.url, { 'mock.api_key': `${sent}\u0000`, 'mock.batch_size': 0 }),
      await ask(site.url, '/config'),
      await ask(site.url, '/status?history'),
      await ask(site.url, '/'),
      await ask(site.url, '/machines/exporter.svg'),
    ]
    for (const { text } of answers) assert.ok(!text.includes(canary) && !text.includes(token))
    for (const { text } of answers.slice(2)) assert.ok(!text.includes(sent))
  })

  it('is open to operators beside 600 connections that say nothing, or not enough', async () => {
    const port = Number(new URL(site.url).port)
    const sockets = Array.from({ length: 600 }, (_, i) => {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => {})
      if (i % 2) socket.write('GET /status HTTP/1.1\r\nHost: loc')
      return socket
    })
    await Promise.all(sockets.map((socket) => Promise.race([once(socket, 'connect'), once(socket, 'close')])))
    for (let i = 0; i < 5; i++) assert.equal((await ask(site.url, '/status')).status, 200)
    for (const socket of sockets) socket.destroy()
  })

  it('answers 100 pipelined requests, without a warning', async () => {
    const warnings: Error[] = []
    const note = (warning: Error): void => void warnings.push(warning)
    process.on('warning', note)
    for (const path of ['/status', '/config', '/']) {
      const request = `GET ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n`
      const text = await rawly(site.url, `${`${request}\r\n`.repeat(99)}${request}Connection: close\r\n\r\n`)
      assert.equal(text.match(/HTTP\/1\.1 200 OK/g)?.length, 100, path)
    }
    process.off('warning', note)
    assert.deepEqual(warnings, [])
  })

  it('limits its streams', async () => {
    const cut = new AbortController()
    const open = () =>
      fetch(new URL('events', site.url), {
        headers: { authorization: `Bearer ${token}` },
        signal: cut.signal,
      })
    const streams = await Promise.all(Array.from({ length: 16 }, open))
    assert.ok(streams.every(({ status }) => status === 200))
    assert.equal((await open()).status, 503)
    cut.abort()
  })

  it('hardens every answer', async () => {
    for (const path of ['/', '/status', '/nothing', '/page/style.css', '/machines/breaker.svg']) {
      const { headers } = await ask(site.url, path)
      assert.match(String(headers['content-security-policy']), /default-src 'none'/)
      assert.match(String(headers['content-security-policy']), /frame-ancestors 'none'/)
      assert.equal(headers['x-content-type-options'], 'nosniff')
      assert.equal(headers['cache-control'], 'no-store')
      assert.equal(headers['x-frame-options'], 'DENY')
      assert.equal(headers['referrer-policy'], 'no-referrer')
    }
    assert.doesNotMatch(
      String((await ask(site.url, '/')).headers['content-security-policy']),
      /unsafe|http|\*/,
    )
  })
})

describe('who may do without a token', () => {
  const telemetry = createTelemetry({ types: [mock()], config: { env: {} }, drainOnExit: false })
  after(() => telemetry.stop())

  it('is nobody by default', () => {
    assert.throws(() => createAdmin(telemetry), { code: 'ADMIN_TOKEN_REQUIRED' })
    for (const bad of ['', 'two words', 'ü', 'x'.repeat(2000)])
      assert.throws(() => createAdmin(telemetry, { token: bad }), { code: 'ADMIN_TOKEN_INVALID' })
  })

  it('is nobody beyond loopback', async () => {
    const admin = createAdmin(telemetry, { allowUnauthenticatedLoopback: true, host: '0.0.0.0' })
    await assert.rejects(admin.listen(), { code: 'ADMIN_TOKEN_REQUIRED' })
    await admin.close()
  })

  it('is this machine when it was waived, but none a proxy on it speaks for, and no other site', async () => {
    const site = await openSite({ allowUnauthenticatedLoopback: true })
    const anonymous = (headers = {}) => ask(site.url, '/status', { authorization: null, headers })
    assert.equal((await anonymous()).status, 200)
    assert.equal((await anonymous({ 'x-forwarded-for': '10.0.0.9' })).status, 401)
    assert.equal((await anonymous({ via: '1.1 proxy' })).status, 401)
    assert.equal((await anonymous({ host: 'evil.example' })).status, 403)
    assert.equal((await anonymous({ origin: 'http://evil.example' })).status, 403)
    assert.equal((await ask(site.url, '/status', { authorization: 'Bearer guess' })).status, 401)
    await site.close()
  })

  it('says which port is taken', async () => {
    const site = await openSite()
    const admin = createAdmin(telemetry, { token, port: Number(new URL(site.url).port) })
    await assert.rejects(admin.listen(), { code: 'PORT_TAKEN' })
    await Promise.all([admin.close(), site.close()])
  })
})
