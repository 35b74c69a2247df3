// TLS with an authority and a client certificate of one's own; a handshake that fails has sent nothing.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createServer as createPlainServer } from 'node:net'
import { createServer, type TlsOptions } from 'node:tls'
import { fileURLToPath } from 'node:url'
import {
  type HttpClient,
  openHttpClient,
  outcomeOf,
  readTls,
  type TlsMaterial,
} from '../../../src/exporters/http/http.ts'
import { type Loopback, loopback, ok } from './loopback.ts'

const path = (name: string): string => fileURLToPath(new URL(`certificates/${name}`, import.meta.url))
const pem = (name: string): Promise<string> => readFile(path(name), 'utf8')
const body = Buffer.from('telemetry')

describe('the HTTP transport over TLS', () => {
  let server: Loopback
  let client: HttpClient | undefined

  const listen = async (options: TlsOptions = {}) => {
    server = await loopback(
      (socket) => void socket.write(ok),
      createServer({ key: await pem('server.key'), cert: await pem('server.pem'), ...options }),
    )
  }
  const post = (tls?: TlsMaterial, url = server.url) => {
    client = openHttpClient({ url, ...(tls && { tls }) })
    return client.post(body)
  }

  afterEach(async () => {
    await client?.close()
    await server?.close()
  })

  it('trusts the authority it is given', async () => {
    await listen()
    const tls = await readTls({ ca: path('ca.pem') })
    assert.deepEqual(outcomeOf(await post(tls)), { type: 'delivered' })
    assert.deepEqual(outcomeOf(await client!.post(body)), { type: 'delivered' })
    assert.equal(server.sockets.length, 1)
  })

  it('sends nothing to a server it cannot trust', async () => {
    await listen()
    const answer = await post()
    assert(answer.type === 'failed')
    assert.deepEqual([answer.cause.code, answer.sent], ['HTTP_CONNECT_FAILED', 'nothing'])
    assert.match(answer.cause.message, /UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED/)
  })

  it('sends nothing to a server of another name', async () => {
    await listen({ key: await pem('client.key'), cert: await pem('client.pem') })
    const ca = await pem('ca.pem')
    assert.deepEqual(outcomeOf(await post({ ca })), { type: 'delivered' })
    await client!.close()
    const answer = await post({ ca }, server.url.replace('127.0.0.1', '127.0.0.2'))
    assert(answer.type === 'failed')
    assert.equal(answer.sent, 'nothing')
  })

  it('shows its own certificate', async () => {
    const ca = await pem('ca.pem')
    await listen({ ca, requestCert: true, rejectUnauthorized: true })
    const tls = await readTls({ ca, cert: path('client.pem'), key: path('client.key') })
    assert.deepEqual(outcomeOf(await post(tls)), { type: 'delivered' })
    await client!.close()
    const rejected = await post({ ca })
    assert.equal(rejected.type, 'failed')
    assert.equal(outcomeOf(rejected).type, 'retry')
  })

  it('sends nothing to a server without TLS', async () => {
    const plain = createPlainServer((socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    server = await loopback(() => {}, plain)
    const answer = await post(undefined, server.url.replace('http:', 'https:'))
    assert(answer.type === 'failed')
    assert.equal(answer.sent, 'nothing')
  })

  it('reads PEM texts and files, and neither for an empty setting', async () => {
    const ca = await pem('ca.pem')
    assert.deepEqual(await readTls({ ca, cert: '', key: path('client.key') }), {
      ca,
      key: await pem('client.key'),
    })
  })

  it('does not repeat a setting that names no file: it may be a key', async () => {
    await assert.rejects(readTls({ key: 'MIIEvQIBADANBg' }), (error: Error & { code: string }) => {
      assert.equal(error.code, 'TLS_FILE_UNREADABLE')
      assert.doesNotMatch(error.message, /MIIEvQ/)
      return true
    })
  })

  it('refuses malformed and half-given material when it is opened', async () => {
    await listen()
    const [cert, key] = [await pem('client.pem'), await pem('server.key')]
    const begin = '-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n'
    for (const tls of [
      { cert },
      { key },
      { cert, key },
      { ca: 'nonsense' },
      { ca: begin },
      { cert: begin, key },
    ])
      assert.throws(() => openHttpClient({ url: server.url, tls }), { code: 'TLS_INVALID' })
  })
})
