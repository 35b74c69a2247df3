// Many changes under load over real HTTP leave no socket, listener, client or actor, and the heap settles.
import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { TelemetryEvent } from '../../src/bus/event.ts'
import type { Telemetry } from '../../src/contract.ts'
import { defineExporter } from '../../src/exporters/exporter.ts'
import { type HttpClient, openHttpClient, outcomeOf } from '../../src/exporters/http/http.ts'
import { createTelemetry } from '../../src/telemetry.ts'
import { createPatience } from '../../src/testing/patience.ts'
import { assertExact } from '../support/ledger.ts'
import { quietLogger } from '../support/quiet-logger.ts'

const changes = process.env.TELEMACHINE_NIGHTLY === '1' ? 1000 : 200
const eventsPerChange = 4
setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Sockets, servers and watched files. Our timers are counted where time is simulated. */
const resources = (): string[] =>
  process.getActiveResourcesInfo().filter((name) => /TCP|FSEvent|GetAddrInfo|Immediate/.test(name))
/** The resources that are not among those of `before`. */
function added(before: readonly string[]): string[] {
  const rest = resources()
  for (const name of before) if (rest.includes(name)) rest.splice(rest.indexOf(name), 1)
  return rest
}
const listeners = (): number =>
  process.eventNames().reduce((count, name) => count + process.listenerCount(name), 0)
const heap = (): number => {
  collectGarbage()
  return process.memoryUsage().heapUsed
}
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Posts the names of events, one a line. */
const poster = (open: Set<HttpClient>) =>
  defineExporter<HttpClient>({
    type: 'poster',
    schema: { endpoint: { format: 'http-url', default: null, change: 'rebuild', doc: 'Where to.' } },
    open: (config) => {
      const client = openHttpClient({ url: String(config.endpoint) })
      open.add(client)
      return client
    },
    export: async (client, batch: readonly TelemetryEvent[], { signal, clock }) => {
      const body = Buffer.from(batch.map(({ name }) => name).join('\n'))
      return outcomeOf(await client.post(body, { signal }), { now: clock.now(), redact: client.redact })
    },
    close: async (client) => {
      await client.close()
      open.delete(client)
    },
  })

describe(`${changes} changes in flight`, () => {
  let before: { resources: string[]; listeners: number }
  let servers: Server[]
  let clients: Set<HttpClient>
  let arrived: number
  let telemetry: Telemetry

  const listening = async (): Promise<Server> => {
    const server = createServer((request, response) => {
      let body = ''
      request.on('data', (piece) => {
        body += piece
      })
      request.on('end', () => {
        arrived += body.split('\n').length
        response.end()
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return server
  }
  const urlOf = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const connections = (server: Server): Promise<number> =>
    new Promise((resolve) => server.getConnections((_, count) => resolve(count)))

  beforeEach(async () => {
    before = { resources: resources(), listeners: listeners() }
    arrived = 0
    clients = new Set()
    servers = [await listening(), await listening()]
    telemetry = createTelemetry({
      types: [poster(clients)],
      logger: quietLogger,
      config: {
        env: {},
        init: {
          poster: {
            endpoint: urlOf(servers[0]!),
            batch_size: 4,
            flush_interval: 0.01,
            event_patterns: ['job.*'],
          },
        },
      },
    })
    await telemetry.start()
  })

  afterEach(async () => {
    await telemetry.stop()
    for (const server of servers) {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    }
    // Closed sockets are gone some turns later.
    const isOver = createPatience(5_000)
    while (added(before.resources).length > 0 && !isOver()) await turn()
    assert.deepEqual(added(before.resources), [])
    assert.equal(listeners(), before.listeners)
  })

  /** The second half must not need more heap than the first. */
  const run = async (change: (i: number) => Promise<unknown>): Promise<void> => {
    let settled = 0
    for (let i = 0; i < changes; i += 1) {
      for (let n = 0; n < eventsPerChange; n += 1) telemetry.emit('job.done')
      const changed = change(i)
      await turn()
      await changed
      assert.ok(clients.size <= 10, `${clients.size} clients are open`)
      if (i === changes / 2) settled = heap()
    }
    const grown = heap() - settled
    assert.ok(grown < 4 * 1024 * 1024, `the heap grew by ${grown} bytes`)
  }

  const end = async (): Promise<void> => {
    const report = await telemetry.stop()
    const ledger = report.exporters.poster!
    assertExact(ledger)
    assert.deepEqual(ledger.dropped, {})
    // A request that a further change cut may have arrived.
    assert.ok(arrived >= ledger.delivered && arrived <= ledger.delivered + ledger.ambiguous)
    assert.equal(clients.size, 0)
    const { exporter, delivery } = telemetry.snapshot().exporters.poster!
    assert.deepEqual([exporter, delivery], ['stopped', 'halted'])
    for (const server of servers) while ((await connections(server)) > 0) await turn()
  }

  it('of the endpoint', async () => {
    await run((i) => telemetry.config.put('poster.endpoint', urlOf(servers[(i + 1) % 2]!)))
    assert.equal(telemetry.status().config.version, 1 + changes)
    await end()
    assert.equal(telemetry.status().exporters.poster?.ledger.delivered, changes * eventsPerChange)
  })

  it('of whether it is enabled', async () => {
    await run((i) => telemetry.config.put('poster.enabled', i % 2 === 1))
    await end()
  })
})
