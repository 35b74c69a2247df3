// Whatever a proxy answers to a CONNECT, the destination has heard nothing, the error names the proxy without its
// credentials, and no connection is left.

import assert from 'node:assert/strict'
import { openHttpClient, outcomeOf } from '../../../src/exporters/http/http.ts'
import { loopback, type Script } from './loopback.ts'

const password = 'c4nary-pw'
const established = 'HTTP/1.1 200 Connection established\r\n\r\n'

/** What each proxy does, the code of the error, and what its message says. */
const table: readonly (readonly [what: string, script: Script, code: string, message: RegExp])[] = [
  [
    'answers 502',
    (socket) => void socket.end('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 3\r\n\r\nno!'),
    'HTTP_PROXY_REFUSED',
    /answered HTTP 502 when asked to connect to collector.test:443/,
  ],
  [
    'answers with a redirect',
    (socket) => void socket.end('HTTP/1.1 302 Found\r\nLocation: http://login.test/\r\n\r\n'),
    'HTTP_PROXY_REFUSED',
    /answered HTTP 302/,
  ],
  [
    'switches protocols',
    (socket) => void socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n'),
    'HTTP_PROXY_REFUSED',
    /answered HTTP 101/,
  ],
  [
    'says 100 before anything else',
    (socket) => void socket.write('HTTP/1.1 100 Continue\r\n\r\n'),
    'HTTP_PROXY_REFUSED',
    /answered HTTP 100/,
  ],
  ['closes at once', (socket) => void socket.end(), 'HTTP_PROXY_UNREACHABLE', /cannot reach the proxy/],
  ['resets', (socket) => void socket.resetAndDestroy(), 'HTTP_PROXY_UNREACHABLE', /\(ECONNRESET\)/],
  [
    'closes within its answer',
    (socket) => void socket.end('HTTP/1.1 200'),
    'HTTP_PROXY_UNREACHABLE',
    /proxy/,
  ],
  [
    'is none',
    (socket) => void socket.end('SSH-2.0-OpenSSH_9.9\r\n'),
    'HTTP_PROXY_UNREACHABLE',
    /\(HPE_INVALID_CONSTANT\)/,
  ],
  [
    'never ends its headers',
    (socket) => void socket.write(`HTTP/1.1 200 OK\r\n${'a: b\r\n'.repeat(9_999)}`),
    'HTTP_PROXY_UNREACHABLE',
    /\(HPE_HEADER_OVERFLOW\)/,
  ],
  [
    'opens a tunnel and closes it',
    (socket) => void socket.end(established),
    'HTTP_CONNECT_FAILED',
    /cannot connect to https:\/\/collector.test\/v1\/traces through the proxy/,
  ],
  [
    'opens a tunnel to something without TLS',
    (socket) => void socket.write(`${established}hello, this is plain text`),
    'HTTP_CONNECT_FAILED',
    /through the proxy .*it does not speak TLS there/,
  ],
]

describe('a proxy that', () => {
  const attempt = async (script: Script, timeoutMs = 5_000) => {
    const server = await loopback(script)
    const client = openHttpClient({
      url: 'https://collector.test/v1/traces',
      proxy: `http://me:${password}@127.0.0.1:${server.port}`,
    })
    try {
      const answer = await client.post(Buffer.from('x'), { timeoutMs })
      assert(answer.type === 'failed')
      const { message } = answer.cause
      assert.ok(message.includes(`the proxy http://127.0.0.1:${server.port}`), message)
      assert.ok(!message.includes(password) && !message.includes('me:'), message)
      assert.equal(answer.sent, 'nothing')
      const outcome = outcomeOf(answer)
      assert(outcome.type === 'retry' && outcome.ambiguous === undefined)
      while (client.connections() > 0) await new Promise((resolve) => setImmediate(resolve))
      return answer.cause
    } finally {
      await client.close()
      await server.close()
    }
  }

  for (const [what, script, code, message] of table)
    it(what, async () => {
      const cause = await attempt(script)
      assert.equal(cause.code, code, cause.message)
      assert.match(cause.message, message)
    })

  for (const [what, beginning] of [
    ['says nothing', ''],
    ['stops within its answer', 'HTTP/1.1 200 OK\r\nVia:'],
    ['opens a tunnel that is silent', established],
  ] as const)
    it(`${what}, until the deadline`, async () => {
      const cause = await attempt((socket) => void (beginning && socket.write(beginning)), 100)
      assert.equal(cause.code, 'HTTP_TIMEOUT')
    })
})
