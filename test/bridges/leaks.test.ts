// Requests that are aborted, by whatever side, leave nothing behind: neither memory nor open spans nor subscriptions.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

import { compileProgram } from '../support/programs.ts'

/** How many requests are aborted while the heap is watched; 1,500 before them. */
const watched = process.env.TELEMACHINE_NIGHTLY === '1' ? 10_000 : 3000

describe('thousands of aborted requests', () => {
  it('are all ended as errors, and leave no memory and no subscription behind', async () => {
    const program = await compileProgram(`
      import { createServer, request } from 'node:http'
      import { connect } from 'node:net'
      import { createTelemetry } from './src/telemetry.ts'
      import { bridgeAll } from './src/bridges/index.ts'
      const { hasSubscribers } = await import('node:diagnostics_channel')
      const telemetry = createTelemetry({ config: { env: {}, init: { prometheus: { port: 0 } } }, drainOnExit: false })
      await telemetry.start()
      const ends = { server: 0, client: 0 }
      telemetry.attach('ends', ['http.*.error', 'http.*.success'], ({ name, metadata }) => {
        if (name.endsWith('.error') && metadata['error.type'] !== undefined) ends[name.split('.')[1]]++
      })
      const unsubscribe = bridgeAll(telemetry)
      let arrived = 0
      const waiting = new Map()
      const server = createServer((asked, response) => {
        arrived++
        if (asked.url.startsWith('/half')) response.write('some')
        waiting.get(asked.url)()
        waiting.delete(asked.url)
      })
      await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
      const { port } = server.address()
      const arrival = (path) => new Promise((resolve) => waiting.set(path, resolve))
      const closed = (stream) => new Promise((resolve) => stream.once('close', resolve))
      const ways = [
        async (id) => {
          const here = arrival('/never' + id)
          const asked = request({ port, host: '127.0.0.1', path: '/never' + id })
          asked.on('error', () => {})
          asked.end()
          await here
          asked.destroy()
          await closed(asked)
        },
        async (id) => {
          const controller = new AbortController()
          const here = arrival('/half' + id)
          const url = 'http://127.0.0.1:' + port + '/half' + id
          const asked = fetch(url, { signal: controller.signal }).then((r) => r.text()).catch(() => {})
          await here
          controller.abort()
          await asked
        },
        async (id) => {
          const here = arrival('/body' + id)
          const socket = connect(port, '127.0.0.1')
          socket.write('POST /body' + id + ' HTTP/1.1\\r\\nhost: a\\r\\ncontent-length: 9\\r\\n\\r\\nhalf')
          await here
          socket.destroy()
          await closed(socket)
        },
      ]
      let ids = 0
      const worker = async (until) => {
        while (ids < until) await ways[ids % 3](ids++)
      }
      const abort = async (count) => {
        const until = ids + count
        await Promise.all(Array.from({ length: 20 }, () => worker(until)))
        while (ends.server < arrived) await new Promise((resolve) => setImmediate(resolve))
        await telemetry.flush()
        for (let i = 0; i < 6; i++) {
          await new Promise((resolve) => setTimeout(resolve, 50))
          gc()
        }
        return process.memoryUsage().heapUsed
      }
      await abort(1000)
      const before = await abort(500)
      const after = await abort(${watched})
      unsubscribe()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await new Promise((resolve) => setTimeout(resolve, 100))
      const channels = ['http.server.request.start', 'http.server.response.finish', 'http.client.request.start',
        'http.client.request.created', 'http.client.response.finish', 'undici:request:create', 'undici:request:error']
      console.log(JSON.stringify({ arrived, ends, grown: after - before, heard: channels.filter(hasSubscribers) }))
      await telemetry.stop()
      process.exit()`)
    const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', program], {
      timeout: 240_000,
    })
    const { arrived, ends, grown, heard } = JSON.parse(stdout)
    const all = 1500 + watched
    assert.equal(arrived, all)
    // Two of three requests are made by a client that is bridged.
    assert.deepEqual(ends, { server: all, client: Math.ceil((all * 2) / 3) })
    // A span that is kept takes 500 bytes and more, and there are five for three requests. Without any bridge it varies by a megabyte.
    assert.ok(grown < 2_000_000, `${grown} bytes more`)
    assert.deepEqual(heard, [])
  })
})
