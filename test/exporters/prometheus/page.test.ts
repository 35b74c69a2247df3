/**
 * The making of a page: in slices that leave the event loop to others, whole and consistent all the same, and shared by
 * all who ask for it at the same time.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { gunzipSync } from 'node:zlib'
import { Gauge, Registry } from 'prom-client'
import { createSystemClock } from '../../../src/clock.ts'
import { HubGone } from '../../../src/cluster/member.ts'
import { createPageHandler } from '../../../src/exporters/prometheus/page/handler.ts'
import {
  createSlices,
  encodePage,
  type Page,
  type PageForm,
} from '../../../src/exporters/prometheus/page/page.ts'
import { createTelemetry, metricsHandler, prometheus } from '../../../src/index.ts'
import { quietLogger } from '../../support/quiet-logger.ts'
import { drivePrometheus } from './driven.ts'
import { ask } from './http-client.ts'
import { parsePage } from './strict-page.ts'

/** Keeps the event loop busy. */
function spin(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

const piece = 'x'.repeat(64 * 1024)

/** A registry with a metric whose collection is held up until it is released. */
function holding() {
  const registry = new Registry()
  const waiting: (() => void)[] = []
  let noticed = (): void => {}
  const held = {
    count: 0,
    /** Resolves with the release of the next collection. */
    async next(): Promise<() => void> {
      while (waiting.length === 0) {
        await new Promise<void>((resolve) => {
          noticed = resolve
        })
      }
      return waiting.shift()!
    },
  }
  new Gauge({
    ...{ name: 'slow', help: 'x', registers: [registry] },
    collect: () =>
      new Promise<void>((resolve) => {
        held.count++
        waiting.push(resolve)
        noticed()
      }),
  })
  return { registry, held }
}

describe('prometheus: the making of a page', () => {
  it('takes no more than a few milliseconds of a turn, however many pages are made', async () => {
    const slice = createSlices()
    let inTurn = 0
    let most = 0
    function* slowPieces(): Generator<string> {
      for (let i = 0; i < 30; i++) {
        most = Math.max(most, ++inTurn)
        spin(2)
        yield piece
      }
    }
    let making = true
    const turns = (async () => {
      while (making) {
        await nextTurn()
        inTurn = 0
      }
    })()
    const pages = await Promise.all(
      [1, 2, 3].map(() => encodePage({ format: 'text', gzip: false }, slowPieces(), slice)),
    )
    making = false
    await turns
    // 5 ms of 2 ms each; the first piece of each page is taken before it is long enough to be cut off.
    assert.ok(most <= 3 + 3, `${most} pieces in one turn`)
    for (const { bytes, parts } of pages) {
      assert.equal(bytes, 30 * piece.length)
      assert.equal(Buffer.concat([...parts]).toString(), piece.repeat(30))
    }
  })

  it('compresses the same bytes', async () => {
    const pieces = Array.from({ length: 40 }, (_, i) => `${i}é`.repeat(5000))
    const { bytes, parts } = await encodePage({ format: 'text', gzip: true }, pieces, createSlices())
    assert.equal(bytes, Buffer.concat([...parts]).length)
    assert.equal(gunzipSync(Buffer.concat([...parts])).toString(), pieces.join(''))
  })

  it('lets the program go on while 2,000 histograms are rendered; each agrees with itself, and none steps back', async () => {
    const system = drivePrometheus({}, { max_series: 10_000, max_metric_bytes: 1e9, health: false })
    const emitAll = (): void => {
      for (let i = 0; i < 2000; i++) system.emit('work', { duration_ms: i % 3000 }, { user: i })
    }
    emitAll()
    const port = system.describe(await system.open()).port as number
    let before = new Map<string, number>()
    let mostTurns = 0
    // How many turns a page takes is up to the machine; some page takes several.
    for (let scrape = 0; scrape < 2 || mostTurns < 2; scrape++) {
      let turns = 0
      let scraping = true
      const emitting = (async () => {
        for (; scraping; turns++) {
          for (let i = 0; i < 50; i++)
            system.emit('work', { duration_ms: 7 }, { user: (turns * 50 + i) % 2000 })
          await nextTurn()
        }
      })()
      const { samples } = parsePage((await ask(port)).body.toString())
      scraping = false
      await emitting
      mostTurns = Math.max(mostTurns, turns)
      const counts = new Map<string, number>()
      for (const { name, labels, value } of samples) {
        const key = `${name} ${labels.user} ${labels.le ?? ''}`
        counts.set(key, value)
        assert.ok(value >= (before.get(key) ?? 0), key)
      }
      for (let user = 0; user < 2000; user++) {
        const count = counts.get(`work_duration_seconds_count ${user} `)
        assert.equal(counts.get(`work_duration_seconds_bucket ${user} +Inf`), count)
        assert.ok(count! >= 1)
      }
      before = counts
    }
    await system.closeAll()
  })

  it('makes one page for all scrapes that come while another is made, with every event before them', async () => {
    const { registry, held } = holding()
    const telemetry = createTelemetry({
      types: [prometheus({ registry })],
      config: { env: {}, init: { prometheus: { port: null, health: false } } },
      drainOnExit: false,
    })
    await telemetry.start()
    const handler = metricsHandler(telemetry)
    let requests = 0
    let arrived = (): void => {}
    const server = createServer((request, response) => {
      handler(request, response)
      if (++requests === 41) arrived()
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const first = ask(port)
    const release = await held.next()
    telemetry.emit('job', { count: 1 })
    const all = new Promise<void>((resolve) => {
      arrived = resolve
    })
    const rest = Array.from({ length: 40 }, () => ask(port))
    await all
    telemetry.emit('job', { count: 1 })
    release()
    assert.equal((await first).status, 200)
    const releaseSecond = await held.next()
    telemetry.emit('job', { count: 1 })
    releaseSecond()
    for (const { status, body } of await Promise.all(rest)) {
      assert.equal(status, 200)
      assert.equal(parsePage(body.toString()).value('job_total'), 3)
    }
    assert.equal(held.count, 2)
    server.close()
    await telemetry.stop()
  })

  it('goes on after ten seconds when a collector of the user never settles', async () => {
    const { registry, held } = holding()
    const system = drivePrometheus({ registry }, { health: false })
    const timers = new Map<object, { readonly fn: () => void; readonly ms: number }>()
    const clock = {
      ...system.clock,
      setTimeout: (fn: () => void, ms: number) => {
        const timer = {}
        timers.set(timer, { fn, ms })
        return timer
      },
      clearTimeout: (timer: unknown) => void timers.delete(timer as object),
    }
    const port = system.describe(await system.open({ clock })).port as number
    const hanging = ask(port).catch(() => 'cut')
    await held.next()
    const scrape = ask(port)
    for (let i = 0; i < 50; i++) await nextTurn()
    assert.equal(held.count, 1)
    const patience = [...timers.values()].find(({ ms }) => ms === 10_000)
    patience!.fn()
    const release = await held.next()
    release()
    assert.equal((await scrape).status, 200)
    const closed = system.closeAll()
    for (const { fn } of timers.values()) fn()
    await closed
    assert.equal(await hanging, 'cut')
  })

  it('cuts the clients that hold pages longest without reading them, and no other', async () => {
    const megabyte = 1024 * 1024
    let pages = 0
    const page = async ({ format, gzip }: PageForm): Promise<Page> => {
      pages++
      return {
        format,
        gzip,
        parts: Array.from({ length: 16 }, () => Buffer.alloc(megabyte)),
        bytes: 16 * megabyte,
      }
    }
    const slice = createSlices()
    const clock = createSystemClock()
    const handler = createPageHandler({
      page,
      slice,
      clock,
      logger: quietLogger,
      maxHeldBytes: 100 * megabyte,
    })
    const server = createServer(handler)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const sockets: Socket[] = []
    for (let i = 1; i <= 12; i++) {
      const socket = connect(port, '127.0.0.1')
      sockets.push(socket)
      socket.on('error', () => {})
      socket.pause()
      socket.write('GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n')
      while (pages < i) await nextTurn()
    }
    // Six pages fit into 100 MiB; the seventh is this one.
    assert.equal((await ask(port)).body.length, 16 * megabyte)
    for (const socket of sockets) socket.resume()
    const isCut = await Promise.all(
      sockets.map(async (socket) => {
        let bytes = 0
        socket.on('data', (chunk: Buffer) => {
          bytes += chunk.length
          if (bytes > 16 * megabyte) socket.destroy()
        })
        if (!socket.closed) await once(socket, 'close')
        return bytes <= 16 * megabyte
      }),
    )
    assert.deepEqual(isCut, [...Array(7).fill(true), ...Array(5).fill(false)])
    server.close()
  })

  it('answers 503, to be tried again, while no process of a cluster can answer for all', async () => {
    const handler = createPageHandler({
      ...{ slice: createSlices(), clock: createSystemClock(), logger: quietLogger },
      page: async () => {
        throw new HubGone()
      },
    })
    const server = createServer(handler).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const answer = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`)
    assert.deepEqual([answer.status, answer.headers.get('retry-after')], [503, '1'])
    assert.match(await answer.text(), /the process that serves the page of all is gone; try again/)
    server.close()
    server.closeAllConnections()
  })

  it('answers 300 scrapes at once, each with a whole page', async () => {
    const system = drivePrometheus({}, { health: false })
    for (let i = 0; i < 1000; i++) system.emit('work', { duration_ms: i }, { user: i })
    const port = system.describe(await system.open()).port as number
    const answers = await Promise.all(
      Array.from({ length: 300 }, () => ask(port, '/metrics', { agent: false })),
    )
    const sizes = new Set(answers.map(({ body }) => body.length))
    assert.deepEqual([answers.every(({ status }) => status === 200), sizes.size], [true, 1])
    await system.closeAll()
  })
})
