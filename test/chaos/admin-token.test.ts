/**
 * The admin API's token: it is rotated under a running system without a moment in which nobody, or a former operator,
 * is let in; and comparing it tells nothing of it.
 */
import assert from 'node:assert/strict'
import crypto from 'node:crypto'
import { once } from 'node:events'
import { createServer, get, type IncomingMessage } from 'node:http'
import { syncBuiltinESMExports } from 'node:module'
import type { AddressInfo } from 'node:net'
import { type Admin, createAdmin } from '../../src/admin/index.ts'
import { createTelemetry, mock, type Telemetry } from '../../src/index.ts'
import { quietLogger } from '../support/quiet-logger.ts'

const former = 'former-token-0123456789'
const next = 'next-token-0123456789'

describe('the token of the admin API', () => {
  let telemetry: Telemetry
  const opened: Admin[] = []
  const closing: (() => Promise<unknown>)[] = []

  const open = (token: string): Admin => {
    const admin = createAdmin(telemetry, { token, logger: quietLogger })
    opened.push(admin)
    return admin
  }

  beforeEach(async () => {
    telemetry = createTelemetry({
      types: [mock()],
      config: { env: {}, init: { mock: {} } },
      logger: quietLogger,
      drainOnExit: false,
    })
    await telemetry.start()
  })
  afterEach(async () => {
    for (const admin of opened.splice(0)) await admin.close()
    for (const close of closing.splice(0)) await close()
    await telemetry.stop()
  })

  const request = (port: number, path: string, token: string): Promise<IncomingMessage> =>
    new Promise((resolve, reject) =>
      get(
        { host: '127.0.0.1', port, path, headers: { authorization: `Bearer ${token}`, connection: 'close' } },
        resolve,
      ).on('error', reject),
    )
  const statusOf = async (port: number, token: string): Promise<number> => {
    const response = await request(port, '/status', token)
    response.resume()
    return response.statusCode ?? 0
  }

  it('is rotated by a second handler in the place of the first, on the same port', async () => {
    let admin = open(former)
    const server = createServer((incoming, response) => admin.handler(incoming, response))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    closing.push(() => new Promise((resolve) => server.close(resolve)))
    const { port } = server.address() as AddressInfo
    assert.deepEqual([await statusOf(port, former), await statusOf(port, next)], [200, 401])
    const stream = await request(port, '/events', former)
    const ended = once(stream.resume(), 'close')

    const retired = admin
    admin = open(next)
    assert.deepEqual([await statusOf(port, former), await statusOf(port, next)], [401, 200])
    await retired.close()
    await ended
    assert.deepEqual([await statusOf(port, former), await statusOf(port, next)], [401, 200])
  })

  it('is compared as a digest of one length, once for each guess, however much of it is right', async () => {
    const { url } = await open(former).listen()
    const port = Number(new URL(url).port)
    const compared: number[][] = []
    const { timingSafeEqual } = crypto
    crypto.timingSafeEqual = ((a: Buffer, b: Buffer) => {
      compared.push([a.length, b.length])
      return timingSafeEqual(a, b)
    }) as typeof timingSafeEqual
    syncBuiltinESMExports()
    try {
      const guesses = [
        'x',
        former.slice(0, 1),
        former.slice(0, -1),
        `${former}x`,
        `x${former.slice(1)}`,
        former.toUpperCase(),
        'y'.repeat(1_024),
      ]
      for (const guess of guesses) assert.equal(await statusOf(port, guess), 401)
      assert.deepEqual(
        compared,
        guesses.map(() => [32, 32]),
      )
    } finally {
      crypto.timingSafeEqual = timingSafeEqual
      syncBuiltinESMExports()
    }
  })
})
