// Requests through a real proxy: absolute form for http, a tunnel for https with TLS to the destination, and errors that
// name the proxy and say whether the destination can have heard anything.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { isForbiddenAddress } from '../../../src/config/destinations.ts'
import { type HttpClientOptions, openHttpClient, outcomeOf } from '../../../src/exporters/http/http.ts'
import { createSimulatedClock } from '../../../src/testing/index.ts'
import { pause } from '../../support/poll.ts'
import { freePort } from '../../support/ports.ts'
import { compileProgram } from '../../support/programs.ts'
import { type ProxyOptions, startProxy } from '../../support/proxy.ts'

const pem = (name: string): Promise<string> =>
  readFile(new URL(`certificates/${name}`, import.meta.url), 'utf8')
const body = Buffer.from('telemetry')

describe('the HTTP transport behind a proxy', () => {
  const open: { close(): Promise<unknown> }[] = []
  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one.close()
  })

  const keep = <One extends { close(): Promise<unknown> }>(one: One): One => {
    open.push(one)
    return one
  }
  const proxy = async (options: ProxyOptions = {}) => keep(await startProxy(options))
  const client = (options: HttpClientOptions) => keep(openHttpClient(options))

  /** A destination that answers 200 and keeps what it was told. */
  const destination = async (secure = false, listener?: RequestListener) => {
    const heard: { url: string; headers: IncomingHttpHeaders }[] = []
    const hear: RequestListener = (request, response) => {
      heard.push({ url: request.url!, headers: request.headers })
      request.resume().on('end', () => (listener ? listener(request, response) : response.end()))
    }
    const server = secure
      ? createTlsServer({ key: await pem('server.key'), cert: await pem('server.pem') }, hear)
      : createServer(hear)
    let connections = 0
    server.on('connection', () => connections++)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    keep({
      close: () => {
        server.closeAllConnections()
        return new Promise((resolve) => server.close(resolve))
      },
    })
    const { port } = server.address() as AddressInfo
    return { heard, port, connections: () => connections }
  }

  describe('to plain http', () => {
    it('names the destination in absolute form, and keeps the connection', async () => {
      const { port, heard } = await destination()
      const through = await proxy({ hosts: { 'collector.test': port } })
      const http = client({
        url: 'http://collector.test/v1/traces?q=1',
        proxy: `http://127.0.0.1:${through.port}`,
      })
      assert.deepEqual(outcomeOf(await http.post(body)), { type: 'delivered' })
      assert.deepEqual(outcomeOf(await http.post(body, { path: '/other' })), { type: 'delivered' })
      assert.deepEqual(through.asked, [
        'POST http://collector.test/v1/traces?q=1',
        'POST http://collector.test/other',
      ])
      assert.deepEqual(
        heard.map(({ url, headers }) => [url, headers.host]),
        [
          ['/v1/traces?q=1', 'collector.test'],
          ['/other', 'collector.test'],
        ],
      )
      assert.equal(through.connections.accepted, 1)
    })

    it('sends its credentials to the proxy, and none of them to the destination', async () => {
      const { port, heard } = await destination()
      const through = await proxy({ credentials: 'me@corp:p:w%', hosts: { 'collector.test': port } })
      const http = client({
        url: 'http://collector.test',
        proxy: `http://me%40corp:p%3Aw%25@127.0.0.1:${through.port}`,
      })
      assert.deepEqual(outcomeOf(await http.post(body)), { type: 'delivered' })
      assert.equal(heard[0]!.headers['proxy-authorization'], undefined)
    })
  })

  describe('to https', () => {
    const secure = async (options: ProxyOptions = {}, userinfo = '') => {
      const { port, heard, connections } = await destination(true)
      const through = await proxy({ hosts: { localhost: port, 'other.test': port }, ...options })
      const make = (host = 'localhost', more: Partial<HttpClientOptions> = {}) =>
        client({
          url: `https://${host}:4318/v1/traces`,
          proxy: `${options.tls ? 'https' : 'http'}://${userinfo}127.0.0.1:${through.port}`,
          ...more,
        })
      const tls = { ca: await pem('ca.pem') }
      return { port, heard, connections, through, make, tls }
    }

    it('goes through a tunnel, and keeps it', async () => {
      const { make, tls, through, heard, connections } = await secure({ credentials: 'me:pw' }, 'me:pw@')
      const http = make('localhost', { tls })
      assert.deepEqual(outcomeOf(await http.post(body)), { type: 'delivered' })
      assert.deepEqual(outcomeOf(await http.post(body)), { type: 'delivered' })
      assert.deepEqual(through.asked, ['CONNECT localhost:4318'])
      assert.deepEqual(
        heard.map(({ url }) => url),
        ['/v1/traces', '/v1/traces'],
      )
      assert.equal(heard[0]!.headers['proxy-authorization'], undefined)
      assert.equal(connections(), 1)
      assert.equal(http.connections(), 1)
      await http.close()
      await through.idle()
    })

    it('speaks TLS to the proxy too', async () => {
      const certificates = { key: await pem('server.key'), cert: await pem('server.pem') }
      const { make, tls, through } = await secure({ tls: certificates })
      assert.deepEqual(outcomeOf(await make('localhost', { tls }).post(body)), { type: 'delivered' })
      assert.deepEqual(through.asked, ['CONNECT localhost:4318'])
    })

    it('asks nothing of a proxy whose certificate is not trusted', async () => {
      const certificates = { key: await pem('server.key'), cert: await pem('server.pem') }
      const { make, through } = await secure({ tls: certificates })
      const answer = await make().post(body)
      assert(answer.type === 'failed')
      assert.equal(answer.cause.code, 'HTTP_PROXY_UNREACHABLE')
      assert.match(answer.cause.message, /^cannot reach the proxy https:\/\/127.0.0.1:\d+ \((UNABLE|SELF)/)
      assert.deepEqual(through.asked, [])
    })

    it('verifies the destination: its authority and its name', async () => {
      const { make, tls, heard } = await secure()
      const unknown = await make().post(body)
      assert(unknown.type === 'failed')
      assert.deepEqual([unknown.cause.code, unknown.sent], ['HTTP_CONNECT_FAILED', 'nothing'])
      assert.match(
        unknown.cause.message,
        /cannot connect to https:\/\/localhost:4318\/v1\/traces through the proxy/,
      )
      const misnamed = await make('other.test', { tls }).post(body)
      assert(misnamed.type === 'failed')
      assert.match(misnamed.cause.message, /ERR_TLS_CERT_ALTNAME_INVALID/)
      assert.deepEqual(heard, [])
    })

    it('keeps no process alive, neither by an idle tunnel nor by one that is being asked for', async () => {
      const { make, through } = await secure()
      await make().close()
      const silent = await proxy({ silent: true })
      const ca = JSON.stringify(await pem('ca.pem'))
      const program = await compileProgram(`
        import { openHttpClient } from './src/exporters/http/http.ts'
        const open = (port) => openHttpClient({
          url: 'https://localhost:4318/v1/traces', tls: { ca: ${ca} }, proxy: 'http://127.0.0.1:' + port })
        const kept = open(${through.port})
        const awaited = setInterval(() => {}, 1000)
        await kept.post(Buffer.from('x'))
        await kept.post(Buffer.from('x'))
        clearInterval(awaited)
        void open(${silent.port}).post(Buffer.from('x'))
        process.on('exit', () => console.log(kept.connections(), 'open'))`)
      const child = spawn(process.execPath, [program])
      const [output] = await Promise.all([once(child.stdout, 'data'), once(child, 'exit')])
      assert.equal(String(output[0]).trim(), '1 open')
      assert.equal(through.asked.length, 1)
    })

    it('asks for another tunnel when the proxy has cut the one before', async () => {
      const { make, tls, through } = await secure()
      const http = make('localhost', { tls })
      assert.equal((await http.post(body)).type, 'response')
      through.cut()
      while (http.connections() > 0) await new Promise((resolve) => setImmediate(resolve))
      assert.deepEqual(outcomeOf(await http.post(body)), { type: 'delivered' })
      assert.equal(through.asked.length, 2)
    })

    it('opens connections side by side for requests at the same time', async () => {
      const { make, tls, heard, through } = await secure()
      const http = make('localhost', { tls })
      const answers = await Promise.all([1, 2, 3, 4].map(() => http.post(body)))
      assert.deepEqual(
        answers.map((answer) => outcomeOf(answer).type),
        ['delivered', 'delivered', 'delivered', 'delivered'],
      )
      assert.equal(heard.length, 4)
      assert.equal(through.asked.length, 4)
    })
  })

  describe('with failures', () => {
    for (const scheme of ['http', 'https']) {
      const url = `${scheme}://collector.test/v1/traces`

      it(`names a proxy that cannot be reached, for ${scheme}`, async () => {
        const port = await freePort()
        const answer = await client({ url, proxy: `http://me:hidden-pw@127.0.0.1:${port}` }).post(body)
        assert(answer.type === 'failed')
        assert.deepEqual([answer.cause.code, answer.sent], ['HTTP_PROXY_UNREACHABLE', 'nothing'])
        assert.match(
          answer.cause.message,
          new RegExp(`^cannot reach the proxy http://127.0.0.1:${port} \\(ECONNREFUSED\\)`),
        )
        assert.equal(outcomeOf(answer).type, 'retry')
      })

      it(`takes 407 for wrong credentials, says what to do and hides them, for ${scheme}`, async () => {
        const through = await proxy({ credentials: 'me:right' })
        const http = client({ url, proxy: `http://me:wrong-password@127.0.0.1:${through.port}` })
        const outcome = outcomeOf(await http.post(body), { redact: http.redact })
        assert(outcome.type === 'misdirected')
        const { message } = outcome.cause as Error
        assert.match(message, new RegExp(`^the proxy http://127.0.0.1:${through.port} answered HTTP 407`))
        assert.match(message, /write them into the proxy's URL/)
        const basic = Buffer.from('me:wrong-password').toString('base64')
        assert(!message.includes(basic) && !message.includes('wrong-password'))
      })

      it(`gives up on a silent proxy when it is told to, and leaves no connection, for ${scheme}`, async () => {
        const through = await proxy({ silent: true })
        const clock = createSimulatedClock()
        const http = client({ url, proxy: `http://127.0.0.1:${through.port}`, clock })
        const post = http.post(body, { timeoutMs: 50 })
        while (through.asked.length === 0) await pause()
        clock.increment(50)
        const answer = await post
        assert(answer.type === 'failed')
        assert.equal(answer.cause.code, 'HTTP_TIMEOUT')
        assert.match(answer.cause.message, /through the proxy http:\/\/127.0.0.1/)
        assert.equal(answer.sent, scheme === 'http' ? 'maybe' : 'nothing')
        await through.idle()
      })

      it(`refuses a forbidden proxy and a name that only the proxy resolves, for ${scheme}`, () => {
        const forbidAddress = isForbiddenAddress
        const code = 'HTTP_ADDRESS_FORBIDDEN'
        const make = (destination: string, to: string) => () =>
          openHttpClient({ url: destination, proxy: to, forbidAddress })
        assert.throws(make(url, 'http://127.0.0.1:1'), { code, message: /the proxy resolves collector.test/ })
        assert.throws(make(`${scheme}://10.0.0.1`, 'http://169.254.169.254'), { code })
        assert.throws(make(`${scheme}://169.254.169.254`, 'http://127.0.0.1:1'), { code })
      })
    }

    it('tries again what a proxy does not connect to: nothing was sent', async () => {
      const through = await proxy({ refuse: 403 })
      const answer = await client({
        url: 'https://collector.test',
        proxy: `http://127.0.0.1:${through.port}`,
      }).post(body)
      const outcome = outcomeOf(answer)
      assert(outcome.type === 'retry' && outcome.ambiguous === undefined)
      assert.match(String(outcome.cause), /answered HTTP 403 when asked to connect to collector.test:443/)
    })

    it('closes while a tunnel is being asked for', async () => {
      const through = await proxy({ silent: true })
      const http = client({ url: 'https://collector.test', proxy: `http://127.0.0.1:${through.port}` })
      const answer = http.post(body)
      await http.close()
      const ended = await answer
      assert(ended.type === 'failed')
      assert.equal(ended.cause.code, 'HTTP_CLOSED')
      await through.idle()
    })
  })
})
