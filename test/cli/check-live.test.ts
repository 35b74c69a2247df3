// `telemachine check --live` opens each destination of a valid file, sends one harmless request, and says what answered.
import assert from 'node:assert/strict'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createServer as createNetServer } from 'node:net'
import { createBackend } from '../../src/testing/index.ts'
import { createFolder, run, start } from './harness.ts'

/** A real OTLP receiver. */
async function openBackend() {
  const backend = createBackend()
  await backend.listen()
  return backend
}

describe('telemachine check --live', () => {
  const closers: (() => unknown)[] = []
  afterEach(() => {
    for (const close of closers.splice(0)) close()
  })

  const listen = async (listener: RequestListener): Promise<number> => {
    const server = createServer(listener)
    closers.push(() => server.close())
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return (server.address() as AddressInfo).port
  }

  const checkLive = async (text: string, ...more: string[]) => {
    const patience = more.includes('--timeout') ? [] : ['--timeout', '60']
    const ended = await run(['check', 'app.toml', '--live', ...patience, ...more], {
      cwd: createFolder({ 'app.toml': text }),
    })
    assert.equal(ended.stderr, '')
    return ended
  }

  for (const client of ['native', 'package']) {
    it(`reaches an OTLP receiver with one empty request (client = "${client}")`, async () => {
      const receiver = await openBackend()
      closers.push(() => receiver.close())
      const { code, stdout } = await checkLive(
        `[telemetry.otel]\nendpoint = "${receiver.url}"\nclient = "${client}"\n`,
      )
      assert.match(stdout, /^otel: ok: http:\S+\/v1\/traces answered and would take a batch \(\d+ ms\)\n/)
      assert.equal(code, 0)
      assert.deepEqual(receiver.spans, [])
    })
  }

  it('opens each of several endpoints', async () => {
    const receiver = await openBackend()
    closers.push(() => receiver.close())
    const port = await listen((_request, response) => response.writeHead(503).end())
    const fallback = `http://127.0.0.1:${port}/v1/traces`
    const { code, stdout } = await checkLive(
      `[telemetry.otel]\nendpoints = ["${receiver.url}", "${fallback}"]\n`,
    )
    assert.match(stdout, /^otel, endpoint 0: ok: http:\S+ answered and would take a batch/m)
    assert.match(stdout, /^otel, endpoint 1: failed: .*HTTP 503/m)
    assert.equal(code, 3)
  })

  it('gives a hint for a path that is not there', async () => {
    const port = await listen((_request, response) => response.writeHead(404).end())
    const { code, stdout } = await checkLive(`[telemetry.otel]\nendpoint = "http://127.0.0.1:${port}/"\n`)
    assert.match(stdout, /otel: failed: .*HTTP 404.*try http:\/\/127\.0\.0\.1:\d+\/v1\/traces/)
    assert.equal(code, 3)
  })

  it('recognises a server of gRPC', async () => {
    const server = createNetServer((socket) => {
      socket.on('error', () => {})
      // SETTINGS, with which a server of HTTP/2 begins.
      socket.end(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]))
    })
    closers.push(() => server.close())
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const { code, stdout } = await checkLive(
      `[telemetry.otel]\nendpoint = "http://127.0.0.1:${port}/v1/traces"\n`,
    )
    assert.match(
      stdout,
      /otel: failed: .*it speaks HTTP\/2, as gRPC does; OTLP over HTTP usually has port 4318/,
    )
    assert.equal(code, 3)
  })

  it('recognises a server without TLS', async () => {
    const port = await listen((_request, response) => response.end())
    const { code, stdout } = await checkLive(
      `[telemetry.otel]\nendpoint = "https://127.0.0.1:${port}/v1/traces"\n`,
    )
    assert.match(stdout, /otel: failed: .*it does not speak TLS there; use http:\/\//)
    assert.equal(code, 3)
  })

  it('gives up on a destination that does not answer', async () => {
    const port = await listen(() => {})
    const { code, stdout } = await checkLive(
      `[telemetry.otel]\nendpoint = "http://127.0.0.1:${port}/v1/traces"\n`,
      '--timeout',
      '0.3',
    )
    assert.match(stdout, /otel: failed: http:\S+ did not answer/)
    assert.equal(code, 3)
  })

  it("asks Datadog's API whether it takes the key, and does not show the key", async () => {
    const asked: unknown[] = []
    let status = 202
    const port = await listen((request, response) => {
      asked.push([request.method, request.url, request.headers['dd-api-key']])
      response.writeHead(status).end('{"errors":[]}')
    })
    const text = `[telemetry.datadog]\napi_key = "sekret-0123456789"\napi_url = "http://127.0.0.1:${port}/"\n`
    const good = await checkLive(text)
    assert.match(good.stdout, /^datadog: ok: /)
    assert.deepEqual(asked, [['POST', '/api/v2/series', 'sekret-0123456789']])
    status = 403
    const bad = await checkLive(text)
    assert.match(bad.stdout, /^datadog: failed: Datadog refused the API key/)
    assert.ok(!bad.stdout.includes('sekret'))
    assert.equal(bad.code, 3)
  })

  it('tries the port of a Prometheus page, and knows a page that is there already', async () => {
    const free = await checkLive('[telemetry.prometheus]\nport = 0\n')
    assert.match(free.stdout, /^prometheus: ok: /)
    const metrics = await listen((_request, response) =>
      response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end('up 1\n'),
    )
    const running = await checkLive(`[telemetry.prometheus]\nport = ${metrics}\n`)
    assert.match(running.stdout, /^prometheus: ok: .* the application seems to run/)
    const other = await listen((_request, response) => response.writeHead(404).end())
    const taken = await checkLive(`[telemetry.prometheus]\nport = ${other}\n`)
    assert.match(taken.stdout, /^prometheus: failed: .*is in use/)
    assert.equal(taken.code, 3)
  })

  it('leaves disabled exporters alone, and does not try an invalid file', async () => {
    const port = await listen(() => assert.fail('nothing may be asked'))
    const otel = `[telemetry.otel]\nendpoint = "http://127.0.0.1:${port}/v1/traces"\n`
    const disabled = await checkLive(`${otel}enabled = false\n`)
    assert.match(disabled.stdout, /^otel: skipped: the exporter is disabled\n/)
    assert.equal(disabled.code, 0)
    assert.equal((await checkLive(`${otel}batch_size = 0\n`)).code, 1)
  })

  it('says in JSON what answered', async () => {
    const receiver = await openBackend()
    closers.push(() => receiver.close())
    const { stdout } = await checkLive(`[telemetry.otel]\nendpoint = "${receiver.url}"\n`, '--json')
    const { live, ok } = JSON.parse(stdout)
    assert.equal(ok, true)
    assert.deepEqual([live[0].id, live[0].result], ['otel', 'ok'])
  })

  it('ends at once by Ctrl-C', async () => {
    let asked = (): void => {}
    const arrived = new Promise<void>((resolve) => {
      asked = resolve
    })
    const port = await listen(() => asked())
    const cwd = createFolder({
      'app.toml': `[telemetry.otel]\nendpoint = "http://127.0.0.1:${port}/v1/traces"\n`,
    })
    const running = await start(['check', 'app.toml', '--live', '--timeout', '600'], { cwd })
    await arrived
    const { code, stderr } = await running.end('SIGINT')
    assert.equal(code, 130)
    assert.equal(stderr, '')
  })
})
