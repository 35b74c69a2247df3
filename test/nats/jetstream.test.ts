// Guards the exporters that publish to a stream: delivered is what the stream has stored, a batch that is sent again is
// stored once, and what the stream has no room for stays in the exporter.
import assert from 'node:assert/strict'
import type { NatsConnection } from '@nats-io/transport-node'
import {
  createTelemetry,
  jetstream,
  jetstreamLogs,
  jetstreamMetrics,
  type Telemetry,
} from '../../src/index.ts'
import { createTelemetryStream } from '../../src/nats/gateway/stream.ts'
import { askJetStream, lastStored } from '../../src/nats-client/stored.ts'
import { exporterConformance } from '../../src/testing/index.ts'
import { decodeLogsRequest, decodeMetricsRequest, decodeTraceRequest } from '../../src/testing/otlp-decode.ts'
import { assertExact } from '../support/ledger.ts'
import { type NatsServer, needsNats, startNats } from '../support/nats-server.ts'
import { freePort } from '../support/ports.ts'
import { quietLogger } from '../support/quiet-logger.ts'
import { type Stage, stageOf, until } from './stage.ts'

const stream = 'telemachine_otel'

describe('an exporter to JetStream', () => {
  let server: NatsServer
  let stage: Stage
  let connection: NatsConnection
  const started: Telemetry[] = []

  before(async function () {
    needsNats(this)
    server = await startNats()
  })
  beforeEach(async () => {
    stage = stageOf(server)
    connection = await stage.connection()
    await createTelemetryStream(connection, stream)
  })
  afterEach(async () => {
    await Promise.all(started.splice(0).map((telemetry) => telemetry.stop({ timeoutMs: 500 })))
    await askJetStream(connection, `STREAM.DELETE.${stream}`, undefined)
    await stage.clear()
  })
  after(() => server?.close())

  const start = async (init: object): Promise<Telemetry> => {
    const telemetry = createTelemetry({ logger: quietLogger, config: { env: {}, init: init as never } })
    started.push(telemetry as Telemetry)
    await telemetry.start()
    return telemetry as Telemetry
  }
  const ledger = (telemetry: Telemetry, id = 'jetstream') => telemetry.status().exporters[id]!.ledger
  const stored = async () =>
    (
      await askJetStream<{ state: { messages: number; last_seq: number } }>(
        connection,
        `STREAM.INFO.${stream}`,
        undefined,
      )
    ).state

  it('publishes spans, log records and metrics as OTLP requests, each to its subject', async () => {
    const telemetry = await start({
      jetstream: { server: server.url, service_name: 'shop' },
      jetstream_logs: { server: server.url, event_patterns: ['note'] },
      jetstream_metrics: { server: server.url, event_patterns: ['note'] },
    })
    telemetry.span('job', { queue: 'mail' }, () => {})
    telemetry.emit('note', { count: 3 })
    const { complete } = await telemetry.flush()
    assert.ok(complete)
    const last = async (subject: string) => (await lastStored(connection, stream, subject))!
    const spans = await last('otel.spans')
    const { resourceSpans } = decodeTraceRequest(spans.data)
    assert.deepEqual(
      resourceSpans.flatMap(({ scopeSpans }) =>
        scopeSpans.flatMap((scope) => scope.spans.map(({ name }) => name)),
      ),
      ['job'],
    )
    assert.equal(spans.headers['Telemachine-Weight'], '2')
    const { resourceLogs } = decodeLogsRequest((await last('otel.logs')).data)
    assert.equal(resourceLogs[0]?.scopeLogs[0]?.logRecords[0]?.eventName, 'note')
    const { resourceMetrics } = decodeMetricsRequest((await last('otel.metrics')).data)
    assert.equal(resourceMetrics[0]?.scopeMetrics[0]?.metrics[0]?.name, 'note')
    for (const id of ['jetstream', 'jetstream_logs', 'jetstream_metrics']) {
      assertExact(ledger(telemetry, id), id)
      assert.equal(telemetry.status().exporters[id]?.client.published, 1, id)
    }
    assert.equal(ledger(telemetry).delivered, 2)
    assert.equal(telemetry.status().exporters.jetstream?.client.openSpans, 0)
  })

  it('keeps what a full stream refuses, and delivers it when there is room', async () => {
    await askJetStream(connection, `STREAM.DELETE.${stream}`, undefined)
    await createTelemetryStream(connection, stream, { maxBytes: 2000 })
    const telemetry = await start({
      jetstream: {
        server: server.url,
        flush_interval: 0,
        batch_size: 1,
        initial_reset_timeout: 0.05,
        reset_timeout: 0.2,
      },
    })
    for (let i = 0; i < 20; i += 1) telemetry.span('job', { note: 'x'.repeat(200) }, () => {})
    await until(
      () => telemetry.status().exporters.jetstream?.lastError?.message.includes('is full'),
      'the stream is full',
    )
    const { messages } = await stored()
    assert.equal(telemetry.status().exporters.jetstream?.client.published, messages)
    assert.equal(ledger(telemetry).delivered, 2 * messages)
    assertExact(ledger(telemetry))
    // Somebody makes room, again and again.
    await until(async () => {
      await askJetStream(connection, `STREAM.PURGE.${stream}`, undefined)
      return ledger(telemetry).delivered === 40
    }, 'everything is stored')
    assert.deepEqual(ledger(telemetry).dropped, {})
    assert.equal((await stored()).last_seq, 20)
  })

  it('is stored once however often its answer is lost, over kills of the server', async () => {
    const telemetry = await start({
      jetstream: {
        server: server.url,
        ...{ flush_interval: 0.01, batch_size: 10, timeout: 0.3 },
        ...{ initial_reset_timeout: 0.05, retry_attempts: 1000 },
      },
    })
    const emitting = setInterval(() => {
      for (let i = 0; i < 10; i += 1) telemetry.span('job', () => {})
    }, 5)
    for (let round = 0; round < 3; round += 1) {
      const { delivered } = ledger(telemetry)
      await until(() => ledger(telemetry).delivered > delivered + 100, 'batches go through')
      await server.kill()
      await server.restart()
    }
    clearInterval(emitting)
    await until(() => {
      const { accepted, delivered } = ledger(telemetry)
      return accepted === delivered
    }, 'everything is delivered')
    const { client } = telemetry.status().exporters.jetstream!
    const { last_seq: lastSeq } = await stored()
    assert.equal(client.published, lastSeq)
    let weight = 0
    for (let seq = 1; seq <= lastSeq; seq += 1) {
      const { message } = await askJetStream<{ message: { hdrs: string } }>(
        connection,
        `STREAM.MSG.GET.${stream}`,
        {
          seq,
        },
      )
      const [, text] = /Telemachine-Weight: (\d+)/.exec(Buffer.from(message.hdrs, 'base64').toString()) ?? []
      weight += Number(text)
    }
    assert.equal(weight, ledger(telemetry).delivered, 'the stream has each event once')
  })

  it('says what is wrong: no stream, no server, wrong settings', async () => {
    const telemetry = await start({
      jetstream: { server: server.url, subject: 'nobody.stores.this', flush_interval: 0 },
      away: { type: 'jetstream', server: `nats://127.0.0.1:${await freePort()}` },
    })
    telemetry.span('job', () => {})
    const error = (id: string) => telemetry.status().exporters[id]?.lastError?.message ?? ''
    await until(
      () => /no stream at nats:.* stores nobody\.stores\.this/.test(error('jetstream')),
      'no stream',
    )
    await until(() => /cannot connect to the NATS server at nats:/.test(error('away')), 'no server')
    for (const [key, value] of [
      ['server', 'http://localhost'],
      ['server', 'nats://user:secret@localhost'],
      ['subject', 'otel.*'],
      ['user', 'somebody'],
    ] as const)
      await assert.rejects(telemetry.config.put(`jetstream.${key}`, value), { name: 'TelemetryConfigError' })
  })

  it('keeps to the rules for untrusted sources', async () => {
    const telemetry = await start({ jetstream: { server: server.url, token: 'secret' } })
    await assert.rejects(
      telemetry.config.putFrom('remote', { 'jetstream.server': 'nats://elsewhere.example' }),
      /stored credentials are not sent there/,
    )
    const plain = await start({ jetstream: { server: server.url } })
    await assert.rejects(
      plain.config.putFrom('remote', { 'jetstream.server': 'nats://169.254.169.254:4222' }),
      /link-local or metadata address/,
    )
    await plain.config.putFrom('remote', { 'jetstream.server': server.url.replace('127.0.0.1', 'localhost') })
  })
})

describe('the jetstream exporter', () => {
  let here: NatsServer
  let there: NatsServer
  let stages: Stage[]

  before(async function () {
    needsNats(this)
    ;[here, there] = await Promise.all([startNats(), startNats()])
    stages = [here, there].map(stageOf)
    for (const stage of stages) await createTelemetryStream(await stage.connection(), stream)
  })
  after(async () => {
    for (const stage of stages ?? []) await stage.clear()
    await Promise.all([here?.close(), there?.close()])
  })

  let n = 0
  for (const { name, run } of exporterConformance(jetstream(), {
    config: () => ({ server: here.url, batch_size: 1 }),
    events: () => {
      n += 1
      return [
        { name: 'conformance.start', metadata: { correlation_id: n } },
        { name: 'conformance.success', metadata: { correlation_id: n } },
      ]
    },
    rebuilds: () => [{ server: there.url }, { service_name: 'a' }, { server: here.url }],
    refused: () => ({ certificate: '/nowhere/ca.pem' }),
    breakBackend: () => here.kill(),
    repairBackend: () => here.restart(),
  }))
    it(name, run)
})

describe('the keys of the exporters to JetStream', () => {
  it('are none of a connection over HTTP', () => {
    const overHttp = ['endpoint', 'endpoints', 'headers', 'headers_file', 'compression']
    const proxies = ['proxy', 'http_proxy', 'https_proxy', 'no_proxy']
    for (const { type, schema } of [jetstream(), jetstreamLogs(), jetstreamMetrics()])
      assert.deepEqual(
        [...overHttp, ...proxies].filter((key) => Object.hasOwn(schema, key)),
        [],
        type,
      )
  })
})
