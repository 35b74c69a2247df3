import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import type { Random } from './random.ts'

/** One request, in the hands of a fault. */
export interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** Plain or TLS: what an answer is written to that no HTTP server would give. */
  readonly wire: Socket
  readonly random: Random
  /** The backend has taken what the request held, but for the last `rejected` items. */
  take(rejected?: number): void
  /** A body that says that so many items were rejected, as the backend's protocol says it. */
  partial(rejected: number, message: string): { readonly type: string; readonly body: Uint8Array }
  /** Resets the connection. */
  reset(): void
  /** Ends with the connection. */
  later(ms: number, act: () => void): void
}

/** What a backend does to a request. */
export interface Fault {
  readonly name: string
  /** How much of the request is read before it is played. Default: all of it. */
  readonly when?: 'headers' | 'body'
  /** Clears no earlier than that. Seconds. */
  readonly asksToWait?: number
  play(exchange: Exchange): void
}

const answer = (
  { response }: Exchange,
  status: number,
  body: string | Uint8Array = '',
  headers: Record<string, string> = {},
): void => {
  response.writeHead(status, { 'content-type': 'application/x-protobuf', ...headers })
  response.end(body)
}

/** The backend says that it took all of it. */
const ok = (name: string, play: (exchange: Exchange) => void): Fault => ({
  name,
  play: (exchange) => {
    exchange.take()
    play(exchange)
  },
})
/** Whoever sent it cannot know. */
const unknown = (name: string, play: (exchange: Exchange) => void): Fault => ({
  name,
  play: (exchange) => {
    if (exchange.random.chance(0.5)) exchange.take()
    play(exchange)
  },
})
const none = (name: string, play: (exchange: Exchange) => void, when?: Fault['when']): Fault => ({
  name,
  play,
  ...(when && { when }),
})
const status = (code: number, when?: Fault['when']): Fault =>
  none(
    `status ${code}${when ? ` after the ${when}` : ''}`,
    (exchange) => {
      if (when) exchange.response.shouldKeepAlive = false
      answer(exchange, code, `no, ${code}`)
    },
    when,
  )
const retryAfter = (code: number, value: string, asksToWait?: number): Fault => ({
  name: `status ${code}, Retry-After: ${value}`,
  play: (exchange) => answer(exchange, code, '', { 'retry-after': value }),
  ...(asksToWait && { asksToWait }),
})
const raw =
  (text: string | Uint8Array, end: 'end' | 'destroy' | 'open' = 'end') =>
  ({ wire }: Exchange): void => {
    wire.write(text, () => {
      if (end !== 'open') wire[end]()
    })
  }
const head = 'HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\n'

const drip = (exchange: Exchange, text: string, everyMs: number): void => {
  const [first, rest] = [text.slice(0, 1), text.slice(1)]
  exchange.wire.write(first)
  if (rest !== '') exchange.later(everyMs, () => drip(exchange, rest, everyMs))
}
const pour = (exchange: Exchange, left: number): void => {
  const chunk = Buffer.alloc(65_536, 'x')
  const { response } = exchange
  let rest = left
  const more = (): void => {
    while (rest > 0 && !response.destroyed) {
      rest -= chunk.length
      if (!response.write(chunk)) return
    }
    if (!response.writableEnded) response.end()
  }
  response.on('drain', more)
  more()
}

export const healthy: Fault = ok('ok', (exchange) => answer(exchange, 200))

export const faults: readonly Fault[] = [
  healthy,
  ok('202', (exchange) => answer(exchange, 202)),
  ok('204', (exchange) => answer(exchange, 204)),
  ok('200 with a web page', (exchange) => answer(exchange, 200, '<html>', { 'content-type': 'text/html' })),
  ok('200 with JSON', (exchange) => answer(exchange, 200, '{}', { 'content-type': 'application/json' })),
  ok('200 with noise', (exchange) => answer(exchange, 200, Buffer.alloc(64, 0xff))),
  ok('200 without a type', ({ response }) => response.end()),
  ok('200 of HTTP/1.0', raw('HTTP/1.0 200 OK\r\n\r\n')),
  ok('200 whose body is shorter than it says', raw(`${head}content-length: 1000\r\n\r\nabc`)),
  ok('200 whose body is longer than it says', raw(`${head}content-length: 1\r\n\r\nabcdef`)),
  ok('200 with a chunk that is none', raw(`${head}transfer-encoding: chunked\r\n\r\nzz\r\nabc\r\n`)),
  ok('200 with a body that never ends', raw(`${head}content-length: 1000\r\n\r\nabc`, 'open')),
  ok('200 byte by byte', (exchange) => drip(exchange, `${head}content-length: 2\r\n\r\n`, 2)),
  ok('200 after a while', (exchange) => exchange.later(60, () => answer(exchange, 200))),
  ok('200 too late', (exchange) => exchange.later(900, () => answer(exchange, 200))),
  ok('200 with 9 MiB', (exchange) => pour(exchange, 9 * 1024 * 1024)),
  ok('200 that declares 9 GiB', raw(`${head}content-length: 9663676416\r\n\r\nabc`, 'open')),
  ok('200 with a bomb', (exchange) =>
    answer(exchange, 200, gzipSync(Buffer.alloc(5_000_000)), { 'content-encoding': 'gzip' }),
  ),
  ok('200 and then a reset', (exchange) => {
    answer(exchange, 200)
    exchange.later(1, () => exchange.reset())
  }),
  ok('200 and then an end', (exchange) => {
    answer(exchange, 200, '', { connection: 'close' })
  }),
  ok('200 after early hints', ({ response }) => {
    for (let i = 0; i < 20; i += 1) response.writeEarlyHints({ link: '</>; rel=preload' })
    response.end()
  }),
  ok('200 with three thousand headers', ({ response }) => {
    for (let i = 0; i < 1_000; i += 1) response.setHeader(`x-${i}`, 'y')
    response.end()
  }),
  ...[1, 3, 1_000_000].map(
    (rejected): Fault => ({
      name: `partial success, ${rejected} rejected`,
      play: (exchange) => {
        exchange.take(rejected)
        const { type, body } = exchange.partial(rejected, 'too old')
        answer(exchange, 200, body, { 'content-type': type })
      },
    }),
  ),
  ok('partial success, a warning', (exchange) => {
    const { type, body } = exchange.partial(0, 'beware')
    answer(exchange, 200, body, { 'content-type': type })
  }),
  ...[300, 304, 400, 401, 403, 404, 405, 408, 409, 413, 415, 422, 429].map((code) => status(code)),
  ...[500, 501, 503, 505, 507, 599].map((code) => status(code)),
  ...[502, 504].map((code) => unknown(`status ${code}`, (exchange) => answer(exchange, code))),
  ...[400, 413, 503].flatMap((code) => [status(code, 'headers'), status(code, 'body')]),
  ...[301, 302, 307, 308].map((code) =>
    none(`a redirect, ${code}`, (exchange) =>
      answer(exchange, code, '', { location: 'http://127.0.0.1:1/' }),
    ),
  ),
  ...['1', '0', '-5', 'soon', '1.5', new Date(0).toUTCString()].map((value) => retryAfter(503, value)),
  retryAfter(429, '2'),
  retryAfter(429, '99999999', 300),
  none('a reset at the headers', ({ reset }) => reset(), 'headers'),
  none('a reset in the body', ({ reset }) => reset(), 'body'),
  unknown('a reset after the body', ({ reset }) => reset()),
  unknown('an end without a word', ({ wire }) => void wire.end()),
  unknown('half a status line', raw('HTTP/1.1 20')),
  unknown('half the headers', raw('HTTP/1.1 200 OK\r\nx-a: b\r\nx-c')),
  unknown('another protocol', raw('SSH-2.0-OpenSSH_9.2p1\r\n')),
  unknown('noise', raw(Buffer.alloc(300, 0xa7))),
  unknown('HTTP/2', raw(Buffer.from('000006040000000000000500004000', 'hex'))),
  unknown('a status that is none', raw('HTTP/1.1 OK fine\r\n\r\n')),
  unknown('headers without end', raw(`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(40_000)}\r\n\r\n`)),
  unknown('two lengths', raw(`${head}content-length: 1\r\ncontent-length: 2\r\n\r\nab`)),
  unknown(
    'another protocol by agreement',
    raw('HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n'),
  ),
  none('silence from the headers on', () => {}, 'headers'),
  none('silence from the body on', ({ request }) => void request.pause(), 'body'),
  unknown('silence', () => {}),
]
