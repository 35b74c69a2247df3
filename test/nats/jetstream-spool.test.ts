/** What a stream does not take waits on disk, and another life of the process publishes it with the resource that it had. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { NatsConnection } from '@nats-io/transport-node'
import { createTelemetry, type Telemetry } from '../../src/index.ts'
import { createTelemetryStream } from '../../src/nats/gateway/stream.ts'
import { askJetStream, lastStored } from '../../src/nats-client/stored.ts'
import { decodeLogsRequest, decodeMetricsRequest, decodeTraceRequest } from '../../src/testing/otlp-decode.ts'
import { assertExact } from '../support/ledger.ts'
import { type NatsServer, needsNats, startNats } from '../support/nats-server.ts'
import { quietLogger } from '../support/quiet-logger.ts'
import { type Stage, stageOf, until } from './stage.ts'

const stream = 'telemachine_spool'
const ids = ['jetstream', 'jetstream_logs', 'jetstream_metrics'] as const

describe('exporters to JetStream with a spool', () => {
  let server: NatsServer
  let stage: Stage
  let connection: NatsConnection
  let place = ''
  const started: Telemetry[] = []

  before(async function () {
    needsNats(this)
    server = await startNats()
    stage = stageOf(server)
    connection = await stage.connection()
    place = await mkdtemp(join(tmpdir(), 'spool-'))
  })
  after(async () => {
    await Promise.all(started.map((telemetry) => telemetry.stop({ timeoutMs: 500 })))
    await stage?.clear()
    await server?.close()
    await rm(place, { recursive: true, force: true })
  })

  const start = async (service: string): Promise<Telemetry> => {
    const config = (id: string) => ({
      ...{ server: server.url, service_name: service, flush_interval: 0.1 },
      ...{ initial_reset_timeout: 0.05, reset_timeout: 0.2, retry_attempts: 1000 },
      spool: { directory: join(place, id), mode: 'always' as const },
    })
    const telemetry = createTelemetry({
      logger: quietLogger,
      config: {
        env: {},
        init: {
          jetstream: config('spans'),
          jetstream_logs: { ...config('logs'), event_patterns: ['note'] },
          jetstream_metrics: { ...config('metrics'), event_patterns: ['note'], temporality: 'delta' },
        },
      },
    }) as Telemetry
    started.push(telemetry)
    await telemetry.start()
    const spool = (id: string) => telemetry.status().exporters[id]!.spool
    await until(() => ids.every((id) => spool(id)?.state === 'ready'), 'the spools are open')
    return telemetry
  }

  it('lose nothing over a stop in which no stream was there', async () => {
    const first = await start('first')
    first.span('job', () => {})
    first.emit('note', { count: 3 })
    const report = await first.stop({ timeoutMs: 30_000 })
    for (const id of ids) {
      assertExact(report.exporters[id]!, id)
      assert.ok(report.exporters[id]!.pending.spooled! > 0, `${id}: ${JSON.stringify(report.exporters[id])}`)
    }

    await createTelemetryStream(connection, stream)
    const second = await start('second')
    const ledger = (id: string) => second.status().exporters[id]!.ledger
    await until(() => ids.every((id) => ledger(id).delivered > 0), 'what was on disk is published')
    for (const id of ids) {
      assertExact(ledger(id), id)
      assert.equal(ledger(id).delivered, ledger(id).restored, id)
      assert.equal(ledger(id).restored, report.exporters[id]!.pending.spooled, id)
    }
    const last = async (subject: string) => (await lastStored(connection, stream, subject))!.data
    const [spans] = decodeTraceRequest(await last('otel.spans')).resourceSpans
    const [logs] = decodeLogsRequest(await last('otel.logs')).resourceLogs
    const [metrics] = decodeMetricsRequest(await last('otel.metrics')).resourceMetrics
    for (const { resource } of [spans!, logs!, metrics!])
      assert.equal(resource?.attributes['service.name'], 'first')
    assert.equal(spans!.scopeSpans[0]!.spans[0]!.name, 'job')
    assert.equal(logs!.scopeLogs[0]!.logRecords[0]!.eventName, 'note')
    const [point] = metrics!.scopeMetrics[0]!.metrics[0]!.sum!.dataPoints
    assert.equal(Number(point!.asInt ?? point!.asDouble), 3)
    await askJetStream(connection, `STREAM.DELETE.${stream}`, undefined)
  })
})
