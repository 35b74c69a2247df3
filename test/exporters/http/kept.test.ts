// Kept connections do not outlive their use: one that its server has closed costs nothing, one that was idle through a
// freeze is not used again, and a busy one is replaced once a minute, so that a name is asked for anew.

import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { type HttpClient, openHttpClient, outcomeOf } from '../../../src/exporters/http/http.ts'
import { gone, type Loopback, loopback, ok, type Script } from './loopback.ts'

const body = Buffer.from('telemetry')

/** Both clocks of the system, which the test sets forward. */
const clocks = { wall: 0, monotonic: 0 }

describe('a kept connection', () => {
  const open: { close(): Promise<void> }[] = []
  const [wall, monotonic] = [Date.now, performance.now]
  before(() => {
    Date.now = () => wall() + clocks.wall
    performance.now = () => monotonic.call(performance) + clocks.monotonic
  })
  after(() => {
    Date.now = wall
    performance.now = monotonic
  })
  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one.close()
  })

  const setUp = async (script: Script) => {
    const server: Loopback = await loopback(script)
    open.push(server)
    const client: HttpClient = openHttpClient({ url: server.url })
    open.push(client)
    return { client, server, sockets: server.sockets }
  }
  const answering: Script = (socket) => socket.write(ok)
  const post = async (client: HttpClient): Promise<void> =>
    assert.deepEqual(outcomeOf(await client.post(body)), { type: 'delivered' })

  for (const [how, end] of [
    ['closed', (socket: Socket) => void socket.destroy()],
    ['reset', (socket: Socket) => void socket.resetAndDestroy()],
    ['half closed', (socket: Socket) => void socket.end()],
  ] as const)
    it(`that the server has ${how}, unread so far, gives way to another, and nothing is ambiguous`, async () => {
      let requests = 0
      const { client, sockets } = await setUp((socket) => {
        requests += 1
        socket.write(ok)
      })
      for (let round = 1; round <= 20; round += 1) {
        await post(client)
        // The client has not read of it when it is asked to post.
        clocks.monotonic += 2
        end(sockets.at(-1)!)
        assert.equal(requests, round)
      }
      assert.equal(sockets.length, 20)
    })

  it('gives way with all others when several were closed at once', async () => {
    const { client, sockets } = await setUp(answering)
    await Promise.all(Array.from({ length: 6 }, () => post(client)))
    clocks.monotonic += 2
    for (const socket of sockets) socket.destroy()
    await Promise.all(Array.from({ length: 6 }, () => post(client)))
    assert.equal(sockets.length, 12)
  })

  for (const which of ['wall', 'monotonic'] as const)
    it(`is not used again after 4 s of the ${which} clock, though no timer fired`, async () => {
      const { client, sockets } = await setUp(answering)
      await post(client)
      clocks[which] += 2_000
      await post(client)
      assert.equal(sockets.length, 1)
      clocks[which] += 4_000
      await post(client)
      assert.equal(sockets.length, 2)
      await gone(sockets[0]!)
    })

  it('is used for a minute at most, however busy it is', async () => {
    const { client, sockets } = await setUp(answering)
    for (let second = 0; second < 150; second += 1) {
      await post(client)
      clocks.monotonic += 1_000
      clocks.wall += 1_000
    }
    assert.equal(sockets.length, 3)
  })

  it('that ends after the request was sent says that it is stale, and takes the idle ones with it', async () => {
    let dead = false
    const { client, sockets } = await setUp((socket) => {
      if (dead) socket.resetAndDestroy()
      else socket.write(ok)
    })
    await Promise.all([post(client), post(client), post(client)])
    dead = true
    const answer = await client.post(body)
    assert(answer.type === 'failed')
    assert.deepEqual(outcomeOf(answer), { type: 'retry', cause: answer.cause, ambiguous: true, stale: true })
    dead = false
    await post(client)
    assert.equal(sockets.length, 4)
  })

  it('that ends within an answer, and a new one that ends, are not stale', async () => {
    let requests = 0
    const { client } = await setUp((socket) => {
      requests += 1
      if (requests === 1) socket.write(ok)
      else if (requests === 2) socket.end('HTTP/1.1 200')
      else socket.resetAndDestroy()
    })
    await post(client)
    for (let attempt = 2; attempt <= 3; attempt += 1) {
      const answer = await client.post(body)
      assert(answer.type === 'failed')
      assert.deepEqual([answer.sent, answer.stale], ['maybe', undefined])
    }
    assert.equal(requests, 3)
  })
})
