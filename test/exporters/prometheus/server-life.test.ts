/**
 * The life of the metrics server: slow and vanishing clients keep nobody from a scrape, closing loses no scrape that
 * arrived and leaves no connection, and a finished script ends.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { Agent } from 'node:http'
import { connect, type Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { Gauge, Registry } from 'prom-client'
import type { PrometheusClient } from '../../../src/exporters/prometheus/client.ts'
import { inTime } from '../../support/in-time.ts'
import { compileProgram } from '../../support/programs.ts'
import { gone } from '../http/loopback.ts'
import { type DrivenPrometheus, drivePrometheus } from './driven.ts'
import { ask } from './http-client.ts'
import { parsePage } from './strict-page.ts'

const portOf = (system: DrivenPrometheus, client: PrometheusClient): number =>
  system.describe(client).port as number

describe('prometheus: the life of the HTTP server', () => {
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

  it('has a good scrape answered at once beside 200 slow clients and 600 silent ones', async () => {
    const sockets: Socket[] = []
    const open = async (bytes: string): Promise<void> => {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => {})
      sockets.push(socket)
      await Promise.race([once(socket, 'connect'), once(socket, 'close')])
      socket.write(bytes)
      socket.pause()
    }
    try {
      for (let i = 0; i < 200; i++) await open('GET /metrics HTTP/1.1\r\nHost: localhost\r\nX-Slow: ')
      for (let i = 0; i < 200; i++) await open('GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(5))
      for (let i = 0; i < 400; i++) await open('')
      const { status, body } = await inTime(1000, 'an answer', ask(port))
      assert.equal(status, 200)
      assert.equal(parsePage(body.toString()).value('job_total', { queue: 'mail' }), 1)
    } finally {
      for (const socket of sockets) socket.destroy()
    }
  })

  it('keeps connections of a scraper alive, and closes them at once when it closes', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    for (let i = 0; i < 3; i++) assert.equal((await ask(port, '/metrics', { agent })).status, 200)
    const [idle] = Object.values(agent.freeSockets).flat() as Socket[]
    assert.ok(idle)
    const closed = once(idle, 'close')
    await inTime(1000, 'the close', Promise.all([system.close(client), closed]))
    await assert.rejects(ask(port), { code: 'ECONNREFUSED' })
  })

  it('lets a scrape under way finish while it closes', async () => {
    const registry = new Registry()
    let release = (): void => {}
    const asked = new Promise<void>((resolve) => {
      new Gauge({
        ...{ name: 'slow', help: 'x', registers: [registry] },
        async collect() {
          resolve()
          await new Promise<void>((done) => {
            release = done
          })
          this.set(1)
        },
      })
    })
    const slow = drivePrometheus({ registry })
    const server = await slow.open()
    const scrape = ask(portOf(slow, server), '/metrics', { agent: new Agent({ keepAlive: true }) })
    await asked
    const closed = slow.close(server)
    release()
    const { body, headers } = await scrape
    assert.equal(parsePage(body.toString()).value('slow'), 1)
    assert.equal(headers.connection, 'close')
    await closed
  })

  it('lives on when clients vanish while their page is made, also a page that fails', async () => {
    const registry = new Registry()
    let asked = (): void => {}
    let settle: ((failing: boolean) => void)[] = []
    new Gauge({
      ...{ name: 'slow', help: 'x', registers: [registry] },
      collect: () =>
        new Promise<void>((resolve, reject) => {
          settle.push((failing) => (failing ? reject(new Error('failed')) : resolve()))
          asked()
        }),
    })
    const slow = drivePrometheus({ registry })
    const server = await slow.open()
    for (const failing of [true, false]) {
      const begun = new Promise<void>((resolve) => {
        asked = resolve
      })
      const socket = connect(portOf(slow, server), '127.0.0.1')
      socket.write('GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n')
      await begun
      socket.resetAndDestroy()
      await once(socket, 'close')
      await turn()
      for (const one of settle) one(failing)
      settle = []
    }
    const scrape = ask(portOf(slow, server))
    await new Promise<void>((resolve) => {
      asked = resolve
    })
    for (const one of settle) one(false)
    assert.equal((await scrape).status, 200)
    await slow.closeAll()
  })

  it('cuts connections that are not done within its deadline', async () => {
    const stuck = connect(port, '127.0.0.1')
    stuck.on('error', () => {})
    stuck.write('GET /metrics HTTP/1.1\r\n')
    await once(stuck, 'connect')
    // The server may end or reset the connection: Node.js 26 resets it.
    const cut = gone(stuck)
    await system.close(client, 50)
    await cut
  })

  it('gives every scrape a whole page, and counters that never step back, while the port is flipped 20 times', async () => {
    const agent = new Agent({ keepAlive: true })
    let serving = client
    let flipping = true
    let last = 0
    let scrapes = 0
    const scraper = (async () => {
      while (flipping) {
        try {
          const { status, body } = await ask(portOf(system, serving), '/metrics', { agent })
          const value = parsePage(body.toString()).value('job_total', { queue: 'mail' })!
          assert.equal(status, 200)
          assert.ok(value >= last)
          last = value
          scrapes++
        } catch (error) {
          // Asked for after the old one had closed: the scraper did not reach a server.
          assert.match(String((error as NodeJS.ErrnoException).code), /ECONNREFUSED|ECONNRESET/)
        }
      }
    })()
    for (let flip = 0; flip < 20; flip++) {
      for (let i = 0; i < 50; i++) system.emitLater('job', { count: 1 }, { queue: 'mail' })
      const next = await system.open()
      const old = serving
      serving = next
      await system.close(old)
      await turn()
    }
    flipping = false
    await scraper
    agent.destroy()
    const { body } = await ask(portOf(system, serving))
    assert.equal(parsePage(body.toString()).value('job_total', { queue: 'mail' }), 1001)
    assert.ok(scrapes > 0)
  })

  it('does not keep a finished script alive', async () => {
    const program = await compileProgram(`
      import { drivePrometheus } from './test/exporters/prometheus/driven.ts'
      const system = drivePrometheus()
      const client = await system.open()
      process.stdout.write(system.url(client))`)
    const { stdout, status, stderr } = spawnSync(process.execPath, [program], {
      encoding: 'utf8',
      timeout: 240_000,
    })
    assert.equal(status, 0, stderr)
    assert.match(stdout, /^http:/)
  })
})
