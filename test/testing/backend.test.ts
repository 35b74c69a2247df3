// The test backend is a real server: it answers as OTLP says, fails as it is told to, and counts what it took.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, type IncomingHttpHeaders, type RequestOptions, request } from 'node:http'
import { request as secureRequest } from 'node:https'
import { connect } from 'node:net'
import { deflateSync, gunzipSync, gzipSync } from 'node:zlib'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { JsonTraceSerializer, ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer'
import { type Backend, type BackendOptions, createBackend } from '../../src/testing/index.ts'
import { blockEventLoop } from '../chaos/other-thread.ts'
import { spanOf } from './spans.ts'

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

const bodyOf = (count: number): Buffer =>
  Buffer.from(
    ProtobufTraceSerializer.serializeRequest(
      Array.from({ length: count }, (_, i) => spanOf({ name: `span ${i}` })),
    )!,
  )

function post(
  backend: Backend,
  body: Buffer,
  options: RequestOptions & { ca?: string } = {},
): Promise<Answer> {
  const send = backend.url.startsWith('https') ? secureRequest : request
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/x-protobuf', ...options.headers }
    const sent = send(backend.url, { method: 'POST', agent: false, ...options, headers }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk) => chunks.push(chunk))
      response.on('end', () =>
        resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks) }),
      )
      response.on('error', reject)
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

const codeOf = (failing: Promise<unknown>): Promise<string | undefined> =>
  failing.then(
    () => undefined,
    (error: NodeJS.ErrnoException) => error.code,
  )

describe('the test backend', () => {
  const opened: Backend[] = []
  const open = async (options?: BackendOptions): Promise<Backend> => {
    const backend = createBackend(options)
    opened.push(backend)
    await backend.listen()
    return backend
  }
  afterEach(async () => {
    for (const backend of opened.splice(0)) {
      await backend.close()
      assert.equal(backend.connections, 0)
    }
  })

  it('takes plain, gzipped and deflated protobuf, and keeps the spans', async () => {
    const backend = await open()
    const answers = [
      await post(backend, bodyOf(2)),
      await post(backend, gzipSync(bodyOf(3)), { headers: { 'content-encoding': 'gzip' } }),
      await post(backend, deflateSync(bodyOf(1)), { headers: { 'content-encoding': 'deflate' } }),
    ]
    for (const answer of answers) {
      assert.equal(answer.status, 200)
      assert.equal(answer.headers['content-type'], 'application/x-protobuf')
      assert.equal(answer.body.length, 0)
    }
    assert.equal(backend.spanCount, 6)
    assert.equal(backend.acceptedWithoutAnswer, 0)
    assert.deepEqual(backend.spans.map((span) => span.name).slice(0, 3), ['span 0', 'span 1', 'span 0'])
    assert.equal(backend.log[1]?.headers['content-encoding'], 'gzip')
    assert.ok(backend.log[1].rawBytes > 0)
  })

  it('takes OTLP/JSON and answers in JSON', async () => {
    const backend = await open()
    const body = Buffer.from(JsonTraceSerializer.serializeRequest([spanOf({ name: 'in JSON' })])!)
    const answer = await post(backend, body, { headers: { 'content-type': 'application/json' } })
    assert.equal(answer.body.toString(), '{}')
    assert.equal(backend.spans[0]?.name, 'in JSON')
    assert.equal(backend.spans[0]?.resource?.attributes['service.name'], 'a test')
  })

  it('refuses and counts what is malformed, and goes on', async () => {
    const backend = await open({ maxRequestBytes: 2000 })
    const status = async (body: Buffer, options?: RequestOptions): Promise<number> =>
      (await post(backend, body, options)).status
    assert.equal(await status(bodyOf(1).subarray(0, -1)), 400)
    assert.equal(await status(Buffer.from('no gzip'), { headers: { 'content-encoding': 'gzip' } }), 400)
    assert.equal(await status(bodyOf(1), { headers: { 'content-encoding': 'br' } }), 415)
    assert.equal(await status(bodyOf(1), { headers: { 'content-type': 'text/plain' } }), 415)
    assert.equal(await status(bodyOf(1), { method: 'PUT' }), 405)
    assert.equal(await status(bodyOf(1), { path: '/v1/profiles' }), 404)
    assert.equal(backend.malformed, 4)
    assert.equal(await status(bodyOf(100)), 413)
    const bomb = gzipSync(Buffer.alloc(1_000_000))
    assert.equal(await status(bomb, { headers: { 'content-encoding': 'gzip' } }), 413)
    const wire = connect(backend.port, '127.0.0.1').resume().end('nonsense\r\n\r\n')
    await once(wire, 'close')
    assert.equal(backend.malformed, 5)
    assert.equal(await status(bodyOf(1)), 200)
    assert.deepEqual([backend.spanCount, backend.received, backend.requests], [1, 1, 10])
  })

  it('answers the scripted statuses in their order, then the standing one, then well again', async () => {
    const backend = await open()
    backend.fault({ type: 'status', status: 500 })
    backend.fault({ type: 'status', status: 503, retryAfter: 7 }, { times: 1 })
    backend.fault({ type: 'status', status: 302, headers: { location: '/else' }, body: 'gone' }, { times: 2 })
    const answers: Answer[] = []
    for (let i = 0; i < 5; i++) answers.push(await post(backend, bodyOf(1)))
    assert.deepEqual(
      answers.map((answer) => answer.status),
      [503, 302, 302, 500, 500],
    )
    assert.equal(answers[0]?.headers['retry-after'], '7')
    assert.match(answers[0]?.body.toString() ?? '', /status 503/)
    assert.equal(answers[1]?.body.toString(), 'gone')
    await backend.clear()
    assert.equal((await post(backend, bodyOf(2))).status, 200)
    assert.deepEqual([backend.spanCount, backend.received], [2, 7])
  })

  it('refuses a part, in a response that the package reads', async () => {
    const backend = await open()
    for (const rejected of [2, 0, 300]) {
      backend.fault({ type: 'partial', rejected, message: 'too old' }, { times: 1 })
      const answer = await post(backend, bodyOf(3))
      const read = ProtobufTraceSerializer.deserializeResponse(answer.body)
      assert.equal(read.partialSuccess?.rejectedSpans ?? 0, rejected)
      assert.equal(read.partialSuccess?.errorMessage, 'too old')
    }
    assert.deepEqual([backend.spanCount, backend.rejected, backend.spans.length], [4, 5, 4])
    assert.equal(backend.acceptedWithoutAnswer, 0)
  })

  it('closes its port when told to refuse, and opens it when that is over', async () => {
    const backend = await open()
    const agent = new Agent({ keepAlive: true })
    await post(backend, bodyOf(1), { agent })
    backend.fault({ type: 'refuse' })
    assert.match((await codeOf(post(backend, bodyOf(1), { agent }))) ?? '', /ECONNREFUSED|ECONNRESET/)
    assert.equal(await codeOf(post(backend, bodyOf(1))), 'ECONNREFUSED')
    await backend.clear()
    assert.equal((await post(backend, bodyOf(1), { agent })).status, 200)
    agent.destroy()
  })

  it('comes back on the port it had', async () => {
    const backend = await open()
    const { url } = backend
    await backend.close()
    assert.equal(await codeOf(post(backend, bodyOf(1))), 'ECONNREFUSED')
    await backend.reopen()
    assert.equal(backend.url, url)
    assert.equal((await post(backend, bodyOf(1))).status, 200)
  })

  for (const when of ['before', 'during', 'after'] as const) {
    it(`resets a connection ${when} the body`, async () => {
      const backend = await open()
      backend.fault({ type: 'reset', when }, { times: 1 })
      assert.match((await codeOf(post(backend, bodyOf(2)))) ?? '', /ECONNRESET|EPIPE/)
      const taken = when === 'after' ? 2 : 0
      assert.deepEqual([backend.spanCount, backend.acceptedWithoutAnswer], [taken, taken])
      assert.equal((await post(backend, bodyOf(1))).status, 200)
      assert.equal(backend.acceptedWithoutAnswer, taken)
    })

    it(`hangs ${when} the body until the client gives up`, async () => {
      const backend = await open()
      backend.fault({ type: 'hang', when }, { times: 1 })
      const giveUp = new AbortController()
      const hung = codeOf(post(backend, bodyOf(1), { signal: giveUp.signal }))
      await backend.waitFor(() => backend.log.length === 1)
      assert.equal(backend.connections, 1)
      giveUp.abort()
      assert.equal(await hung, 'ABORT_ERR')
      await backend.waitFor(() => backend.connections === 0)
      assert.deepEqual([backend.spanCount, backend.received], [0, when === 'after' ? 1 : 0])
    })
  }

  it('does not read a long body that it hangs on', async () => {
    const backend = await open()
    backend.fault({ type: 'hang', when: 'during' })
    const giveUp = new AbortController()
    const hung = codeOf(post(backend, Buffer.alloc(32 * 2 ** 20), { signal: giveUp.signal }))
    await backend.waitFor(() => backend.log.length === 1)
    assert.ok(backend.log[0]!.bytes < 2 ** 20)
    giveUp.abort()
    await hung
  })

  it('takes what it hangs on or resets only as the script says', async () => {
    const backend = await open()
    backend.fault({ type: 'reset', accepted: false }, { times: 1 })
    backend.fault({ type: 'status', status: 503, accepted: true }, { times: 1 })
    assert.match((await codeOf(post(backend, bodyOf(2)))) ?? '', /ECONNRESET|EPIPE/)
    assert.equal(backend.spanCount, 0)
    assert.equal((await post(backend, bodyOf(2))).status, 503)
    assert.equal(backend.spanCount, 2)
  })

  it('answers early, without reading the body', async () => {
    const backend = await open()
    backend.fault({ type: 'status', status: 413, when: 'before' })
    const answer = await post(backend, Buffer.alloc(10))
    assert.equal(answer.status, 413)
    assert.equal(answer.headers.connection, 'close')
    assert.equal(backend.log[0]?.bytes, 0)
  })

  it('drips a whole answer, or an endless one', async () => {
    const backend = await open()
    backend.fault({ type: 'drip', bytes: 16, intervalMs: 1 }, { times: 1 })
    const answer = await post(backend, bodyOf(1))
    assert.equal(
      ProtobufTraceSerializer.deserializeResponse(answer.body).partialSuccess?.rejectedSpans ?? 0,
      0,
    )
    assert.equal(backend.acceptedWithoutAnswer, 0)
    backend.fault({ type: 'drip', bytes: 16, intervalMs: 1, size: Number.POSITIVE_INFINITY })
    const giveUp = new AbortController()
    let pieces = 0
    const sent = request(backend.url, {
      method: 'POST',
      agent: false,
      headers: { 'content-type': 'application/x-protobuf' },
      signal: giveUp.signal,
    })
    sent.end(bodyOf(1))
    sent.on('error', () => {})
    const [response] = await once(sent, 'response')
    response.on('error', () => {})
    for await (const _piece of response) if (++pieces === 10) break
    giveUp.abort()
    assert.equal(pieces, 10)
    assert.deepEqual([backend.spanCount, backend.acceptedWithoutAnswer], [2, 1])
  })

  it('answers at length: declared, undeclared, zipped', async () => {
    const backend = await open()
    const size = 3_000_000
    for (const more of [{}, { declared: true }]) {
      backend.fault({ type: 'oversized', size, ...more }, { times: 1 })
      const answer = await post(backend, bodyOf(1))
      assert.equal(answer.body.length, size)
      assert.equal(answer.headers['content-length'], more.declared ? String(size) : undefined)
    }
    backend.fault({ type: 'oversized', size, gzip: true }, { times: 1 })
    const zipped = await post(backend, bodyOf(1))
    assert.ok(zipped.body.length < 10_000)
    assert.equal(gunzipSync(zipped.body).length, size)
    assert.deepEqual([backend.spanCount, backend.acceptedWithoutAnswer], [3, 0])
  })

  it('talks junk', async () => {
    const backend = await open()
    for (const [what, code] of [
      ['not_http', /^HPE_/],
      ['truncated', /^ECONNRESET$/],
      ['nothing', /^ECONNRESET$/],
    ] as const) {
      backend.fault({ type: 'junk', what }, { times: 1 })
      assert.match((await codeOf(post(backend, bodyOf(1)))) ?? '', code)
    }
    assert.deepEqual([backend.spanCount, backend.acceptedWithoutAnswer], [2, 2])
    backend.fault({ type: 'junk', what: 'body' }, { times: 1 })
    const answer = await post(backend, bodyOf(1))
    assert.equal(answer.status, 200)
    assert.throws(() => ProtobufTraceSerializer.deserializeResponse(answer.body))
  })

  it('chokes on one certain span', async () => {
    const backend = await open()
    backend.fault({
      type: 'choose',
      choose: ({ spans }) =>
        spans.some((span) => span.name === 'span 2') ? { type: 'status', status: 503 } : undefined,
    })
    assert.equal((await post(backend, bodyOf(2))).status, 200)
    assert.equal((await post(backend, bodyOf(3))).status, 503)
    assert.deepEqual([backend.spanCount, backend.received], [2, 5])
  })

  it('serves TLS with a certificate of its own, fails over it too, and can be slow to shake hands', async () => {
    const backend = await open({ tls: true })
    const ca = backend.certificate
    assert.equal((await post(backend, bodyOf(1), { ca })).status, 200)
    assert.equal(await codeOf(post(backend, bodyOf(1))), 'DEPTH_ZERO_SELF_SIGNED_CERT')
    backend.fault({ type: 'reset' }, { times: 1 })
    assert.match((await codeOf(post(backend, bodyOf(1), { ca }))) ?? '', /ECONNRESET|EPIPE/)
    backend.fault({ type: 'drip', bytes: 64, intervalMs: 1 }, { times: 1 })
    assert.equal((await post(backend, bodyOf(1), { ca })).status, 200)

    backend.fault({ type: 'slow_tls', delayMs: 5 }, { times: 1 })
    assert.equal((await post(backend, bodyOf(1), { ca })).status, 200)
    backend.fault({ type: 'slow_tls' })
    const before = backend.connectionsTotal
    const giveUp = new AbortController()
    const hung = codeOf(post(backend, bodyOf(1), { ca, signal: giveUp.signal }))
    await backend.waitFor(() => backend.connectionsTotal > before)
    giveUp.abort()
    assert.equal(await hung, 'ABORT_ERR')
    await backend.clear()
    assert.equal((await post(backend, bodyOf(1), { ca })).status, 200)
    const plain = await open()
    assert.throws(() => plain.fault({ type: 'slow_tls' }), { code: 'TESTING_FAULT_INVALID' })
  })

  it('keeps connections alive and says how many there are', async () => {
    const backend = await open()
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    for (let i = 0; i < 5; i++) await post(backend, bodyOf(1), { agent })
    assert.deepEqual([backend.connections, backend.connectionsTotal], [1, 1])
    const [idle] = Object.values(agent.freeSockets).flat()
    const closed = once(idle!, 'close')
    backend.cutConnections()
    await closed
    await backend.waitFor(() => backend.connections === 0)
    assert.equal((await post(backend, bodyOf(1), { agent })).status, 200)
    assert.equal(backend.connectionsTotal, 2)
    agent.destroy()
  })

  it('closes with requests in every kind of trouble', async () => {
    const backend = await open({ tls: true })
    const ca = backend.certificate
    const endless = { type: 'drip', size: Number.POSITIVE_INFINITY } as const
    const troubles: Promise<unknown>[] = []
    for (const fault of [endless, { type: 'hang' }, { type: 'oversized', size: 2 ** 40 }] as const) {
      backend.fault(fault, { times: 1 })
      troubles.push(codeOf(post(backend, bodyOf(1), { ca })))
    }
    await backend.waitForRequests(3)
    await backend.close()
    await Promise.all(troubles)
    assert.equal(backend.connections, 0)
    await backend.close()
  })

  it('bounds what it keeps, not what it counts', async () => {
    const backend = await open({ limit: 5, logLimit: 1 })
    await post(backend, bodyOf(4))
    await post(backend, bodyOf(4))
    assert.deepEqual([backend.spanCount, backend.spans.length, backend.log.length], [8, 5, 1])
    assert.equal(backend.spans.at(-1)?.name, 'span 3')
    backend.forget()
    assert.deepEqual([backend.spanCount, backend.spans.length, backend.log.length], [0, 0, 0])
  })

  it('can count without decoding', async () => {
    const backend = await open({ decode: 'count' })
    await post(backend, bodyOf(7))
    assert.deepEqual([backend.spanCount, backend.spans.length], [7, 0])
  })

  it('tells listeners of each request, and those who wait what is missing', async () => {
    const backend = await open()
    const seen: number[] = []
    const stop = backend.onRequest(({ spanCount }) => seen.push(spanCount))
    const waiting = backend.waitForSpans(3)
    await post(backend, bodyOf(2))
    await post(backend, bodyOf(1))
    await waiting
    stop()
    await post(backend, bodyOf(1))
    assert.deepEqual(seen, [2, 1])
    await assert.rejects(backend.waitForSpans(9, 1), {
      code: 'TESTING_TIMEOUT',
      message: /4 spans accepted of 9/,
    })
  })

  it('does not give up because the process stood still', async () => {
    const backend = await open()
    const waiting = backend.waitForSpans(1, 100)
    const posted = post(backend, bodyOf(1))
    blockEventLoop(200)
    await waiting
    await posted
  })

  it('receives what the OpenTelemetry exporter sends', async () => {
    const backend = await open()
    const exporter = new OTLPTraceExporter({ url: backend.url, compression: 'gzip' as never })
    const result = await new Promise<{ code: number }>((done) => exporter.export([spanOf(), spanOf()], done))
    await exporter.shutdown()
    assert.equal(result.code, 0)
    assert.equal(backend.spanCount, 2)
    assert.equal(backend.log[0]?.headers['content-encoding'], 'gzip')
  })

  it('can be closed and opened at any moment', async () => {
    const backend = await open()
    backend.fault({ type: 'refuse' })
    await backend.close()
    await backend.clear()
    assert.equal(await codeOf(post(backend, bodyOf(1))), 'ECONNREFUSED')
    const opening = backend.listen()
    await backend.close()
    await opening
    await Promise.all([backend.listen(), backend.listen()])
    assert.equal((await post(backend, bodyOf(1))).status, 200)
    assert.throws(() => backend.fault({ type: 'refuse' }, { times: 1 }), { code: 'TESTING_FAULT_INVALID' })
    const taken = createBackend({ port: backend.port })
    await assert.rejects(taken.listen(), { code: 'EADDRINUSE' })
    await taken.close()
  })
})
