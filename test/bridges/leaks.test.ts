// Requests that are aborted, by whatever side, leave nothing behind: neither memory nor open spans nor subscriptions.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const root = new URL('../../', import.meta.url)

describe('ten thousand aborted requests', function () {
  this.timeout(120_000)

  it('are all ended as errors, and leave no memory and no subscription behind', async () => {
    const program = `
      import { createServer, request } from 'node:http'
      import { connect } from 'node:net'
      import { createTelemetry } from '${new URL('src/telemetry.ts', root)}'
      import { bridgeAll } from '${new URL('src/bridges/index.ts', root)}'
      const { hasSubscribers } = await import('node:diagnostics_channel')
      const telemetry = createTelemetry({ config: { env: {}, init: { prometheus: { port: 0 } } }, drainOnExit: false })
      await telemetry.start()
      const ends = { server: 0, client: 0 }
      telemetry.attach('ends', ['http.*.error', 'http.*.success'], ({ name, metadata }) => {
        if (name.endsWith('.error') && metadata['error.type'] !== undefined) ends[name.split('.')[1]]++
      })
      const unsubscribe = bridgeAll(telemetry)
      let arrived = 0
      const server = createServer((asked, response) => {
        arrived++
        if (asked.url === '/half') response.write('some')
        whenArrived?.()
      })
      let whenArrived
      await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
      const { port } = server.address()
      const arrival = () => new Promise((resolve) => { whenArrived = resolve })
      const closed = (stream) => new Promise((resolve) => stream.once('close', resolve))
      const turns = [
        async () => {
          const here = arrival()
          const asked = request({ port, host: '127.0.0.1', path: '/never' })
          asked.on('error', () => {})
          asked.end()
          await here
          asked.destroy()
          await closed(asked)
        },
        async () => {
          const controller = new AbortController()
          const here = arrival()
          const asked = fetch('http://127.0.0.1:' + port + '/half', { signal: controller.signal }).then((r) => r.text())
          await here
          controller.abort()
          await asked.catch(() => {})
        },
        async () => {
          const here = arrival()
          const socket = connect(port, '127.0.0.1')
          socket.write('POST / HTTP/1.1\\r\\nhost: a\\r\\ncontent-length: 9\\r\\n\\r\\nhalf')
          await here
          socket.destroy()
          await closed(socket)
        },
      ]
      const abort = async (count) => {
        for (let i = 0; i < count; i++) await turns[i % turns.length]()
        while (ends.server < arrived) await new Promise((resolve) => setImmediate(resolve))
        await telemetry.flush()
        for (let i = 0; i < 4; i++) {
          await new Promise((resolve) => setTimeout(resolve, 50))
          gc()
        }
        return process.memoryUsage().heapUsed
      }
      await abort(2000)
      const before = await abort(1000)
      const after = await abort(10000)
      unsubscribe()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await new Promise((resolve) => setTimeout(resolve, 100))
      const channels = ['http.server.request.start', 'http.server.response.finish', 'http.client.request.start',
        'http.client.request.created', 'http.client.response.finish', 'undici:request:create', 'undici:request:error']
      console.log(JSON.stringify({ arrived, ends, grown: after - before, heard: channels.filter(hasSubscribers) }))
      await telemetry.stop()
      process.exit()`
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--expose-gc', '--import', 'tsx', '--input-type=module', '-e', program],
      { cwd: root, timeout: 110_000 },
    )
    const { arrived, ends, grown, heard } = JSON.parse(stdout)
    assert.equal(arrived, 13_000)
    assert.deepEqual(ends, { server: 13_000, client: 8666 + 1 })
    // 100 bytes a request would be a megabyte.
    assert.ok(grown < 500_000, `${grown} bytes more`)
    assert.deepEqual(heard, [])
  })
})
