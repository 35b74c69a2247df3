// Exporters behind a proxy that others wrote and maintain: the package `proxy`, over http and https, with and without
// credentials.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createProxy } from 'proxy'
import { createTelemetry } from '../../src/index.ts'
import { createBackend } from '../../src/testing/index.ts'
import { assertExact } from '../support/ledger.ts'
import { quietLogger } from '../support/quiet-logger.ts'

const credentials = 'me@corp:p:w%'
const userinfo = 'me%40corp:p%3Aw%25@'

describe('behind the proxy of npm', () => {
  const closing: (() => unknown)[] = []
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close()
  })

  const proxy = async () => {
    const asked: string[] = []
    const server = createProxy(createServer())
    server.authenticate = ({ headers }) =>
      headers['proxy-authorization'] === `Basic ${Buffer.from(credentials).toString('base64')}`
    server.on('request', ({ method }) => asked.push(`${method}`))
    server.on('connect', ({ method }) => asked.push(`${method}`))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    closing.push(() => server.close().closeAllConnections())
    return { asked, port: (server.address() as AddressInfo).port }
  }

  const run = async (secure: boolean, client: string, proxyUrl: string) => {
    const backend = createBackend({ ...(secure && { tls: true as const }) })
    await backend.listen()
    closing.push(() => backend.close())
    const folder = mkdtempSync(join(tmpdir(), 'proxy-'))
    closing.push(() => rmSync(folder, { recursive: true }))
    const certificate = join(folder, 'ca.pem')
    if (backend.certificate) writeFileSync(certificate, backend.certificate)
    const telemetry = createTelemetry({
      drainOnExit: false,
      logger: quietLogger,
      config: {
        env: {},
        init: {
          otel: {
            client,
            endpoint: backend.url.replace('127.0.0.1', 'localhost'),
            proxy: proxyUrl,
            batch_size: 50,
            ...(secure && { certificate }),
          } as object,
        },
      },
    })
    closing.push(() => telemetry.stop({ timeoutMs: 500 }))
    await telemetry.start()
    for (let id = 0; id < 500; id += 1) telemetry.span(`job.${id}`, () => {})
    const { complete } = await telemetry.flush({ timeoutMs: 10_000 })
    return { backend, complete, exporter: telemetry.status().exporters.otel! }
  }

  for (const secure of [false, true])
    for (const client of ['native', 'package'])
      it(`everything arrives over ${secure ? 'https' : 'http'}, with the ${client} client`, async () => {
        const through = await proxy()
        const url = `http://${userinfo}127.0.0.1:${through.port}`
        const { backend, complete, exporter } = await run(secure, client, url)
        assertExact(exporter.ledger)
        assert.deepEqual(
          [complete, exporter.ledger.delivered, exporter.ledger.ambiguous, backend.spanCount],
          [true, 1_000, 0, 500],
        )
        const method = client === 'native' && !secure ? 'POST' : 'CONNECT'
        assert.ok(
          through.asked.length > 0 && through.asked.every((one) => one === method),
          `${through.asked}`,
        )
      })

  for (const secure of [false, true])
    it(`wrong credentials are named as such over ${secure ? 'https' : 'http'}, and shown nowhere`, async () => {
      const through = await proxy()
      const { backend, exporter } = await run(
        secure,
        'native',
        `http://me:c4nary-pw@127.0.0.1:${through.port}`,
      )
      assert.equal(backend.requests, 0)
      assert.match(
        exporter.lastError!.message,
        new RegExp(
          `^the proxy http://127.0.0.1:${through.port} answered HTTP 407.*write them into the proxy's URL`,
        ),
      )
      assert.ok(!JSON.stringify(exporter).includes('c4nary'))
    })
})
