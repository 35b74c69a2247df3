// The spans and the metrics of requests that a node:http server receives, however they end.
import assert from 'node:assert/strict'
import { channel, hasSubscribers } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { Agent, get, type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { bridgeHttpServer, setRoute } from '../../src/bridges/index.ts'
import { atEnd, endAll, named, serve, startRig, until } from './harness.ts'

const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
const success = 'http.server.request.success'
const failure = 'http.server.request.error'

async function read(url: string, options: object = {}): Promise<IncomingMessage> {
  const [response] = (await once(get(url, options), 'response')) as [IncomingMessage]
  response.resume()
  await once(response, 'end')
  return response
}

describe('the bridge of HTTP servers', () => {
  afterEach(endAll)

  it('makes a server span of a request, named after its route, with the standard attributes', async () => {
    const { telemetry, spans } = await startRig()
    atEnd(bridgeHttpServer(telemetry))
    const { url, port } = await serve((request, response) => {
      setRoute(request, '/users/:id')
      response.writeHead(201).end('made')
    })
    const headers = { traceparent, tracestate: 'a=1', 'user-agent': 'test' }
    await read(`${url}/users/7?token=secret`, { headers })
    const [span] = await spans()
    assert.ok(span)
    assert.deepEqual([span.name, span.kind, span.status.code], ['GET /users/:id', 2, 0])
    assert.deepEqual([span.traceId, span.parentSpanId], traceparent.split('-').slice(1, 3))
    assert.equal(span.traceState, 'a=1')
    const { correlation_id, duration_ms, ...attributes } = span.attributes
    assert.ok(typeof duration_ms === 'number' && correlation_id !== undefined)
    assert.deepEqual(attributes, {
      'http.request.method': 'GET',
      'http.response.status_code': 201,
      'http.route': '/users/:id',
      'network.peer.address': '127.0.0.1',
      'network.protocol.version': '1.1',
      'server.address': '127.0.0.1',
      'server.port': port,
      'url.path': '/users/7',
      'url.scheme': 'http',
      'user_agent.original': 'test',
    })
  })

  it('counts and times requests by method, route and status, and makes no label of a path', async () => {
    const { telemetry, lines } = await startRig()
    atEnd(bridgeHttpServer(telemetry))
    const { url } = await serve((request, response) => {
      if (request.url !== '/lost') setRoute(request, '/users/:id')
      response.writeHead(request.url === '/lost' ? 404 : request.url === '/users/9' ? 503 : 200).end()
    })
    for (const path of ['/users/1', '/users/2', '/users/9', '/lost']) await read(url + path)
    await read(url, { method: 'PROPFIND' })
    const counts = async (name: string): Promise<string[]> =>
      (await lines(`${name}_duration_seconds_count`)).map((line) => line.replace(/^\w+/, ''))
    const route = 'http_route="/users/:id"'
    assert.deepEqual(await counts('http_server_request_success'), [
      `{http_request_method="GET",http_response_status_code="200",${route},url_scheme="http"} 2`,
      '{http_request_method="GET",http_response_status_code="404",url_scheme="http"} 1',
      `{http_request_method="_OTHER",http_response_status_code="200",${route},url_scheme="http"} 1`,
    ])
    assert.deepEqual(await counts('http_server_request_error'), [
      `{error_type="503",http_request_method="GET",http_response_status_code="503",${route},url_scheme="http"} 1`,
    ])
  })

  it('is the parent of what runs in the handler, of each of many concurrent requests', async () => {
    const { telemetry, spans } = await startRig()
    atEnd(bridgeHttpServer(telemetry))
    const { url } = await serve(async (request, response) => {
      await new Promise((resolve) => setImmediate(resolve))
      const body: Buffer[] = []
      request.on('data', (chunk: Buffer) => body.push(chunk))
      request.on('end', () => {
        telemetry.span('work', { of: request.url! }, () => {})
        response.end(Buffer.concat(body))
      })
    })
    const agent = new Agent({ keepAlive: true, maxSockets: 7 })
    atEnd(() => agent.destroy())
    const post = async (i: number): Promise<void> => {
      const asked = request(`${url}/${i}`, { agent, method: 'POST' })
      asked.write('a')
      setImmediate(() => asked.end('b'))
      const [response] = (await once(asked, 'response')) as [IncomingMessage]
      response.resume()
      await once(response, 'end')
    }
    await Promise.all(Array.from({ length: 100 }, (_, i) => post(i)))
    const all = await spans()
    const servers = new Map(all.filter(({ kind }) => kind === 2).map((span) => [span.spanId, span]))
    const works = all.filter(({ name }) => name === 'work')
    assert.deepEqual([servers.size, works.length], [100, 100])
    assert.equal(new Set([...servers.values()].map(({ traceId }) => traceId)).size, 100)
    for (const { parentSpanId, attributes } of works)
      assert.equal(servers.get(parentSpanId)?.attributes['url.path'], attributes.of)
  })

  it('is not a child of the span in which the server was made, nor of the request before', async () => {
    const { telemetry, spans } = await startRig()
    atEnd(bridgeHttpServer(telemetry))
    const { url } = await telemetry.span('boot', () => serve((_, response) => response.end()))
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    atEnd(() => agent.destroy())
    for (let i = 0; i < 3; i++) await read(url, { agent })
    const servers = (await spans()).filter(({ kind }) => kind === 2)
    assert.deepEqual(
      servers.map(({ parentSpanId }) => parentSpanId),
      ['', '', ''],
    )
  })

  it('ends requests whose client goes away as errors, pipelined ones too, once each', async () => {
    const { telemetry, events } = await startRig()
    atEnd(bridgeHttpServer(telemetry))
    let arrived = 0
    const { port } = await serve((request, response) => {
      arrived++
      if (request.url === '/half') response.write('some')
    })
    for (const paths of [['/never', '/second'], ['/half']]) {
      const before = arrived
      const socket = connect(port, '127.0.0.1')
      socket.write(paths.map((path) => `GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`).join(''))
      await until(() => arrived === before + paths.length)
      socket.destroy()
    }
    await until(() => named(events, failure).length === 3)
    assert.deepEqual(
      named(events, failure).map(({ metadata }) => [
        metadata['error.type'],
        metadata['http.response.status_code'],
      ]),
      [
        ['aborted', undefined],
        ['aborted', undefined],
        ['aborted', 200],
      ],
    )
    assert.equal(named(events, success).length, 0)
  })

  it('answers pipelined requests each with a span of its own', async () => {
    const { telemetry, events } = await startRig()
    atEnd(bridgeHttpServer(telemetry))
    const { port } = await serve((request, response) => {
      setImmediate(() => {
        telemetry.emit('inside', {}, { path: request.url })
        response.end()
      })
    })
    const socket = connect(port, '127.0.0.1')
    atEnd(() => socket.destroy())
    socket.write('GET /1 HTTP/1.1\r\nhost: a\r\n\r\nGET /2 HTTP/1.1\r\nhost: a\r\n\r\n')
    await until(() => named(events, success).length === 2)
    const starts = named(events, 'http.server.request.start')
    assert.deepEqual(
      named(events, 'inside').map(({ scope }) => scope?.spanId),
      starts.map(({ scope }) => scope?.spanId),
    )
  })

  it('leaves upgrades, requests to ignore and telemachine’s own page alone', async () => {
    const { telemetry, events, lines } = await startRig()
    atEnd(bridgeHttpServer(telemetry, { ignore: ({ url }) => url === '/health' }))
    const { url, port, server } = await serve((_, response) => {
      telemetry.emit('handled')
      response.end()
    })
    server.on('upgrade', (_, socket) => socket.end('HTTP/1.1 101 Switching Protocols\r\n\r\n'))
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    atEnd(() => agent.destroy())
    await read(url, { agent })
    await read(`${url}/health`, { agent })
    const socket = connect(port, '127.0.0.1')
    socket.write('GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n')
    await once(socket.resume(), 'close')
    await lines('')
    assert.equal(named(events, 'http.server.request.start').length, 1)
    assert.deepEqual(
      named(events, 'handled').map(({ scope }) => scope?.name),
      ['http.server.request', undefined],
    )
  })

  it('ends a request that was under way when it was unsubscribed, and hears nothing afterwards', async () => {
    const { telemetry, events } = await startRig()
    const unsubscribe = bridgeHttpServer(telemetry)
    let finish = (): void => {}
    const { url, server } = await serve((request, response) => {
      if (request.url === '/slow') finish = () => response.end()
      else {
        telemetry.emit('later')
        response.end()
      }
    })
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const slow = read(`${url}/slow`, { agent })
    await until(() => named(events, 'http.server.request.start').length === 1)
    unsubscribe()
    unsubscribe()
    finish()
    await slow
    // The same connection: nothing of the span before is left on it.
    await read(url, { agent })
    assert.deepEqual(
      [named(events, success).length, named(events, 'http.server.request.start').length],
      [1, 1],
    )
    assert.equal(named(events, 'later')[0]!.scope, undefined)
    agent.destroy()
    await new Promise((resolve) => server.close(resolve))
    await until(() => !hasSubscribers('http.server.request.start'))
    assert.equal(hasSubscribers('http.server.response.finish'), false)
  })

  it('can be made again after it was unsubscribed, and only once at a time', async () => {
    const { telemetry } = await startRig()
    const unsubscribe = bridgeHttpServer(telemetry)
    assert.throws(() => bridgeHttpServer(telemetry), { code: 'BRIDGE_EXISTS' })
    unsubscribe()
    bridgeHttpServer(telemetry)()
    assert.throws(() => bridgeHttpServer({ span: telemetry.span }), { code: 'TELEMETRY_INVALID' })
  })

  it('does nothing while its events have no subscriber, and after the stop', async () => {
    const { telemetry } = await startRig()
    telemetry.detach('all')
    atEnd(bridgeHttpServer(telemetry))
    const { url } = await serve((_, response) => response.end())
    await telemetry.config.put({ 'otel.enabled': false, 'prometheus.enabled': false })
    // What was reported about the change has been emitted then.
    await read(url)
    const before = telemetry.status().bus.emitted
    await read(url)
    assert.equal(telemetry.status().bus.emitted, before)
    await telemetry.stop()
    await read(url)
    assert.equal(telemetry.status().bus.dropped.stopped, 0)
  })

  it('disturbs no server when functions of the application throw: it counts them, and logs the first', async () => {
    const warnings: unknown[] = []
    const logger = { debug() {}, info() {}, warn: (...parts: unknown[]) => warnings.push(parts), error() {} }
    const { telemetry, events } = await startRig({}, logger)
    const broken = (): never => {
      throw new Error('broken')
    }
    atEnd(bridgeHttpServer(telemetry, { ignore: broken, attributes: broken, labels: broken, route: broken }))
    const { url } = await serve((_, response) => response.end('well'))
    for (let i = 0; i < 2; i++) assert.equal((await read(url)).statusCode, 200)
    await until(() => named(events, 'telemetry.handler.failed').length === 8)
    const { handler, error } = named(events, 'telemetry.handler.failed')[0]!.metadata
    assert.deepEqual([handler, error], ['bridge:http.server', { type: 'Error', message: 'broken' }])
    assert.equal(named(events, success).length, 2)
    assert.equal(warnings.length, 1)
  })

  it('disturbs no publisher with messages that are not what Node.js publishes', async () => {
    const { telemetry, events } = await startRig()
    atEnd(bridgeHttpServer(telemetry))
    const thrown: unknown[] = []
    const note = (error: unknown): void => void thrown.push(error)
    process.once('uncaughtException', note)
    for (const message of [undefined, 7, {}, { request: {}, response: {}, socket: {}, server: {} }])
      for (const name of ['http.server.request.start', 'http.server.response.finish'])
        channel(name).publish(message)
    await until(() => named(events, 'telemetry.handler.failed').length >= 6)
    process.off('uncaughtException', note)
    assert.deepEqual(thrown, [])
  })

  it('feeds two telemetry systems side by side', async () => {
    const one = await startRig()
    const two = await startRig()
    atEnd(bridgeHttpServer(one.telemetry))
    atEnd(bridgeHttpServer(two.telemetry, { ignore: () => true }))
    const { url } = await serve((_, response) => {
      one.telemetry.emit('inside')
      response.end()
    })
    await read(url)
    assert.equal(named(one.events, 'inside')[0]!.scope?.name, 'http.server.request')
    assert.equal(named(two.events, 'http.server.request.start').length, 0)
  })

  it('names at most 1,000 routes, so that paths that were taken for routes become no labels', async () => {
    const { telemetry, events } = await startRig()
    atEnd(bridgeHttpServer(telemetry, { route: ({ url }) => url }))
    const { url } = await serve((_, response) => response.end())
    const agent = new Agent({ keepAlive: true })
    atEnd(() => agent.destroy())
    for (let i = 0; i < 1010; i++) await read(`${url}/${i}`, { agent })
    const routes = named(events, success).map(({ metadata }) => metadata['http.route'])
    assert.deepEqual([new Set(routes).size, routes.at(-1), routes[0]], [1001, undefined, '/0'])
  })
})
