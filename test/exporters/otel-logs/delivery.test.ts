// Guards that no log record is lost or counted twice while its endpoint moves, is away, misbehaves, or the service stops,
// by the count of real receivers beside the ledger.
import assert from 'node:assert/strict'
import { createTelemetry, type Telemetry } from '../../../src/index.ts'
import { type Backend, type BackendOptions, createBackend } from '../../../src/testing/index.ts'
import { pause } from '../../support/poll.ts'
import { quietLogger } from '../../support/quiet-logger.ts'

const sum = (counts: object): number => Object.values(counts).reduce((a, b) => a + b, 0)

describe('log records on their way', () => {
  const backends: Backend[] = []
  const running: Telemetry[] = []
  const open = async (options?: BackendOptions): Promise<Backend> => {
    const backend = createBackend(options)
    backends.push(backend)
    await backend.listen()
    return backend
  }
  const start = async (table: Readonly<Record<string, unknown>>, env = {}): Promise<Telemetry> => {
    const init = { otel_logs: { flush_interval: 0.01, initial_reset_timeout: 0.02, ...table } }
    const telemetry = createTelemetry({ logger: quietLogger, drainOnExit: false, config: { env, init } })
    running.push(telemetry)
    await telemetry.start()
    return telemetry
  }
  const emit = (telemetry: Telemetry, from: number, to: number): void => {
    for (let i = from; i < to; i++) telemetry.emit('job.done', { count: 1 }, { n: i })
  }
  const numbers = (...from: Backend[]): number[] =>
    from
      .flatMap(({ logRecords }) => logRecords)
      .filter(({ eventName }) => eventName === 'job.done')
      .map(({ attributes }) => attributes.n as number)
      .toSorted((a, b) => a - b)
  const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

  afterEach(async () => {
    await Promise.all(running.splice(0).map((telemetry) => telemetry.stop({ timeoutMs: 1000 })))
    await Promise.all(backends.splice(0).map((backend) => backend.close()))
  })

  it('arrive once each while the endpoint moves to and fro', async () => {
    const [here, there] = [await open(), await open()]
    const telemetry = await start({ endpoint: here.logsUrl, event_patterns: ['job.*'] })
    for (let move = 0; move < 6; move++) {
      const next = move % 2 ? here : there
      emit(telemetry, move * 500, move * 500 + 250)
      await telemetry.config.put('otel_logs.endpoint', next.logsUrl)
      const before = next.logRecordCount
      emit(telemetry, move * 500 + 250, move * 500 + 500)
      await next.waitForLogRecords(before + 1)
    }
    await telemetry.flush()
    assert.deepEqual(numbers(here, there), upTo(3000))
  })

  it('wait through an outage and arrive once each', async () => {
    const backend = await open()
    const telemetry = await start({ endpoint: backend.logsUrl, event_patterns: ['job.*'] })
    backend.fault({ type: 'refuse' })
    emit(telemetry, 0, 2000)
    await telemetry.flush({ timeoutMs: 200 })
    assert.equal(backend.logRecordCount, 0)
    await backend.clear()
    emit(telemetry, 2000, 2100)
    await telemetry.flush()
    await backend.waitForLogRecords(2100)
    assert.deepEqual(numbers(backend), upTo(2100))
    const { ledger } = telemetry.status().exporters.otel_logs!
    assert.equal(ledger.delivered, 2100)
  })

  it('are all sent, or counted, by a stop', async () => {
    const backend = await open()
    const telemetry = await start({
      endpoint: backend.logsUrl,
      event_patterns: ['job.*'],
      flush_interval: 60,
      batch_size: 100_000,
    })
    emit(telemetry, 0, 1000)
    const { exporters } = await telemetry.stop()
    assert.deepEqual(numbers(backend), upTo(1000))
    assert.equal(exporters.otel_logs!.delivered, 1000)

    const closed = await start({ endpoint: backend.logsUrl, event_patterns: ['job.*'] })
    await backend.close()
    emit(closed, 0, 500)
    const after = (await closed.stop({ timeoutMs: 500 })).exporters.otel_logs!
    assert.deepEqual([after.accepted, after.delivered, sum(after.dropped)], [500, 0, 500])
  })

  it('that a backend rejects count as rejected, with its reason', async () => {
    const backend = await open()
    const telemetry = await start({ endpoint: backend.logsUrl, event_patterns: ['job.*'] })
    backend.fault({ type: 'partial', rejected: 3, message: 'too old' }, { times: 1 })
    emit(telemetry, 0, 10)
    await telemetry.flush()
    const { ledger, lastError } = telemetry.status().exporters.otel_logs!
    assert.deepEqual([ledger.delivered, ledger.dropped.rejected], [7, 3])
    assert.match(lastError?.message ?? '', /rejected 3 of 10 log records: too old/)
    assert.equal(backend.rejected, 3)
  })

  it('arrive compressed, with headers and a resource, at the endpoint that the variables give', async () => {
    const backend = await open()
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: backend.logsUrl.replace('/v1/logs', ''),
      OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=a,x-kind=any',
      OTEL_EXPORTER_OTLP_LOGS_HEADERS: 'x-kind=logs',
      OTEL_EXPORTER_OTLP_LOGS_COMPRESSION: 'gzip',
      OTEL_SERVICE_NAME: 'shop',
    }
    const telemetry = await start({ event_patterns: ['job.*'] }, env)
    emit(telemetry, 0, 1)
    await telemetry.flush()
    const [request] = backend.log
    assert.equal(request?.path, '/v1/logs')
    assert.equal(request.headers['content-encoding'], 'gzip')
    assert.deepEqual([request.headers['x-tenant'], request.headers['x-kind']], ['a', 'logs'])
    assert.equal(request.logRecords[0]?.resource?.attributes['service.name'], 'shop')
    assert.equal(request.logRecords[0]?.scope?.name, 'telemachine')
  })

  it('go over TLS that the configuration trusts', async () => {
    const backend = await open({ tls: true })
    const telemetry = await start({ endpoint: backend.logsUrl, event_patterns: ['job.*'] })
    emit(telemetry, 0, 1)
    await telemetry.flush({ timeoutMs: 300 })
    while (telemetry.status().exporters.otel_logs!.lastError === null) await pause()
    assert.equal(backend.logRecordCount, 0)
    assert.match(telemetry.status().exporters.otel_logs!.lastError?.message ?? '', /certificate/)
  })

  it('of an event within a span name that span, as its own record in a trace', async () => {
    const backend = await open()
    const init = {
      otel: { endpoint: backend.url, flush_interval: 0.01 },
      otel_logs: { endpoint: backend.logsUrl, flush_interval: 0.01, event_patterns: ['job.*', 'note'] },
    }
    const telemetry = createTelemetry({
      logger: quietLogger,
      drainOnExit: false,
      config: { env: {}, init },
    })
    running.push(telemetry)
    await telemetry.start()
    telemetry.span('job', {}, () => telemetry.emit('note', {}, { n: 1 }))
    await telemetry.flush()
    const [span] = backend.spans
    assert.ok(span)
    assert.deepEqual(
      backend.logRecords.map(({ eventName, traceId, spanId, flags }) => [eventName, traceId, spanId, flags]),
      ['job.start', 'note', 'job.success'].map((name) => [name, span.traceId, span.spanId, 1]),
    )
  })

  it('take another severity, body and limit at once, without a new client', async () => {
    const backend = await open()
    const telemetry = await start({ endpoint: backend.logsUrl, event_patterns: ['job.*'] })
    emit(telemetry, 0, 1)
    await telemetry.flush()
    await telemetry.config.put({ 'otel_logs.severities': { '*': 'info' }, 'otel_logs.body': 'n' })
    emit(telemetry, 1, 2)
    await telemetry.flush()
    assert.deepEqual(
      backend.logRecords.map(({ severityText, body }) => [severityText, body]),
      [
        ['', null],
        ['INFO', 1],
      ],
    )
    assert.equal(backend.connectionsTotal, 1)
  })

  it('refuse an unknown severity, and nothing changes', async () => {
    const backend = await open()
    const telemetry = await start({ endpoint: backend.logsUrl })
    await assert.rejects(
      telemetry.config.put('otel_logs.severities', { '*': 'loud' }),
      /otel_logs\.severities.*severity of OpenTelemetry/s,
    )
  })
})
