// An endpoint that is wrong in one of the ways in which endpoints are wrong: the error says what to try, with either client.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTelemetry, otel, type Telemetry } from '../../../src/index.ts'
import { type Backend, createBackend } from '../../../src/testing/index.ts'
import { freePort } from '../../support/ports.ts'
import { quietLogger } from '../../support/quiet-logger.ts'

/** As a server of gRPC greets whoever connects: SETTINGS. */
const http2Settings = Buffer.from('000006040000000000000500004000', 'hex')

describe('an endpoint that is wrong', () => {
  let telemetry: Telemetry | undefined
  let backend: Backend | undefined
  let server: Server | undefined
  let directory: string | undefined

  afterEach(async () => {
    await telemetry?.stop({ timeoutMs: 100 })
    await backend?.close()
    const closing = server
    if (closing) await new Promise((resolve) => closing.close(resolve))
    if (directory) rmSync(directory, { recursive: true, force: true })
    server = undefined
    directory = undefined
  })

  const listening = async (options: Parameters<typeof createBackend>[0] = {}): Promise<Backend> => {
    backend = createBackend(options)
    await backend.listen()
    return backend
  }

  const lastError = async (client: 'native' | 'package', endpoint: string): Promise<string> => {
    // The package tries again until its timeout; of the other one, a busy machine must not be the last error.
    const timeout = client === 'package' ? 3 : 60
    telemetry = createTelemetry({
      types: [otel()],
      logger: quietLogger,
      drainOnExit: false,
      config: { env: {}, init: { otel: { endpoint, client, timeout, flush_interval: 0 } } },
    })
    await telemetry.start()
    telemetry.emit('job.start', {}, { correlation_id: 1 })
    telemetry.emit('job.success', {}, { correlation_id: 1 })
    const exporter = () => telemetry!.status().exporters.otel!
    while (exporter().lastError === null) await new Promise((resolve) => setImmediate(resolve))
    return exporter().lastError!.message
  }

  for (const client of ['native', 'package'] as const) {
    it(`without a path is told the path, by the ${client} client`, async () => {
      const { port } = await listening()
      const message = await lastError(client, `http://127.0.0.1:${port}`)
      assert.match(message, new RegExp(`HTTP 404.*try http://127\\.0\\.0\\.1:${port}/v1/traces`))
    })

    it(`with another path is told that it is one, by the ${client} client`, async () => {
      const { port } = await listening()
      const message = await lastError(client, `http://127.0.0.1:${port}/api/otlp?token=s3cret`)
      assert.match(message, /HTTP 404.*\/api\/otlp, does not end in \/v1\/traces/)
      assert.doesNotMatch(message, /s3cret/)
    })

    it(`with its path twice, or with a slash behind it, is told so, by the ${client} client`, async () => {
      const { port } = await listening()
      const base = `http://127.0.0.1:${port}`
      const twice = await lastError(client, `${base}/v1/traces/v1/traces`)
      assert.match(twice, /HTTP 404.*\/v1\/traces twice: OTEL_EXPORTER_OTLP_ENDPOINT is a base URL/)
      await telemetry!.stop({ timeoutMs: 0 })
      const slash = await lastError(client, `${base}/otlp/v1/traces/`)
      assert.match(slash, new RegExp(`HTTP 404.*try ${base}/otlp/v1/traces, without the slash`))
    })

    it(`without TLS where https is asked for is told so, by the ${client} client`, async () => {
      const { port } = await listening()
      const message = await lastError(client, `https://127.0.0.1:${port}/v1/traces`)
      assert.match(message, /it does not speak TLS there; use http:\/\//)
      assert.doesNotMatch(message, /\n/)
    })

    it(`with the right path and no such thing there gets no advice, by the ${client} client`, async () => {
      const { url, fault } = await listening()
      fault({ type: 'status', status: 404 })
      assert.doesNotMatch(await lastError(client, url), /v1\/traces, |try /)
    })

    it(`of gRPC is told the port, by the ${client} client`, async () => {
      server = createServer((socket) => {
        socket.on('error', () => {})
        socket.resume().end(http2Settings)
      })
      const grpc = server
      const port = await new Promise<number>((resolve) =>
        grpc.listen(0, '127.0.0.1', () => resolve((grpc.address() as { port: number }).port)),
      )
      const message = await lastError(client, `http://127.0.0.1:${port}/v1/traces`)
      assert.match(message, /it speaks HTTP\/2, as gRPC does; OTLP over HTTP usually has port 4318/)
    })

    it(`where nothing listens is told so, by the ${client} client`, async () => {
      const message = await lastError(client, `http://127.0.0.1:${await freePort()}/v1/traces`)
      assert.match(message, /ECONNREFUSED.*nothing listens there/)
    })

    it(`with a certificate of its own is told how to trust it, by the ${client} client, and heeds that`, async () => {
      const { url, certificate, waitForSpans } = await listening({ tls: true })
      const message = await lastError(client, url)
      assert.match(message, /self[- _]signed.*set certificate to a PEM file/i)
      directory = mkdtempSync(join(tmpdir(), 'telemachine-'))
      const file = join(directory, 'ca.pem')
      writeFileSync(file, certificate!)
      await telemetry!.config.put('otel.certificate', file)
      await waitForSpans(1)
    })

    it(`that refuses the credentials is told where they are, by the ${client} client`, async () => {
      const { url, fault } = await listening()
      fault({ type: 'status', status: 401 })
      assert.match(await lastError(client, url), /HTTP 401.*check the credentials in headers/)
    })
  }

  it('with port 4317 is told that it is the one of gRPC, whatever answers there', async () => {
    const { connectionAdvice } = await import('../../../src/exporters/http/advice.ts')
    for (const code of ['ECONNREFUSED', 'ECONNRESET', 'HPE_INVALID_CONSTANT', undefined])
      assert.match(
        connectionAdvice({ code, reason: undefined, port: '4317', http2: false })!,
        /port 4317 is the one of OTLP over gRPC; OTLP over HTTP usually has port 4318/,
      )
  })
})
