// Guards the gateway: a message leaves the stream when its backend has it, or refuses it, and not before; gateways may
// come, go and fail as they like; and every count adds up.
import assert from 'node:assert/strict'
import type { NatsConnection } from '@nats-io/transport-node'
import { createTelemetry, type Telemetry } from '../../src/index.ts'
import { createTelemetryStream } from '../../src/nats/gateway/stream.ts'
import { createGateway, type Gateway, type GatewayOptions, openFleet } from '../../src/nats/index.ts'
import { askJetStream } from '../../src/nats-client/stored.ts'
import { type Backend, createBackend } from '../../src/testing/index.ts'
import { start } from '../cli/harness.ts'
import { assertExact } from '../support/ledger.ts'
import { type NatsServer, needsNats, startNats } from '../support/nats-server.ts'
import { freePort } from '../support/ports.ts'
import { quietLogger } from '../support/quiet-logger.ts'
import { type Stage, stageOf, until } from './stage.ts'

const stream = 'telemachine_otel'

describe('a gateway', () => {
  let server: NatsServer
  let stage: Stage
  let backend: Backend
  let connection: NatsConnection
  const ends: (() => Promise<unknown>)[] = []

  before(async function () {
    needsNats(this)
    server = await startNats()
  })
  beforeEach(async () => {
    stage = stageOf(server)
    backend = createBackend()
    await backend.listen()
    connection = await stage.connection()
    await createTelemetryStream(connection, stream)
  })
  afterEach(async () => {
    for (const end of ends.splice(0)) await end()
    await askJetStream(connection, `STREAM.DELETE.${stream}`, undefined)
    await stage.clear()
    await backend.close()
  })
  after(() => server?.close())

  const gateway = async (init: object, more: Partial<GatewayOptions> = {}): Promise<Gateway> => {
    const made = createGateway({
      ...{ servers: server.url, logger: quietLogger },
      ...more,
      config: { env: {}, init },
    })
    ends.push(() => made.stop({ timeoutMs: 500 }))
    await made.start()
    return made
  }
  const node = async (init: object = {}): Promise<Telemetry> => {
    const telemetry = createTelemetry({
      logger: quietLogger,
      config: { env: {}, init: { jetstream: { server: server.url, flush_interval: 0.01, ...init } } },
    })
    ends.push(() => telemetry.stop({ timeoutMs: 500 }))
    await telemetry.start()
    return telemetry as Telemetry
  }
  const emit = (telemetry: Telemetry, count: number): void => {
    for (let i = 0; i < count; i += 1) telemetry.span('job', () => {})
  }
  const waiting = async (): Promise<number> =>
    (await askJetStream<{ state: { messages: number } }>(connection, `STREAM.INFO.${stream}`, undefined))
      .state.messages
  const ledger = ({ telemetry }: Gateway, id = 'otel') => telemetry.status().exporters[id]!.ledger

  it('delivers what nodes have published, and counts it in events', async () => {
    const through = await gateway({ otel: { endpoint: backend.url } })
    const telemetry = await node({ batch_size: 10 })
    emit(telemetry, 100)
    await telemetry.flush()
    await until(async () => (await waiting()) === 0, 'the stream is empty')
    assert.equal(backend.spanCount, 100)
    assert.equal(ledger(through).delivered, 200)
    assert.equal(ledger(through).accepted, telemetry.status().exporters.jetstream?.ledger.delivered)
    assert.equal(ledger(through).ambiguous, 0)
    assertExact(ledger(through))
  })

  it('leaves in the stream what a backend that is down cannot take, and delivers it when it is back', async () => {
    const through = await gateway({
      otel: { endpoint: backend.url, initial_reset_timeout: 0.05, reset_timeout: 0.1 },
    })
    backend.fault({ type: 'status', status: 503 })
    const telemetry = await node({ batch_size: 10 })
    emit(telemetry, 50)
    await telemetry.flush()
    await until(() => (ledger(through).dropped.returned ?? 0) > 0, 'a batch was returned')
    assert.ok((await waiting()) > 0)
    backend.clear()
    await until(async () => (await waiting()) === 0, 'the stream is empty')
    assert.equal(backend.spanCount, 50)
    assert.equal(ledger(through).delivered, 100)
    assertExact(ledger(through))
  })

  it('ends what the backend refuses, and counts it', async () => {
    const through = await gateway({ otel: { endpoint: backend.url } })
    backend.fault({ type: 'status', status: 400 }, { times: 1 })
    const telemetry = await node()
    emit(telemetry, 5)
    await telemetry.flush()
    await until(async () => (await waiting()) === 0, 'the stream is empty')
    assert.equal(ledger(through).dropped.rejected, 10)
    emit(telemetry, 5)
    await telemetry.flush()
    await until(() => backend.spanCount === 5, 'the next ones arrive')
  })

  it('returns to the stream what it has when it is stopped, for another one', async () => {
    const stalled = createBackend()
    await stalled.listen()
    stalled.fault({ type: 'hang' })
    const first = await gateway({ otel: { endpoint: stalled.url } })
    const telemetry = await node({ batch_size: 10 })
    emit(telemetry, 50)
    await telemetry.flush()
    await until(() => ledger(first).pending.in_flight > 0, 'the first gateway is at work')
    const report = await first.stop({ timeoutMs: 100 })
    assertExact(report.exporters.otel!)
    const second = await gateway({ otel: { endpoint: backend.url } })
    await until(async () => (await waiting()) === 0, 'the stream is empty')
    assert.equal(backend.spanCount, 50)
    assert.ok(ledger(second).ambiguous > 0, 'the first one may have delivered some')
    await stalled.close()
  })

  it('is moved, disabled and enabled as any other', async () => {
    const other = createBackend()
    await other.listen()
    const through = await gateway({ otel: { endpoint: backend.url } })
    const telemetry = await node()
    emit(telemetry, 5)
    await until(() => backend.spanCount === 5, 'the first backend has them')
    await through.telemetry.config.put('otel.endpoint', other.url)
    emit(telemetry, 5)
    await until(() => other.spanCount === 5, 'the second backend has them')
    await through.telemetry.config.put('otel.enabled', false)
    emit(telemetry, 5)
    await telemetry.flush()
    await until(async () => (await waiting()) > 0, 'they stay in the stream')
    await through.telemetry.config.put('otel.enabled', true)
    await until(() => other.spanCount === 10, 'and go on')
    assert.equal(backend.spanCount, 5)
    await other.close()
  })

  it('does not hold what it could not deliver while its backend is away', async () => {
    await gateway({ otel: { endpoint: `http://127.0.0.1:${await freePort()}/v1/traces` } })
    const telemetry = await node({ batch_size: 25 })
    emit(telemetry, 50)
    await telemetry.flush()
    const works = await gateway({ otel: { endpoint: backend.url } })
    await until(async () => (await waiting()) === 0, 'the stream is empty', 60_000)
    assert.equal(backend.spanCount, 50)
    assert.equal(ledger(works).delivered, 100)
  })

  it('takes log records and metrics too', async () => {
    const through = await gateway({
      otel_logs: { endpoint: backend.logsUrl },
      otel_metrics: { endpoint: backend.metricsUrl },
    })
    const telemetry = createTelemetry({
      logger: quietLogger,
      config: {
        env: {},
        init: { jetstream_logs: { server: server.url }, jetstream_metrics: { server: server.url } },
      },
    })
    ends.push(() => telemetry.stop())
    await telemetry.start()
    telemetry.emit('note', { count: 1 })
    await telemetry.flush()
    await until(
      () => backend.logRecordCount === 1 && ledger(through, 'otel_metrics').delivered > 0,
      'both arrive',
    )
  })

  it('runs as a command, until it is ended, and takes its configuration from the fleet', async () => {
    const fleet = await openFleet({ servers: server.url, key: 'gateways' })
    ends.push(() => fleet.close())
    await fleet.put({ put: { 'otel.endpoint': backend.url }, unset: [] })
    const running = await start(['gateway', '--node', 'g1'], { env: { NATS_URL: server.url } })
    await running.prints(/^g1 sends otel\n/)
    const telemetry = await node()
    emit(telemetry, 5)
    await until(() => backend.spanCount === 5, 'the backend has them')
    await until(async () => (await fleet.status()).nodes[0]?.role === 'gateway', 'it is shown as a gateway')
    const { code, stdout } = await running.end('SIGTERM')
    assert.equal(code, 0)
    assert.match(stdout, /g1 has delivered 10 events, and is stopped\n$/)
  })

  it('refuses settings under which messages would be forgotten', async () => {
    const through = await gateway({ otel: { endpoint: backend.url } })
    await assert.rejects(through.telemetry.config.put('otel.max_age', 5), /the stream keeps messages/)
    await assert.rejects(through.telemetry.config.put('otel.overflow', 'drop_oldest'), /stays in the stream/)
    assert.throws(() => createGateway({ servers: server.url, prefetch: 0 }), { code: 'NATS_OPTION_INVALID' })
  })
})
