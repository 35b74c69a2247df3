/**
 * TLS that goes wrong, before, in and after the handshake: each request ends in time, nothing counts as sent that was not,
 * nothing is sent again that was acknowledged, and the error says what to try.
 */
import assert from 'node:assert/strict'
import { connect, createServer as createPlainServer, type Socket } from 'node:net'
import { createServer, type TLSSocket, type TlsOptions } from 'node:tls'
import {
  type HttpClient,
  openHttpClient,
  outcomeOf,
  type TlsMaterial,
} from '../../../src/exporters/http/http.ts'
import { createCertificate } from '../../../src/testing/backend/certificate.ts'
import { inTime } from '../../support/in-time.ts'
import { gone, type Loopback, loopback, ok } from './loopback.ts'

const body = Buffer.from('telemetry')
const day = 24 * 3_600_000
const tlsKeys = { authority: 'certificate', client: 'client_certificate and client_key' }

describe('the HTTP transport over TLS that fails', () => {
  const good = createCertificate()
  let server: Loopback
  let client: HttpClient | undefined

  const opened: { close(): Promise<void> }[] = []
  afterEach(async () => {
    for (const one of opened.splice(0).reverse()) await one.close()
  })

  const serve = async (options: TlsOptions, script = (socket: Socket): void => void socket.write(ok)) => {
    server = await loopback(script, createServer({ ...good, ...options }))
    opened.push(server)
  }
  /** A server that has the raw connection. */
  const serveRaw = async (accept: (socket: Socket) => void) => {
    const raw = createPlainServer((socket) => {
      socket.on('error', () => {})
      accept(socket)
    })
    server = await loopback(() => {}, raw)
    opened.push(server)
  }
  const post = (tls?: TlsMaterial, timeoutMs = 5_000) => {
    client = openHttpClient({ url: server.url.replace('http:', 'https:'), tlsKeys, ...(tls && { tls }) })
    opened.push(client)
    return client.post(body, { timeoutMs })
  }
  const trusting: TlsMaterial = { ca: good.cert }

  /** It never got as far as the request: it may be sent again, and nobody can have it. */
  const assertNothingSent = async (expected: RegExp, tls?: TlsMaterial): Promise<void> => {
    const attempt = await post(tls)
    assert(attempt.type === 'failed')
    assert.equal(attempt.cause.code, 'HTTP_CONNECT_FAILED')
    assert.match(attempt.cause.message, expected)
    const outcome = outcomeOf(attempt)
    assert(outcome.type === 'retry')
    assert.equal(outcome.ambiguous, undefined)
    await client?.close()
    assert.equal(client?.connections(), 0)
  }

  describe('for its certificate', () => {
    it('says how to trust one that is self-signed', async () => {
      await serve({})
      await assertNothingSent(/SELF_SIGNED_CERT\): .* set certificate to a PEM file/)
    })

    it('says that it has expired', async () => {
      const expired = createCertificate({ from: Date.now() - 2 * day, to: Date.now() - day })
      await serve(expired)
      await assertNothingSent(/CERT_HAS_EXPIRED\): .* renew it, or check the clock/, { ca: expired.cert })
    })

    it('says that it is not valid yet', async () => {
      const early = createCertificate({ from: Date.now() + day })
      await serve(early)
      await assertNothingSent(/CERT_NOT_YET_VALID\): .* check the clock/, { ca: early.cert })
    })

    it('says that it is for another host', async () => {
      const foreign = createCertificate({ host: 'collector.example' })
      await serve(foreign)
      await assertNothingSent(/ALTNAME_INVALID\): its certificate is for other names/, { ca: foreign.cert })
    })

    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const)
      it(`says that the server wants one of the client, over ${maxVersion}`, async () => {
        await serve({ maxVersion, requestCert: true, rejectUnauthorized: true, ca: good.cert })
        await assertNothingSent(/wants a certificate of the client.*set client_certificate/, trusting)
      })

    it('meets the next one of a server with the next connection, and not before', async () => {
      const expired = createCertificate({ from: Date.now() - 2 * day, to: Date.now() - day })
      const secure = createServer(good)
      server = await loopback((socket) => void socket.write(ok), secure)
      opened.push(server)
      assert.equal((await post({ ca: good.cert + expired.cert })).type, 'response')
      secure.setSecureContext(expired)
      assert.equal((await client!.post(body)).type, 'response')
      server.sockets[0]!.destroy()
      while (client!.connections() > 0) await new Promise((resolve) => setImmediate(resolve))
      const attempt = await client!.post(body)
      assert(attempt.type === 'failed')
      assert.match(attempt.cause.message, /CERT_HAS_EXPIRED/)
    })
  })

  describe('in the handshake', () => {
    const faults: Readonly<Record<string, (socket: Socket) => void>> = {
      'ends at once': (socket) => socket.end(),
      'ends at the first message': (socket) => socket.once('data', () => socket.end()),
      'resets at the first message': (socket) => socket.once('data', () => socket.resetAndDestroy()),
      'answers with noise': (socket) => socket.once('data', () => socket.end(Buffer.alloc(200, 0xa5))),
      'answers with another protocol': (socket) => socket.write('SSH-2.0-OpenSSH_9.2p1\r\n'),
      'answers in plain HTTP': (socket) =>
        socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')),
      'sends an alert': (socket) =>
        socket.once('data', () => socket.end(Buffer.from('15030300020228', 'hex'))),
    }
    for (const [what, accept] of Object.entries(faults))
      it(`fails at a server that ${what}`, async () => {
        await serveRaw(accept)
        await assertNothingSent(/cannot connect to https:\/\/127\.0\.0\.1:\d+\/v1\/traces/)
      })

    it('is given up in time when the server says nothing, or stops in the middle', async () => {
      await serve({})
      const { port } = server
      for (const passed of [0, 1, 5, 60, 300]) {
        // Passes on so many bytes of the server's part, and then nothing more.
        await serveRaw((socket) => {
          const real = connect(port, '127.0.0.1')
          let left = passed
          real.on('error', () => {})
          socket.on('data', (chunk) => real.write(chunk))
          socket.on('close', () => real.destroy())
          real.on('data', (chunk) => {
            socket.write(chunk.subarray(0, left))
            left = Math.max(left - chunk.length, 0)
          })
        })
        const attempt = await inTime(3_000, 'the end of the attempt', post(trusting, 200))
        assert(attempt.type === 'failed')
        assert.deepEqual([attempt.cause.code, attempt.sent], ['HTTP_TIMEOUT', 'nothing'])
      }
    })

    it('refuses versions before 1.2, and takes 1.2', async () => {
      await serve({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' })
      await assertNothingSent(/no version of TLS from 1\.2 on/, trusting)
      await serve({ maxVersion: 'TLSv1.2' })
      assert.deepEqual(outcomeOf(await post(trusting)), { type: 'delivered' })
      assert.equal((server.sockets[0] as TLSSocket).getProtocol(), 'TLSv1.2')
    })
  })

  describe('after the handshake', () => {
    it('delivers across a renegotiation', async () => {
      await serve({ maxVersion: 'TLSv1.2' }, (socket) => {
        ;(socket as TLSSocket).renegotiate({}, () => void socket.write(ok))
      })
      assert.deepEqual(outcomeOf(await post(trusting)), { type: 'delivered' })
      assert.deepEqual(outcomeOf(await client!.post(body)), { type: 'delivered' })
    })

    it('gives up a server that renegotiates for ever', async () => {
      let rounds = 0
      await serve({ maxVersion: 'TLSv1.2' }, (socket) => {
        const again = (): void => {
          rounds += 1
          if (!socket.destroyed) (socket as TLSSocket).renegotiate({}, () => setImmediate(again))
        }
        again()
      })
      const attempt = await post(trusting, 300)
      assert(attempt.type === 'failed')
      assert.deepEqual([attempt.cause.code, attempt.sent], ['HTTP_TIMEOUT', 'maybe'])
      assert.ok(rounds > 0)
      await gone(server.sockets[0]!)
    })

    it('does not send again what was acknowledged, though the answer is cut short', async () => {
      for (const cut of ['end', 'destroy'] as const) {
        await serve({}, (socket) => {
          socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf', () => socket[cut]())
        })
        assert.deepEqual(outcomeOf(await post(trusting)), { type: 'delivered' })
      }
    })

    it('does not know what became of a request when the answer has not begun', async () => {
      const cuts: readonly ((socket: Socket) => void)[] = [
        (socket) => socket.end(),
        (socket) => socket.destroy(),
        (socket) => void socket.write('HTTP/1.1 20', () => socket.destroy()),
        (socket) => void socket.end('SSH-2.0\r\n'),
      ]
      for (const cut of cuts) {
        await serve({}, cut)
        const outcome = outcomeOf(await post(trusting))
        assert(outcome.type === 'retry')
        assert.equal(outcome.ambiguous, true)
      }
    })

    it('does not know either when the records turn to noise', async () => {
      await serve({})
      const { port } = server
      await serveRaw((socket) => {
        const real = connect(port, '127.0.0.1')
        let passed = 0
        real.on('error', () => {})
        socket.on('data', (chunk) => real.write(chunk))
        socket.on('close', () => real.destroy())
        // The server's part of the handshake passes; instead of an answer comes a record that nobody can read.
        real.on('data', (chunk) => {
          passed += 1
          socket.write(
            passed === 1 ? chunk : Buffer.from('170303001401020304010203040102030401020304010203', 'hex'),
          )
        })
      })
      const attempt = await post(trusting, 2_000)
      assert(attempt.type === 'failed')
      assert.equal(attempt.sent, 'maybe')
    })
  })
})
