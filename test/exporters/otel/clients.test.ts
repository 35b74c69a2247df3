// Both ways to a backend, against a real one: what arrives, and what each way of failing is told as.

import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSystemClock } from '../../../src/clock.ts'
import type { Config, ExportContext, OpenContext } from '../../../src/exporters/exporter.ts'
import type { OtelClient } from '../../../src/exporters/otel/client.ts'
import { otel } from '../../../src/exporters/otel/index.ts'
import { createSpanState, type SpanState } from '../../../src/exporters/otel/ingest.ts'
import { type OtelConfig, otelSchema } from '../../../src/exporters/otel/schema.ts'
import type { Outcome } from '../../../src/exporters/outcome.ts'
import type { Logger } from '../../../src/logger.ts'
import { type Backend, createBackend } from '../../../src/testing/index.ts'
import { driveSpans, otelConfig, type ShownSpan } from './driven-spans.ts'

const quiet = (): void => {}
const logger: Logger = { debug: quiet, info: quiet, warn: quiet, error: quiet }
const clock = createSystemClock()
const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

function batchOf(count: number) {
  const source = driveSpans()
  for (let i = 0; i < count; i++) {
    const correlation_id = `job-${i}`
    source.emit('job.start', {
      correlation_id,
      traceparent,
      tracestate: 'v=1',
      links: [traceparent],
      n: [1, 2.5],
    })
    source.pass(1.25)
    source.emit('job.error', { correlation_id, error: new Error('no 😀 disk') }, { duration_ms: 1.25 })
  }
  return source
}

for (const client of ['native', 'package']) {
  describe(`the ${client} client`, () => {
    const definition = otel()
    let backend: Backend
    let opened: OtelClient | undefined
    const state = createSpanState()
    const base = { id: 'otel', clock, logger, state }

    const open = async (changes: Config = {}): Promise<OtelConfig> => {
      const config = otelConfig({ client, endpoint: backend.url, timeout: 5, ...changes })
      const context: OpenContext<SpanState, OtelConfig> = {
        ...base,
        signal: AbortSignal.timeout(10_000),
        current: () => config,
        catchUp: quiet,
        status: quiet,
      }
      opened = (await definition.open(config, context)) as OtelClient
      return config
    }
    const send = (config: OtelConfig, count = 2, signal = AbortSignal.timeout(15_000)): Promise<Outcome> => {
      const context: ExportContext<SpanState, OtelConfig> = {
        ...base,
        signal,
        config,
        deadline: clock.now() + 15_000,
      }
      return definition.export!(opened!, batchOf(count).items, context)
    }
    const status = async (answer: number, changes: Config = {}): Promise<Outcome> => {
      backend.fault({ type: 'status', status: answer })
      return send(await open({ timeout: 0.5, ...changes }))
    }

    beforeEach(async () => {
      backend = createBackend()
      await backend.listen()
    })
    afterEach(async () => {
      if (opened) await definition.close(opened, { deadline: clock.now() + 100 })
      opened = undefined
      await backend.close()
    })

    it('delivers spans as they were made', async () => {
      const config = await open({ service_name: 'shop', resource_attributes: { team: 'core' } })
      const source = batchOf(3)
      const signal = AbortSignal.timeout(10_000)
      const outcome = await definition.export!(opened!, source.items, {
        ...base,
        signal,
        config,
        deadline: 0,
      })
      assert.deepEqual(outcome, { type: 'delivered' })
      assert.equal(backend.spans.length, 3)
      const sent = source.spans[2] as ShownSpan
      const got = backend.spans[2]!
      assert.equal(got.traceId, sent.traceId)
      assert.equal(got.spanId, sent.spanId)
      assert.equal(got.parentSpanId, 'b7ad6b7169203331')
      assert.equal(got.flags, 0x301)
      assert.equal(got.traceState, 'v=1')
      assert.equal(got.name, 'job')
      assert.equal(got.kind, 1)
      assert.equal(got.endTimeUnixNano - got.startTimeUnixNano, 1_250_000n)
      assert.equal(got.startTimeUnixNano, 1_700_000_000_002_500_000n)
      assert.deepEqual(got.status, { code: 2, message: 'no 😀 disk' })
      assert.deepEqual({ ...got.attributes }, { correlation_id: 'job-2', duration_ms: 1.25, n: [1, 2.5] })
      assert.equal(got.events[0]?.name, 'exception')
      assert.equal(got.events[0]?.attributes['exception.type'], 'Error')
      assert.equal(got.links[0]?.spanId, 'b7ad6b7169203331')
      assert.equal(got.scope?.name, 'telemachine')
      assert.match(got.scope?.version ?? '', /^\d+\.\d+\.\d+/)
      const resource = got.resource?.attributes ?? {}
      assert.equal(resource['service.name'], 'shop')
      assert.equal(resource.team, 'core')
      assert.equal(resource['telemetry.sdk.language'], 'nodejs')
      assert.equal(resource['process.pid'], process.pid)
      assert.ok(resource['host.name'])
    })

    it('sends each batch as it is, one after the other and at once, also after a refusal', async () => {
      const config = await open()
      const counts = [30, 2, 200, 5, 40]
      for (const count of counts) assert.deepEqual(await send(config, count), { type: 'delivered' })
      backend.fault({ type: 'status', status: 400 }, { times: 1 })
      assert.equal((await send(config, 50)).type, 'refused')
      const outcomes = await Promise.all(counts.map((count) => send(config, count)))
      assert.deepEqual(outcomes, Array(5).fill({ type: 'delivered' }))
      const sent = [...counts, ...counts].flatMap((count) => Array.from({ length: count }, (_, i) => i))
      const arrived = backend.spans.map(({ attributes }) => Number(`${attributes.correlation_id}`.slice(4)))
      assert.deepEqual(arrived.toSorted(), sent.toSorted())
    })

    it('sends its headers, and gzip when asked to', async () => {
      await send(await open({ headers: { 'X-Key': 'k', 'Content-Type': 'text/plain' }, compression: 'gzip' }))
      const [request] = backend.log
      assert.equal(request?.headers['x-key'], 'k')
      assert.equal(request?.headers['content-type'], 'application/x-protobuf')
      assert.equal(request?.headers['content-encoding'], 'gzip')
      assert.match(request?.headers['user-agent'] ?? '', /^telemachine\/\d/)
      assert.equal(backend.spans.length, 2)
    })

    it('sends no header that the configuration does not have', async () => {
      process.env.OTEL_EXPORTER_OTLP_HEADERS = 'x-stray=secret'
      try {
        await send(await open())
        assert.equal(process.env.OTEL_EXPORTER_OTLP_HEADERS, 'x-stray=secret')
      } finally {
        delete process.env.OTEL_EXPORTER_OTLP_HEADERS
      }
      assert.equal(backend.log[0]?.headers['x-stray'], undefined)
    })

    it('keeps its connection', async () => {
      const config = await open()
      for (let i = 0; i < 3; i++) assert.equal((await send(config)).type, 'delivered')
      assert.equal(backend.connectionsTotal, 1)
    })

    for (const code of [401, 403, 404])
      it(`calls ${code} misdirected`, async () => assert.equal((await status(code)).type, 'misdirected'))

    for (const code of [400, 408, 302])
      it(`calls ${code} refused`, async () => {
        const outcome = await status(code)
        assert.equal(outcome.type, 'refused')
        assert.ok(!('unhealthy' in outcome))
        assert.equal(backend.stats().requests, 1)
      })

    it('calls 500 refused by an unhealthy backend', async () => {
      const outcome = await status(500)
      assert.equal(outcome.type === 'refused' && outcome.unhealthy, true)
    })

    it('calls 413 too large', async () => assert.deepEqual(await status(413), { type: 'too_large' }))

    for (const code of [429, 502, 503, 504])
      it(`calls ${code} a matter of trying again`, async () =>
        assert.equal((await status(code)).type, 'retry'))

    it('knows that nothing arrived where nothing listens', async () => {
      const config = await open({ timeout: 0.5 })
      await backend.close()
      const outcome = await send(config)
      assert.equal(outcome.type, 'retry')
      assert.ok(!('ambiguous' in outcome))
    })

    it('knows that an unanswered request may have arrived', async () => {
      backend.fault({ type: 'reset', when: 'after' })
      const outcome = await send(await open({ timeout: 0.5 }))
      assert.equal(outcome.type === 'retry' && outcome.ambiguous, true)
    })

    it('gives up at the signal, and closes all the same', async () => {
      backend.fault({ type: 'hang', when: 'after' })
      const config = await open()
      const cut = new AbortController()
      const outcome = send(config, 2, cut.signal)
      await backend.waitForRequests(1)
      cut.abort()
      const settled = await outcome
      assert.equal(settled.type === 'retry' && settled.ambiguous, true)
      await definition.close(opened!, { deadline: clock.now() + 50 })
      opened = undefined
      await backend.waitFor(() => backend.connections === 0)
    })

    it('repeats no secret that a backend echoes', async () => {
      const key = 'sk-1234567890'
      backend.fault({ type: 'status', status: 401, body: `bad key ${key}` })
      const outcome = await send(await open({ headers: { authorization: `Bearer ${key}` } }))
      assert.ok(outcome.type === 'misdirected' && !String(outcome.cause).includes(key))
    })

    it('trusts its own authority over TLS, and no other', async () => {
      const secure = createBackend({ tls: true })
      await secure.listen()
      const directory = await mkdtemp(join(tmpdir(), 'telemachine-'))
      try {
        const certificate = join(directory, 'ca.pem')
        await writeFile(certificate, secure.certificate ?? '')
        const endpoint = secure.url.replace('127.0.0.1', 'localhost')
        assert.equal((await send(await open({ endpoint, certificate }))).type, 'delivered')
        await definition.close(opened!, { deadline: 0 })
        const outcome = await send(await open({ endpoint, timeout: 0.5 }))
        assert.equal(outcome.type, 'retry')
        assert.ok(!('ambiguous' in outcome))
        assert.equal(secure.spans.length, 2)
      } finally {
        await definition.close(opened!, { deadline: 0 })
        opened = undefined
        await secure.close()
        await rm(directory, { recursive: true })
      }
    })

    it('does not open with a certificate that cannot be read', async () => {
      const message = 'certificate must be the path of a PEM file that can be read (ENOENT)'
      await assert.rejects(open({ certificate: '/nowhere/ca.pem' }), { code: 'TLS_FILE_UNREADABLE', message })
    })
  })
}

describe('the native client alone', () => {
  const definition = otel()
  const base = { id: 'otel', clock, logger, state: createSpanState() }
  let backend: Backend
  let client: OtelClient
  const config = (changes: Config = {}) => otelConfig({ client: 'native', endpoint: backend.url, ...changes })

  beforeEach(async () => {
    backend = createBackend()
    await backend.listen()
    client = (await definition.open(config(), {
      ...base,
      signal: AbortSignal.timeout(10_000),
      current: config,
      catchUp: quiet,
      status: quiet,
    })) as OtelClient
  })
  afterEach(async () => {
    await definition.close(client, { deadline: 0 })
    await backend.close()
  })
  const send = (count: number, changes: Config = {}) =>
    definition.export!(client, batchOf(count).items, {
      ...base,
      config: config(changes),
      signal: AbortSignal.timeout(10_000),
      deadline: 0,
    })

  it('tells how many spans a partial success refused', async () => {
    backend.fault({ type: 'partial', rejected: 2, message: 'too old' }, { times: 1 })
    const told = await send(5)
    assert.ok(told.type === 'delivered')
    assert.equal(told.rejected, 2)
    assert.match(String(told.cause), /rejected 2 of 5 spans: too old/)
    backend.fault({ type: 'partial', rejected: 99 }, { times: 1 })
    const all = await send(5)
    assert.equal(all.type === 'delivered' && all.rejected, 5)
  })

  it('takes a success whose body is junk for a success', async () => {
    backend.fault({ type: 'junk', what: 'body' })
    assert.deepEqual(await send(1), { type: 'delivered' })
  })

  it('hands on Retry-After', async () => {
    backend.fault({ type: 'status', status: 503, retryAfter: 7 })
    const outcome = await send(1)
    assert.equal(outcome.type === 'retry' && outcome.afterSeconds, 7)
    assert.ok(!('ambiguous' in outcome))
  })

  it('sends no request beyond max_request_bytes', async () => {
    assert.deepEqual(await send(20, { max_request_bytes: 1024 }), { type: 'too_large', unsent: true })
    assert.equal(backend.stats().requests, 0)
  })
})

describe('what the package client hides', () => {
  const definition = otel()
  let backend: Backend
  let client: OtelClient
  const state = createSpanState()
  const base = { id: 'otel', clock, logger, state }

  const config = () => otelConfig({ client: 'package', endpoint: backend.url, timeout: 3 })
  const send = (): Promise<Outcome> =>
    definition.export!(client, batchOf(5).items, {
      ...base,
      config: config(),
      signal: AbortSignal.timeout(10_000),
      deadline: clock.now() + 10_000,
    })

  beforeEach(async () => {
    backend = createBackend()
    await backend.listen()
    client = (await definition.open(config(), {
      ...base,
      signal: AbortSignal.timeout(10_000),
      current: config,
      catchUp: quiet,
      status: quiet,
    })) as OtelClient
  })
  afterEach(async () => {
    await definition.close(client, { deadline: 0 })
    await backend.close()
  })

  it('is a partial success: rejected spans count as delivered', async () => {
    backend.fault({ type: 'partial', rejected: 2 })
    assert.deepEqual(await send(), { type: 'delivered' })
  })

  it('are its own retries: one attempt of ours is several requests', async () => {
    backend.fault({ type: 'status', status: 503 }, { times: 1 })
    assert.deepEqual(await send(), { type: 'delivered' })
    assert.equal(backend.stats().requests, 2)
  })

  it('are Retry-After and which retryable status it was: every retry may be of what has arrived', async () => {
    for (const status of [429, 502, 503, 504]) {
      backend.fault({ type: 'status', status, retryAfter: 60 }, { times: 1 })
      const { cause: _, ...told } = (await send()) as Extract<Outcome, { type: 'retry' }>
      assert.deepEqual(told, { type: 'retry', ambiguous: true }, `${status}`)
    }
  })

  it('is named where the option is documented', async () => {
    const file = (path: string) => readFile(new URL(`../../../${path}`, import.meta.url), 'utf8')
    const line = (text: string, start: string) =>
      text.split('\n').find((each) => each.trimStart().startsWith(start))
    for (const text of [
      otelSchema.client!.doc,
      line(await file('docs/configuration.md'), '- **`client`**'),
      line(await file('schema.json'), '"description": "`native` sends'),
      (await file('docs/opentelemetry.md')).split('## Two clients')[1],
    ])
      for (const hidden of ['429', 'Retry-After', 'partial success', 'retries', 'timeout'])
        assert.ok(text?.includes(hidden), `${hidden} in ${text?.slice(0, 80)}`)
  })
})
