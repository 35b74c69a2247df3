// One post is one request: whatever a server does, it ends as a value that says what may have become of the data,
// by its deadline, and leaves nothing behind.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync, inflateSync } from 'node:zlib'
import { type ContextManager, context, ROOT_CONTEXT } from '@opentelemetry/api'
import { isTracingSuppressed } from '@opentelemetry/core'
import fc from 'fast-check'
import { SimulatedClock } from 'xstate'
import {
  type HttpClient,
  type HttpClientOptions,
  openHttpClient,
  outcomeOf,
  type PostOptions,
} from '../../src/exporters/http/http.ts'
import { freePort } from '../support/ports.ts'
import { compileProgram } from '../support/programs.ts'
import { gone, type Loopback, loopback, ok, type Script } from './http/loopback.ts'

const body = Buffer.from('telemetry')

describe('the HTTP transport', () => {
  const open: { close(): Promise<void> }[] = []
  const uncaught: unknown[] = []
  const onUncaught = (error: unknown) => uncaught.push(error)

  const client = (options: HttpClientOptions): HttpClient => {
    const opened = openHttpClient(options)
    open.push(opened)
    return opened
  }

  const server = async (script: Script): Promise<Loopback> => {
    const started = await loopback(script)
    open.push(started)
    return started
  }

  /** Posts once to a server that runs the script. */
  const attempt = async (script: Script, options: Partial<HttpClientOptions> = {}) => {
    const { url } = await server(script)
    return client({ url, ...options }).post(body)
  }

  before(() => process.on('uncaughtExceptionMonitor', onUncaught))
  after(() => void process.off('uncaughtExceptionMonitor', onUncaught))
  afterEach(async () => {
    await Promise.all(open.splice(0).map((opened) => opened.close()))
    // What a socket may still say comes in the turns after its end.
    await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual(uncaught, [])
  })

  describe('the request', () => {
    const echo = async (options: Partial<HttpClientOptions>, path = '/v1/traces?token=1') => {
      const received: { headers: Record<string, unknown>; url: string; body: Buffer }[] = []
      const echoing = createServer((request, response) => {
        const chunks: Buffer[] = []
        request.on('data', (chunk) => chunks.push(chunk))
        request.on('end', () => {
          received.push({ headers: request.headers, url: request.url!, body: Buffer.concat(chunks) })
          response.end('fine')
        })
      })
      echoing.listen(0, '127.0.0.1')
      await once(echoing, 'listening')
      open.push({ close: () => new Promise((resolve) => void echoing.close(() => resolve())) })
      const { port } = echoing.address() as AddressInfo
      return { received, client: client({ url: `http://127.0.0.1:${port}${path}`, ...options }) }
    }

    it('carries the body, the headers and the query', async () => {
      const { received, client } = await echo({
        headers: { Authorization: 'Bearer k', 'content-type': 'a/b' },
      })
      const answer = await client.post(body, { headers: { 'X-One': '1' } })
      assert(answer.type === 'response')
      assert.equal(answer.status, 200)
      assert.equal(Buffer.from(answer.body).toString(), 'fine')
      assert.equal(answer.written, true)
      assert.deepEqual(received[0]?.body, body)
      assert.equal(received[0]?.url, '/v1/traces?token=1')
      const {
        authorization,
        'x-one': one,
        'user-agent': agent,
        'content-length': length,
      } = received[0]!.headers
      assert.deepEqual([authorization, one, agent, length], ['Bearer k', '1', 'telemachine', '9'])
    })

    it('compresses with gzip or deflate', async () => {
      for (const [compression, unpack] of [
        ['gzip', gunzipSync],
        ['deflate', inflateSync],
      ] as const) {
        const { received, client } = await echo({ compression })
        await client.post(body)
        assert.equal(received[0]?.headers['content-encoding'], compression)
        assert.deepEqual(unpack(received[0]!.body), body)
      }
    })

    it('goes to another path of the origin when asked', async () => {
      const { received, client } = await echo({})
      await client.post(body, { path: '/api/v2/series?x=1' })
      assert.equal(received[0]?.url, '/api/v2/series?x=1')
    })

    it('is not traced', async () => {
      const suppressed: boolean[] = []
      const manager: ContextManager = {
        active: () => ROOT_CONTEXT,
        with: (active, fn, thisArg, ...args) => {
          suppressed.push(isTracingSuppressed(active))
          return fn.call(thisArg as never, ...args)
        },
        bind: (_, target) => target,
        enable: () => manager,
        disable: () => manager,
      }
      context.setGlobalContextManager(manager)
      try {
        const { client } = await echo({})
        await client.post(body)
      } finally {
        context.disable()
      }
      assert.deepEqual(suppressed, [true])
    })

    it('reuses a connection', async () => {
      const { url, sockets } = await server((socket) => socket.write(ok))
      const reusing = client({ url })
      for (let i = 0; i < 5; i++) await reusing.post(body)
      assert.equal(sockets.length, 1)
      assert.equal(reusing.connections(), 1)
    })

    it('closes the connection after each request without keep-alive', async () => {
      const { url, sockets } = await server((socket) => socket.write(ok))
      const single = client({ url, keepAlive: false })
      await single.post(body)
      await single.post(body)
      assert.equal(sockets.length, 2)
    })

    it('refuses what cannot be sent before anything is', () => {
      const refused = (options: Partial<HttpClientOptions>, code: string) =>
        assert.throws(
          () => openHttpClient({ url: 'http://127.0.0.1/', ...options }),
          (error: { code: string; message: string }) => error.code === code && !/secret/.test(error.message),
        )
      for (const url of ['', 'ftp://h/', 'http://', 'h:4318', 'http://u:secret@h/'])
        refused({ url }, 'HTTP_URL_INVALID')
      const headers = [
        ['a', 'secret\r\nb: c'],
        ['b d', 'secret'],
        ['a', 'secret漢'],
        ['host', 'secret'],
        ['Transfer-Encoding', 'chunked'],
      ]
      for (const header of headers) refused({ headers: Object.fromEntries([header]) }, 'HTTP_HEADER_INVALID')
    })

    it('reports a request that cannot be formed as not sent', async () => {
      const { client } = await echo({})
      const impossible: PostOptions[] = [
        { path: '/a b' },
        { headers: { x: '\n' } },
        { headers: { host: 'h' } },
      ]
      for (const options of impossible) {
        const answer = await client.post(body, options)
        assert(answer.type === 'failed')
        assert.equal(answer.sent, 'nothing')
      }
    })
  })

  describe('when no byte can have been processed', () => {
    const nothingSent = async (attempt: ReturnType<HttpClient['post']>, code: string) => {
      const answer = await attempt
      assert(answer.type === 'failed')
      assert.deepEqual([answer.cause.code, answer.sent], [code, 'nothing'])
      assert.deepEqual(outcomeOf(answer), { type: 'retry', cause: answer.cause })
    }

    it('says so of a refused connection', async () => {
      const port = await freePort()
      await nothingSent(client({ url: `http://127.0.0.1:${port}/` }).post(body), 'HTTP_CONNECT_FAILED')
      await nothingSent(client({ url: `http://localhost:${port}/` }).post(body), 'HTTP_CONNECT_FAILED')
      await nothingSent(client({ url: `http://[::1]:${port}/` }).post(body), 'HTTP_CONNECT_FAILED')
    })

    it('says so of a name that does not resolve', async () => {
      await nothingSent(client({ url: 'http://nowhere.invalid/' }).post(body), 'HTTP_CONNECT_FAILED')
    })

    it('says so of an abort before the connection', async () => {
      const aborting = client({ url: `http://127.0.0.1:${await freePort()}/` })
      await nothingSent(aborting.post(body, { signal: AbortSignal.abort() }), 'HTTP_ABORTED')
      const controller = new AbortController()
      const post = aborting.post(body, { signal: controller.signal })
      controller.abort(new DOMException('late', 'TimeoutError'))
      await nothingSent(post, 'HTTP_TIMEOUT')
    })

    it('says so of an abort while compressing', async () => {
      const { url, sockets } = await server((socket) => socket.write(ok))
      const controller = new AbortController()
      const post = client({ url, compression: 'gzip' }).post(body, { signal: controller.signal })
      controller.abort()
      await nothingSent(post, 'HTTP_ABORTED')
      assert.equal(sockets.length, 0)
    })

    it('says so on a closed client', async () => {
      const { url } = await server((socket) => socket.write(ok))
      const closed = client({ url })
      await closed.close()
      await nothingSent(closed.post(body), 'HTTP_CLOSED')
    })

    it('says so of an address that is forbidden, however it is written', async () => {
      const { port, sockets } = await server((socket) => socket.write(ok))
      const forbidAddress = (ip: string) => ip.startsWith('127.') || ip === '::1'
      await nothingSent(
        client({ url: `http://localhost:${port}/`, forbidAddress }).post(body),
        'HTTP_ADDRESS_FORBIDDEN',
      )
      for (const host of ['127.0.0.1', '2130706433', '0x7f.1', '[::1]', '[::ffff:127.0.0.1]'])
        assert.throws(() => openHttpClient({ url: `http://${host}:${port}/`, forbidAddress }), {
          code: 'HTTP_ADDRESS_FORBIDDEN',
        })
      assert.equal(sockets.length, 0)
    })

    it('reaches a name whose address is permitted', async () => {
      const { port } = await server((socket) => socket.write(ok))
      const permitted = client({
        url: `http://localhost:${port}/`,
        forbidAddress: (ip) => ip.startsWith('169.254.'),
      })
      assert.equal((await permitted.post(body)).type, 'response')
    })
  })

  describe('when there is no response', () => {
    const maybeSent = async (attempt: ReturnType<HttpClient['post']>, code: string) => {
      const answer = await attempt
      assert(answer.type === 'failed')
      assert.deepEqual([answer.cause.code, answer.sent], [code, 'maybe'])
      assert.deepEqual(outcomeOf(answer), { type: 'retry', ambiguous: true, cause: answer.cause })
    }

    it('is ambiguous after a reset', async () => {
      await maybeSent(
        attempt((socket) => void socket.resetAndDestroy()),
        'HTTP_NO_RESPONSE',
      )
    })

    it('is ambiguous after a close', async () => {
      await maybeSent(
        attempt((socket) => void socket.end()),
        'HTTP_NO_RESPONSE',
      )
    })

    it('is ambiguous after a reset within the head', async () => {
      await maybeSent(
        attempt((socket) => void socket.end('HTTP/1.1 200 OK\r\nContent-')),
        'HTTP_NO_RESPONSE',
      )
    })

    it('is ambiguous after junk', async () => {
      const junk = [
        '\0\x01\x02',
        'SSH-2.0-OpenSSH_9.9\r\n',
        'HTTP/1.1 abc\r\n\r\n',
        `HTTP/1.1 200 OK\r\n${'a: b\r\n'.repeat(9999)}\r\n`,
      ]
      for (const text of junk)
        await maybeSent(
          attempt((socket) => void socket.end(text)),
          'HTTP_RESPONSE_INVALID',
        )
    })

    it('is ambiguous after a switch of protocols that was not requested', async () => {
      const upgrade = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'
      await maybeSent(
        attempt((socket) => void socket.write(upgrade)),
        'HTTP_NO_RESPONSE',
      )
    })

    it('never repeats a request by itself when a kept connection turns out dead', async () => {
      let requests = 0
      const { url, sockets } = await server((socket) => {
        requests++
        if (requests === 1) socket.write(ok)
        else socket.resetAndDestroy()
      })
      const stale = client({ url })
      await stale.post(body)
      const answer = await stale.post(body)
      assert(answer.type === 'failed')
      assert.deepEqual([answer.cause.code, answer.sent, answer.stale], ['HTTP_NO_RESPONSE', 'maybe', true])
      assert.deepEqual([requests, sockets.length], [2, 1])
    })

    it('is cut at its deadline when the server hangs', async () => {
      const clock = new SimulatedClock() as SimulatedClock & { now(): number }
      const { url } = await server(() => clock.increment(1000))
      await maybeSent(client({ url, clock }).post(body, { timeoutMs: 1000 }), 'HTTP_TIMEOUT')
    })

    it('is cut at its deadline when the server says nothing but 1xx', async () => {
      const controller = new AbortController()
      const post = attemptWith(controller, (socket) => {
        for (let i = 0; i < 100; i++)
          socket.write('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n')
        setImmediate(() => controller.abort())
      })
      await maybeSent(post, 'HTTP_ABORTED')
    })

    it('is cut when the client closes, and the server sees it', async () => {
      const arrivals = new EventEmitter()
      const { url } = await server((socket) => void arrivals.emit('request', socket))
      const closing = client({ url })
      const arrival = once(arrivals, 'request')
      const pending = closing.post(body)
      const [socket] = await arrival
      await closing.close()
      assert.equal(closing.connections(), 0)
      await maybeSent(pending, 'HTTP_CLOSED')
      await gone(socket)
    })

    const attemptWith = async (controller: AbortController, script: Script) => {
      const { url } = await server(script)
      return client({ url }).post(body, { signal: controller.signal })
    }
  })

  describe('when the status line has arrived', () => {
    const delivered = async (
      script: Script,
      cut: string | undefined,
      options: Partial<HttpClientOptions> = {},
    ) => {
      const answer = await attempt(script, options)
      assert(answer.type === 'response')
      assert.deepEqual([answer.status, answer.cut], [200, cut])
      assert.deepEqual(
        outcomeOf(answer, { partialSuccess: () => assert.equal(cut, undefined) as undefined }),
        {
          type: 'delivered',
        },
      )
      return answer
    }

    it('reads the whole body, also a chunked or unframed one', async () => {
      const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n'
      assert.equal(
        Buffer.from((await delivered((s) => void s.write(chunked), undefined)).body).toString(),
        'abcde',
      )
      const unframed = 'HTTP/1.0 200 OK\r\n\r\nabcde'
      assert.equal(
        Buffer.from((await delivered((s) => void s.end(unframed), undefined)).body).toString(),
        'abcde',
      )
    })

    it('takes it for delivered when the body is reset, cut or broken', async () => {
      const head = 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc'
      await delivered((socket) => void socket.end(head), 'broken')
      await delivered((socket) => void socket.write(head, () => socket.resetAndDestroy()), 'broken')
      await delivered(
        (socket) => void socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'),
        'broken',
      )
    })

    it('stops reading at the limit and closes the connection', async () => {
      const { url, accepted } = await server((socket) => {
        socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
        const pour = () => {
          while (socket.writable && socket.write(`1000\r\n${'x'.repeat(4096)}\r\n`));
          if (socket.writable) socket.once('drain', pour)
        }
        pour()
      })
      const limited = client({ url, maxResponseBytes: 100_000 })
      const answer = await limited.post(body)
      assert(answer.type === 'response')
      assert.equal(answer.cut, 'oversized')
      assert(answer.body.length <= 100_000)
      const socket = await accepted(1)
      await gone(socket)
    })

    it('does not even begin to read a body that announces too much', async () => {
      const head = 'HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nabc'
      const answer = await delivered((socket) => void socket.write(head), 'oversized')
      assert.equal(answer.body.length, 0)
    })

    it('cuts a body that drips at the deadline', async () => {
      const controller = new AbortController()
      let drops = 0
      const { url } = await server((socket) => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n')
        const drip = () => {
          if (!socket.writable) return
          if (++drops === 20) controller.abort()
          socket.write('x', () => setImmediate(drip))
        }
        drip()
      })
      const answer = await client({ url }).post(body, { signal: controller.signal })
      // On a slow machine the abort may overtake the head.
      if (answer.type === 'response') assert.equal(answer.cut, 'stopped')
      else assert.equal(answer.sent, 'maybe')
    })

    it('takes an answer that comes before the request was read, and frees the connection', async () => {
      const { url, accepted } = await loopbackThatStops('HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n')
      const early = client({ url })
      const answer = await early.post(Buffer.alloc(30_000_000))
      assert.deepEqual(outcomeOf(answer), { type: 'too_large' })
      assert.equal(answer.type === 'response' && answer.written, false)
      const socket = await accepted(1)
      socket.resume()
      await gone(socket)
      assert.equal(early.connections(), 0)
    })

    const loopbackThatStops = (answer: string) =>
      server((socket) => {
        socket.pause()
        socket.write(answer)
      })

    it('does not take bytes after a response for the answer to the next request', async () => {
      let requests = 0
      const { url } = await server((socket) => {
        requests++
        socket.write(requests === 1 ? `${ok}HTTP/1.1 500 Smuggled\r\nContent-Length: 0\r\n\r\n` : ok)
      })
      const wary = client({ url })
      assert.deepEqual(outcomeOf(await wary.post(body)), { type: 'delivered' })
      assert.deepEqual(outcomeOf(await wary.post(body)), { type: 'delivered' })
    })
  })

  it('settles once, with a value, whatever bytes come back', async () => {
    const piece = fc.oneof(
      fc.constantFrom(
        'HTTP/1.1 ',
        '200 OK',
        '503 x',
        '100 Continue',
        '\r\n',
        '\r\n\r\n',
        'Content-Length: 3',
        ': ',
      ),
      fc.constantFrom(
        'Transfer-Encoding: chunked',
        'Connection: close',
        'Upgrade: h2c',
        '0\r\n\r\n',
        ok,
        '\0',
        'abc',
      ),
      fc.string(),
    )
    let pieces: readonly string[] = []
    let reset = false
    const { url } = await server((socket) => {
      for (const text of pieces) socket.write(text)
      if (reset) socket.resetAndDestroy()
      else socket.end()
    })
    const fuzzed = client({ url })
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 12 }), fc.boolean(), async (answer, resets) => {
        pieces = answer
        reset = resets
        const settled = await fuzzed.post(body)
        assert(settled.type === 'response' || settled.sent === 'maybe')
        outcomeOf(settled)
      }),
      { numRuns: process.env.TELEMACHINE_NIGHTLY === '1' ? 5000 : 200 },
    )
  })

  it('closes every connection on close, idle ones too', async () => {
    const { url, sockets } = await server((socket) => socket.write(ok))
    const busy = client({ url })
    await Promise.all(Array.from({ length: 10 }, () => busy.post(body)))
    assert.equal(sockets.length, 10)
    await busy.close()
    await busy.close()
    assert.equal(busy.connections(), 0)
    await Promise.all(sockets.map(gone))
  })

  it('does not keep a process alive, neither by a request nor by an idle connection', async () => {
    const { url } = await server((socket) => socket.write(ok))
    const program = await compileProgram(`
      import { openHttpClient } from './src/exporters/http/http.ts'
      const client = openHttpClient({ url: '${url}' })
      const awaited = setInterval(() => {}, 1000)
      await client.post(Buffer.from('x'))
      clearInterval(awaited)
      process.on('exit', () => console.log(client.connections(), 'open'))`)
    const child = spawn(process.execPath, [program])
    const [output] = await Promise.all([once(child.stdout, 'data'), once(child, 'exit')])
    assert.equal(String(output[0]).trim(), '1 open')
  })

  it('leaves a signal that outlives the request without listeners', async () => {
    const { url } = await server((socket) => socket.write(ok))
    const { signal } = new AbortController()
    const listening = new Set<unknown>()
    const add = signal.addEventListener.bind(signal)
    const remove = signal.removeEventListener.bind(signal)
    signal.addEventListener = (type: string, listener: never) => {
      listening.add(listener)
      add(type, listener)
    }
    signal.removeEventListener = (type: string, listener: never) => {
      listening.delete(listener)
      remove(type, listener)
    }
    await client({ url }).post(body, { signal })
    assert.equal(listening.size, 0)
  })
})
