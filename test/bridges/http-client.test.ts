// The spans of requests that the process makes, with node:http and with fetch; and what they tell the services they ask.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { get, type IncomingHttpHeaders, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { context, createContextKey } from '@opentelemetry/api'
import { bridgeAll, bridgeHttpClient, bridgeHttpServer, bridgeUndici } from '../../src/bridges/index.ts'
import { asyncContextManager } from '../opentelemetry/context-manager.ts'
import { atEnd, endAll, named, type Rig, serve, startRig, tellsOfNewRequests, until } from './harness.ts'

const success = 'http.client.request.success'
const failure = 'http.client.request.error'

/** A service that answers with the status its path says, and what it was sent. */
async function echo() {
  const headers: IncomingHttpHeaders[] = []
  const service = await serve((asked, response) => {
    headers.push(asked.headers)
    const status = Number(asked.url!.slice(1, 4))
    if (asked.url === '/cut') {
      response.writeHead(200, { 'content-length': 100 }).write('a')
      setImmediate(() => response.destroy())
    } else if (asked.url !== '/never') response.writeHead(status || 200).end('answer')
  })
  return { ...service, headers }
}

async function byHttp(url: string, options: object = {}): Promise<number> {
  const asked = get(url, options)
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  response.resume()
  await once(asked, 'close')
  return response.statusCode!
}

async function byFetch(url: string, options: RequestInit = {}): Promise<number> {
  const response = await fetch(url, options)
  await response.text()
  return response.status
}

const clients = [
  { name: 'node:http', bridge: bridgeHttpClient, ask: byHttp, injects: tellsOfNewRequests },
  { name: 'fetch', bridge: bridgeUndici, ask: byFetch, injects: true },
] as const

const endsOf = ({ events }: Rig): unknown[] =>
  events
    .filter(({ name }) => name === success || name === failure)
    .map(({ name, metadata }) => [
      name.slice(name.lastIndexOf('.') + 1),
      metadata['http.response.status_code'],
      metadata['error.type'],
    ])

for (const { name, bridge, ask, injects } of clients)
  describe(`the bridge of requests made with ${name}`, () => {
    afterEach(endAll)

    it('makes a client span, a child of the span around the call, with the standard attributes', async () => {
      const rig = await startRig()
      atEnd(bridge(rig.telemetry))
      const { url, port } = await echo()
      await rig.telemetry.span('work', () => ask(`${url}/200?token=secret`))
      await until(() => named(rig.events, success).length === 1)
      const all = await rig.spans()
      const [work, span] = ['work', 'GET'].map((each) => all.find((one) => one.name === each)!)
      assert.deepEqual([span!.kind, span!.status.code, span!.parentSpanId], [3, 0, work!.spanId])
      const { correlation_id, duration_ms, ...attributes } = span!.attributes
      assert.deepEqual(attributes, {
        'http.request.method': 'GET',
        'http.response.status_code': 200,
        'server.address': '127.0.0.1',
        'server.port': port,
        'url.full': `${url}/200`,
      })
    })

    it('counts and times requests by method, address and status: 400 and more are errors', async () => {
      const rig = await startRig()
      atEnd(bridge(rig.telemetry))
      const { url, port } = await echo()
      for (const status of [200, 302, 404, 500]) await ask(`${url}/${status}`)
      await until(() => endsOf(rig).length === 4)
      assert.deepEqual(endsOf(rig), [
        ['success', 200, undefined],
        ['success', 302, undefined],
        ['error', 404, '404'],
        ['error', 500, '500'],
      ])
      const [line] = await rig.lines('http_client_request_error_duration_seconds_count')
      assert.equal(
        line,
        `http_client_request_error_duration_seconds_count{error_type="404",http_request_method="GET",http_response_status_code="404",server_address="127.0.0.1",server_port="${port}"} 1`,
      )
    })

    if (injects)
      it('sends the traceparent of its span, unless the request has one', async () => {
        const rig = await startRig()
        atEnd(bridge(rig.telemetry))
        const { url, headers } = await echo()
        await rig.telemetry.span('work', { traceparent, tracestate: 'a=1' }, () => ask(url))
        await ask(url, { headers: { traceparent } })
        await until(() => endsOf(rig).length === 2)
        const { traceId, spanId } = named(rig.events, success)[0]!.scope!
        assert.deepEqual(
          headers.map((each) => [each.traceparent, each.tracestate]),
          [
            [`00-${traceId}-${spanId}-01`, 'a=1'],
            [traceparent, undefined],
          ],
        )
        assert.equal(traceId, traceparent.split('-')[1])
      })

    it('ends requests that fail with what they failed with, once each', async () => {
      const rig = await startRig()
      atEnd(bridge(rig.telemetry))
      const { url, port, server } = await echo()
      await assert.rejects(ask(`${url}/cut`).then(unlessWhole))
      await until(() => endsOf(rig).length === 1)
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await assert.rejects(ask(`http://127.0.0.1:${port}/`))
      await until(() => endsOf(rig).length === 2)
      const [cut, refused] = endsOf(rig) as unknown[][]
      assert.deepEqual(cut!.slice(0, 2), ['error', 200])
      assert.deepEqual(refused, ['error', undefined, 'ECONNREFUSED'])
      const span = (await rig.spans()).find(({ attributes }) => attributes['error.type'] === 'ECONNREFUSED')!
      assert.deepEqual([span.status.code, span.events.map((event) => event.name)], [2, ['exception']])
    })

    it('leaves alone the requests of exporters, those to ignore, and what an SDK does untraced', async () => {
      const rig = await startRig()
      atEnd(bridge(rig.telemetry, { ignore: () => ignoring }))
      const { url, headers } = await echo()
      let ignoring = false
      context.setGlobalContextManager(asyncContextManager())
      atEnd(() => context.disable())
      const suppressed = createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING')
      await context.with(context.active().setValue(suppressed, true), () => ask(url))
      ignoring = true
      await ask(url)
      ignoring = false
      rig.telemetry.span('work', () => {})
      await rig.spans()
      await rig.spans()
      assert.equal(named(rig.events, 'http.client.request.start').length, 0)
      assert.deepEqual(
        headers.map((each) => each.traceparent),
        [undefined, undefined],
      )
    })

    it('ends a request that was under way when it was unsubscribed, and hears of no later one', async () => {
      const rig = await startRig()
      const unsubscribe = bridge(rig.telemetry)
      const waiting: ServerResponse[] = []
      const { url } = await serve((_, response) => void waiting.push(response))
      const first = ask(url)
      await until(() => waiting.length === 1)
      unsubscribe()
      const second = ask(url)
      await until(() => waiting.length === 2)
      for (const response of waiting) response.end()
      await Promise.all([first, second])
      await until(() => endsOf(rig).length === 1)
      assert.equal(named(rig.events, 'http.client.request.start').length, 1)
      assert.deepEqual(endsOf(rig), [['success', 200, undefined]])
    })

    it('disturbs no request when functions of the application throw', async () => {
      const rig = await startRig()
      const broken = (): never => {
        throw new Error('broken')
      }
      atEnd(bridge(rig.telemetry, { ignore: broken, attributes: broken, labels: broken }))
      const { url } = await echo()
      assert.equal(await ask(url), 200)
      await until(() => named(rig.events, 'telemetry.handler.failed').length === 3)
      assert.equal(endsOf(rig).length, 1)
    })
  })

const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

/** A response of node:http that was cut ends without an error of its own where nobody listens for it. */
const unlessWhole = (status: number): never => {
  throw new Error(`answered ${status}`)
}

describe('the bridges of two services', () => {
  afterEach(endAll)

  it('continue a trace from one to the other, whatever client asks', async () => {
    const [a, b] = [await startRig(), await startRig()]
    atEnd(bridgeAll(a.telemetry, { httpServer: { ignore: ({ url }) => url === '/b' } }))
    atEnd(bridgeHttpServer(b.telemetry, { ignore: ({ url }) => url !== '/b' }))
    const { url } = await serve(async (asked, response) => {
      if (asked.url !== '/b') await byFetch(`${url}/b`)
      if (asked.url === '/both') await byHttp(`${url}/b`)
      response.end()
    })
    const path = tellsOfNewRequests ? '/both' : '/fetch'
    await new Promise((resolve) => request(`${url}${path}`, (r) => r.resume().on('end', resolve)).end())
    const count = tellsOfNewRequests ? 2 : 1
    await until(
      () =>
        named(a.events, success).length >= count &&
        named(b.events, 'http.server.request.success').length === count,
    )
    const [from, to] = [await a.spans(), await b.spans()]
    const server = from.find(({ kind }) => kind === 2)!
    const asking = from.filter(({ kind, parentSpanId }) => kind === 3 && parentSpanId === server.spanId)
    assert.deepEqual(
      to.map(({ traceId, parentSpanId }) => [traceId, parentSpanId]),
      asking.map(({ traceId, spanId }) => [traceId, spanId]),
    )
    assert.ok(to.every(({ traceId }) => traceId === server.traceId))
  })
})

describe('a bridge of requests made with node:http', () => {
  afterEach(endAll)

  it('ends those that were destroyed before they were sent, and those that were upgraded', async () => {
    const rig = await startRig()
    atEnd(bridgeHttpClient(rig.telemetry))
    const { url, server } = await echo()
    server.on('upgrade', (_, socket) =>
      socket.end('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'),
    )
    const asked = request(url, { headers: { connection: 'upgrade', upgrade: 'x' } }).end()
    const [, socket] = await once(asked, 'upgrade')
    socket.destroy()
    await until(() => endsOf(rig).length === 1)
    const destroyed = request(url)
    destroyed.on('error', () => {})
    destroyed.destroy()
    await new Promise((resolve) => destroyed.once('close', resolve))
    assert.deepEqual(endsOf(rig), [
      ['success', 101, undefined],
      ...(tellsOfNewRequests ? [['error', undefined, 'ECONNRESET']] : []),
    ])
  })

  it('sends requests whose headers are a list as they are', async () => {
    const rig = await startRig()
    atEnd(bridgeHttpClient(rig.telemetry))
    const { url, headers } = await echo()
    await byHttp(url, { headers: ['host', 'a.example', 'x-mine', '1'] })
    assert.deepEqual([headers[0]!['x-mine'], headers[0]!.traceparent], ['1', undefined])
    assert.equal(endsOf(rig).length, 1)
  })
})
