/**
 * The memory of a request is written over by a later one. Whatever a backend does, and however late a socket reads what it
 * was given, a backend receives no byte that is not of the request at hand.
 */
import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, Socket } from 'node:net'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { createSystemClock } from '../../../src/clock.ts'
import { createEncoder } from '../../../src/exporters/otel/encode/encode.ts'
import { EncodedItem } from '../../../src/exporters/otel/encoded-item.ts'
import { openNativeClient } from '../../../src/exporters/otel/native-client.ts'
import { detectOrigin } from '../../../src/exporters/otel/resource.ts'
import { traces } from '../../../src/exporters/otel/signal.ts'
import { quietLogger } from '../../support/quiet-logger.ts'
import { otelConfig } from './driven-spans.ts'

const nightly = process.env.TELEMACHINE_NIGHTLY === '1'
const clock = createSystemClock()

/**
 * How a backend takes a request. Early: it answers before it reads the body, and reads it then; with an error it throws
 * the body away.
 */
const manners = ['take', 'unauthorized', 'early', 'early_413', 'early_401', 'reset', 'hang', 'cut'] as const

const request = fc.record({
  manner: fc.constantFrom(...manners),
  kib: fc.integer({ min: 1, max: 300 }),
  /** How many turns of the event loop the socket holds the body before it reads it. */
  heldTurns: fc.constantFrom(0, 0, 1, 3, 10),
  /** How many turns later the attempt is aborted, if the backend hangs. */
  abortTurns: fc.integer({ min: 0, max: 12 }),
})
type Request = typeof request extends fc.Arbitrary<infer Value> ? Value : never

const turns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** A span of a size that no other has, as far as the exporter looks at it. */
const itemOf = (index: number, kib: number): EncodedItem => {
  const bytes = Buffer.alloc(kib * 1024 + index, index + 1)
  return new EncodedItem(bytes, 0, bytes.length)
}

/** Has sockets that are opened send the head of a request at once, and read its body some turns later. */
function holdBodies(heldTurns: () => number): () => void {
  const { _writev: write } = Socket.prototype as { _writev?: Socket['_writev'] }
  const onSocket = (message: unknown): void => {
    const { socket } = message as { socket: Socket }
    socket._writev = (chunks, done) => {
      if (chunks.length < 2) return write!.call(socket, chunks, done)
      write!.call(socket, chunks.slice(0, 1), (error) => {
        if (error) return done(error)
        void turns(heldTurns()).then(() => write!.call(socket, chunks.slice(1), done))
      })
    }
  }
  subscribe('net.client.socket', onSocket)
  return () => unsubscribe('net.client.socket', onSocket)
}

async function bodyOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  message.on('data', (chunk: Buffer) => chunks.push(chunk))
  // A request that has been answered does not hear that its connection has closed.
  const { socket } = message
  await new Promise<void>((resolve) => {
    socket.once('close', resolve)
    message.once('end', () => {
      socket.off('close', resolve)
      resolve()
    })
  })
  return Buffer.concat(chunks)
}

describe('the memory of requests', () => {
  const exchange = async (requests: readonly Request[], compression: string): Promise<void> => {
    const left = [...requests]
    const bodies: Promise<{ readonly body: Buffer; readonly complete: boolean }>[] = []
    let held: readonly number[] = requests.map(({ heldTurns }) => heldTurns)

    const answer = (message: IncomingMessage, response: ServerResponse): void => {
      const manner = left.shift()?.manner ?? 'take'
      const [kind, status = manner === 'unauthorized' ? '401' : '200'] = manner.split('_')
      if (kind === 'early') response.writeHead(Number(status)).end()
      if (kind === 'early' && status !== '200') return
      const body = bodyOf(message)
      bodies.push(body.then((bytes) => ({ body: bytes, complete: message.complete })))
      if (manner === 'reset') message.once('data', () => message.socket.resetAndDestroy())
      if (manner === 'early' || manner === 'reset') return
      message.once('end', () => {
        if (manner === 'hang') return
        if (manner !== 'cut') {
          response.writeHead(Number(status)).end()
          return
        }
        response.writeHead(200, { 'content-length': 10 }).write('x')
        setImmediate(() => message.socket.destroy())
      })
    }
    const server = createServer(answer)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const release = holdBodies(() => {
      const [first = 0, ...others] = held
      held = others
      return first
    })

    const config = otelConfig({ endpoint: `http://127.0.0.1:${port}`, compression })
    let asked = 0
    const headers = () => ({ authorization: `Bearer ${asked++}` })
    const client = await openNativeClient(config, { clock, logger: quietLogger, state: {} }, traces, {
      headers,
      headersTimeoutMs: 10_000,
      memories: new WeakMap(),
    })
    const { encode } = createEncoder(await detectOrigin(config))
    const expected = new Map<number, Buffer>()
    let last: Promise<unknown> = Promise.resolve()
    // Three at a time.
    const workers: Promise<unknown>[] = [last, last, last]
    for (const [index, { kib, manner, abortTurns }] of requests.entries()) {
      const items = [itemOf(index, kib)]
      const whole = Buffer.from(encode(items))
      expected.set(whole.length, whole)
      const abort = new AbortController()
      last = workers[index % workers.length]!.then(async () => {
        const sent = client.export(items, { signal: abort.signal, config })
        // Another may be the one that hangs: they arrive in any order.
        if (requests.some((one) => one.manner === 'hang'))
          void turns(manner === 'hang' ? abortTurns : 200).then(() => abort.abort())
        await sent
      })
      workers[index % workers.length] = last
    }
    await Promise.all(workers)
    await client.close()
    server.closeAllConnections()
    const received = await Promise.all(bodies)
    server.close()
    release()
    for (const { body, complete } of received) {
      if (complete) {
        const bytes = compression === 'gzip' ? gunzipSync(body) : body
        assert.ok(expected.get(bytes.length)?.equals(bytes), 'a body is that of one request')
      } else if (compression === 'none')
        assert.ok(
          [...expected.values()].some((whole) => whole.subarray(0, body.length).equals(body)),
          'what arrives of a body is the beginning of one',
        )
    }
  }

  for (const compression of ['none', 'gzip'])
    it(`is not written over before it was read, with compression ${compression}`, async function () {
      this.timeout(nightly ? 3_000_000 : 60_000)
      const list = fc.array(request, { minLength: 1, maxLength: 30, size: 'max' })
      await fc.assert(
        fc.asyncProperty(list, (requests) => exchange(requests, compression)),
        { numRuns: nightly ? 1000 : 25, interruptAfterTimeLimit: nightly ? 2_900_000 : 40_000 },
      )
    })
})
