// The test backend is a real server: it answers as OTLP says, fails as it is told to, and counts what it took.
import assert from 'node:assert/strict'
import { Agent, type IncomingHttpHeaders, type RequestOptions, request } from 'node:http'
import { request as secureRequest } from 'node:https'
import { deflateSync, gzipSync } from 'node:zlib'
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer'
import { type Backend, type BackendOptions, createBackend } from '../../src/testing/index.ts'
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
})
