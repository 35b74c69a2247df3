/**
 * The HTTP server under the metrics page and the admin API: its address is free as soon as it is released, nobody can
 * keep others out, and every request that arrives whole is answered.
 */
import assert from 'node:assert/strict'
import dns from 'node:dns'
import { once } from 'node:events'
import { Agent, createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, createServer as createNetServer, isIP, type Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { createSystemClock } from '../../src/clock.ts'
import { textAnswer, writeAnswer } from '../../src/http-server/answer.ts'
import { type HttpServer, openHttpServer } from '../../src/http-server/server.ts'
import { ask, raw } from '../exporters/prometheus/http-client.ts'
import { quietLogger } from '../support/quiet-logger.ts'

const clock = createSystemClock()
const hello = (request: IncomingMessage, response: ServerResponse): void =>
  void writeAnswer(request, response, textAnswer(200, `hello ${request.url}`))

const get = (path = '/', more = ''): string => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`

describe('HTTP server', () => {
  const sockets: Socket[] = []
  let server: HttpServer
  let handler = hello

  const open = (
    options: { host?: string; port?: number; requestTimeoutMs?: number } = {},
  ): Promise<HttpServer> =>
    openHttpServer({
      ...{ host: '127.0.0.1', port: 0, clock, logger: quietLogger, ...options },
      handler: (request, response) => handler(request, response),
    })

  /** A connection that has sent these bytes and reads nothing, from an address of this machine. */
  const connected = async (bytes = '', localAddress = '127.0.0.1'): Promise<Socket> => {
    const socket = connect({ port: server.port, host: '127.0.0.1', localAddress })
    socket.on('error', () => {})
    sockets.push(socket)
    await Promise.race([once(socket, 'connect'), once(socket, 'close')])
    if (bytes) socket.write(bytes)
    return socket
  }

  const isOpen = (socket: Socket): boolean => !socket.destroyed && !socket.readableEnded

  beforeEach(async () => {
    handler = hello
    server = await open()
  })
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy()
    await server.close(0)
  })

  it('listens on localhost while no name can be looked up', async () => {
    const { lookup } = dns
    const silent = (name: string, ...rest: never[]): void => {
      if (isIP(name)) (lookup as (...all: unknown[]) => void)(name, ...rest)
    }
    dns.lookup = Object.assign(silent, lookup) as unknown as typeof lookup
    try {
      const local = await open({ host: 'localhost' })
      assert.equal((await ask(local.port, '/')).status, 200)
      assert.equal(local.host, 'localhost')
      await local.close(0)
    } finally {
      dns.lookup = lookup
    }
  })

  it('frees its address when it is released: no client can connect, others can bind it', async () => {
    const agent = new Agent({ keepAlive: true })
    await ask(server.port, '/', { agent })
    server.release()
    const other = createNetServer()
    other.listen(server.port, '127.0.0.1')
    await once(other, 'listening')
    assert.equal((other.address() as AddressInfo).port, server.port)
    await new Promise((resolve) => other.close(resolve))
    await assert.rejects(ask(server.port), { code: 'ECONNREFUSED' })
    await server.close(1000)
    agent.destroy()
  })

  it('finishes the answers under way when it is released, and closes their connections', async () => {
    const asked = new Promise<() => void>((resolve) => {
      handler = (request, response) => resolve(() => hello(request, response))
    })
    const answer = ask(server.port, '/slow', { agent: new Agent({ keepAlive: true }) })
    const finish = await asked
    server.release()
    finish()
    const { status, headers, body } = await answer
    assert.deepEqual([status, headers.connection, body.toString()], [200, 'close', 'hello /slow'])
    await server.close(5000)
  })

  it('answers a request that had arrived on a kept-alive connection when it was released', async () => {
    const socket = await connected(get())
    await once(socket, 'data')
    socket.write(get('/second'))
    await nextTurn()
    server.release()
    const [chunk] = await once(socket, 'data')
    assert.match(String(chunk), /hello \/second/)
  })

  it('cuts what is not done in time when it closes', async () => {
    handler = () => {}
    const socket = await connected(get())
    const gone = once(socket, 'close')
    await server.close(20)
    await gone
  })

  it('says what is wrong with an address', async () => {
    await assert.rejects(open({ port: server.port }), { code: 'PORT_TAKEN' })
    await assert.rejects(
      openHttpServer({ host: '203.0.113.1', port: 0, clock, logger: quietLogger, handler: hello }),
      { code: 'LISTEN_FAILED' },
    )
  })

  it('serves beside 600 connections that say nothing', async () => {
    for (let i = 0; i < 600; i++) await connected(i % 2 ? '' : 'GET / HTTP/1.1\r\nHost: loc')
    const start = performance.now()
    assert.equal((await ask(server.port)).status, 200)
    assert.ok(performance.now() - start < 5000)
    assert.ok(sockets.filter(isOpen).length <= 512)
  })

  it('takes the room for one address from the one that has most connections', async () => {
    const own = await connected('', '127.0.0.3')
    handler = () => {}
    const busy = await connected(get(), '127.0.0.3')
    for (let i = 0; i < 700; i++) await connected(i % 2 ? get() : '', '127.0.0.2')
    await nextTurn()
    assert.ok(isOpen(own) && isOpen(busy))
    handler = hello
    const other = await connected(get(), '127.0.0.4')
    const [chunk] = await once(other, 'data')
    assert.match(String(chunk), / 200 OK/)
  })

  it('closes a connection whose headers do not arrive in time, also one that sends them slowly', async () => {
    await server.close(0)
    server = await open({ requestTimeoutMs: 200 })
    const silent = await connected()
    const slow = await connected('GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ')
    slow.resume()
    const drip = setInterval(() => slow.write('x'), 20)
    await Promise.all([once(silent.resume(), 'close'), once(slow, 'close')])
    clearInterval(drip)
  })

  it('answers 300 pipelined requests, in order and without a warning', async () => {
    const warnings: Error[] = []
    const note = (warning: Error): void => void warnings.push(warning)
    process.on('warning', note)
    const paths = Array.from({ length: 300 }, (_, i) => `/${i}`)
    const text = await raw(server.port, paths.map((path) => get(path)).join(''))
    assert.deepEqual(
      [...text.matchAll(/hello (\/\d+)/g)].map(([, path]) => path),
      paths,
    )
    await nextTurn()
    process.off('warning', note)
    assert.deepEqual(warnings, [])
  })

  it('cuts the connection that has far more requests open than all others', async () => {
    handler = () => {}
    const modest = await connected(get().repeat(10))
    const greedy = await connected()
    const gone = once(greedy.resume(), 'close')
    for (let i = 0; i < 50 && isOpen(greedy); i++) {
      greedy.write(get().repeat(100))
      await nextTurn()
    }
    await gone
    assert.ok(isOpen(modest))
  })

  it('answers what came whole before something malformed, and then closes', async () => {
    const text = await raw(server.port, `${get('/a')}${get('/b')}nonsense\r\n\r\n`)
    assert.deepEqual(text.match(/hello \/\w/g), ['hello /a', 'hello /b'])
    assert.match(await raw(server.port, 'nonsense\r\n\r\n'), /^HTTP\/1\.1 400 /)
  })

  it('treats a request to upgrade as any other, and closes after it', async () => {
    const socket = connect(server.port, '127.0.0.1')
    socket.write(get('/', 'Connection: Upgrade\r\nUpgrade: websocket\r\n'))
    let text = ''
    for await (const chunk of socket) text += chunk
    assert.match(text, / 200 OK/)
  })

  it('leaves a body unread, and its sender gets the answer', async () => {
    const body = 'x'.repeat(300_000)
    const bytes = `POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    assert.match(await raw(server.port, bytes), /hello \/$/)
  })
})

describe('an answer in parts', () => {
  it('waits for a client that reads slowly, and lets others have their turn', async () => {
    const parts = Array.from({ length: 200 }, () => Buffer.alloc(64 * 1024, 'x'))
    let asked = 0
    const pace = async (): Promise<void> => {
      asked++
      await nextTurn()
    }
    const server = createServer((request, response) => {
      void writeAnswer(request, response, { status: 200, body: parts }, pace)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const slow = connect(port, '127.0.0.1')
    slow.write(get())
    await once(slow, 'readable')
    for (let i = 0; i < 50; i++) await nextTurn()
    assert.ok(asked < parts.length, 'all was written although nobody read')
    let bytes = 0
    for await (const chunk of slow) {
      bytes += (chunk as Buffer).length
      if (bytes > parts.length * 64 * 1024) break
    }
    assert.equal(asked, parts.length)
    server.closeAllConnections()
    server.close()
  })
})
