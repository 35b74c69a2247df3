// What docs/from-otpylib.md says of behaviour, tried: its own file runs against real receivers, and its calls do it.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { createAdmin } from '../../src/admin/index.ts'
import { createBreaker, createTelemetry, mock } from '../../src/index.ts'
import { createBackend } from '../../src/testing/index.ts'
import { startOpened } from '../support/opened.ts'
import { listening, removeTemporary, temporaryFile } from './fake.ts'

const page = readFileSync(new URL('../../docs/from-otpylib.md', import.meta.url), 'utf8')
const [, file = ''] = /```toml\n(.*?)```/s.exec(page)!

describe('an application that comes from otpylib', () => {
  afterEach(removeTemporary)

  it('runs with its own file: spans, metrics, runtime changes, and a change taken back', async () => {
    const backend = createBackend()
    await backend.listen()
    const moved = createBackend()
    await moved.listen()
    const path = temporaryFile(
      file
        .replace('http://jaeger:14268/api/traces', backend.url)
        .replace('port = 9464', 'port = 0')
        .replace('sampling_rate = 0.1', 'sampling_rate = 1'),
    )
    const telemetry = createTelemetry({
      config: { file: path, env: {} },
      logger: listening(),
      drainOnExit: false,
    })
    const admin = createAdmin(telemetry, { allowUnauthenticatedLoopback: true, logger: listening() })
    try {
      await startOpened(telemetry)
      const work = (id: number): void => {
        telemetry.emit('queuemizer.job.start', {}, { correlation_id: id, queue: 'mail' })
        telemetry.emit('queuemizer.job.success', { duration_ms: 12, count: 1 }, { correlation_id: id })
        telemetry.emit('other.start', {}, { correlation_id: id })
      }
      const failed = (id: number): void => {
        telemetry.emit('queuemizer.job.start', {}, { correlation_id: id })
        // Both patterns of its otel table match: one delivery.
        telemetry.emit('queuemizer.job.error', { duration_ms: 3 }, { correlation_id: id, error: 'disk' })
      }
      work(1)
      failed(2)
      await telemetry.flush()
      assert.deepEqual(
        backend.spans.map(({ name, status }) => [name, status.code]),
        [
          ['queuemizer.job', 0],
          ['queuemizer.job', 2],
        ],
      )
      assert.equal(backend.spans[0]!.attributes.duration_ms, 12)
      const { url: metricsUrl } = telemetry.status().exporters.prometheus!.client as { url: string }
      const metrics = await (await fetch(metricsUrl)).text()
      assert.match(metrics, /^queuemizer_job_success_total(\{[^}]*\})? 1$/m)
      assert.match(metrics, /^queuemizer_job_success_duration_seconds_sum(\{[^}]*\})? 0\.012$/m)
      assert.match(metrics, /^queuemizer_job_error_duration_seconds_count(\{[^}]*\})? 1$/m)

      const changes: unknown[][] = []
      telemetry.config.subscribe('telemetry.otel.*', (...change) => changes.push(change))
      await telemetry.config.put('telemetry.otel.endpoint', moved.url)
      work(3)
      await telemetry.flush()
      assert.equal(moved.spans.length, 1)
      assert.deepEqual(changes, [['telemetry.otel.endpoint', backend.url, moved.url]])

      const { url } = await admin.listen()
      const ask = (method: string, where: string, body?: object): Promise<Response> =>
        fetch(new URL(where, url), {
          method,
          headers: { 'content-type': 'application/json' },
          ...(body && { body: JSON.stringify(body) }),
        })
      const size = (): unknown => telemetry.config.get('telemetry.otel.batch_size', 512)
      const values = { 'telemetry.otel.batch_size': 7, 'telemetry.otel.flush_interval': 2 }
      assert.equal((await ask('PATCH', '/config', values)).status, 200)
      assert.equal(size(), 7)
      assert.equal((await ask('PATCH', '/config', { ...values, 'telemetry.otel.nothing': 1 })).status, 422)
      assert.equal((await ask('DELETE', '/config/telemetry.otel.batch_size')).status, 200)
      assert.equal(size(), 100, 'that of its file is in force again')
      await telemetry.config.unset('telemetry.otel.endpoint')
      assert.equal(telemetry.config.get('telemetry.otel.endpoint'), backend.url)

      await telemetry.config.put('telemetry.prometheus.outcome_label', true)
      work(4)
      failed(5)
      const joined = await (await fetch(metricsUrl)).text()
      for (const outcome of ['success', 'error'])
        assert.match(
          joined,
          new RegExp(`^queuemizer_job_duration_seconds_count\\{.*outcome="${outcome}".*\\} 1$`, 'm'),
        )

      writeFileSync(path, readFileSync(path, 'utf8').replace('batch_size = 100', 'batch_size = 50'))
      await new Promise<void>((resolve) => {
        telemetry.config.subscribe('telemetry.otel.batch_size', () => resolve())
      })
      assert.equal(size(), 50, 'its file is watched')
      const { ledger } = telemetry.status().exporters.otel!
      assert.equal(ledger.accepted - ledger.delivered, 4, 'what waits is the last two spans')
    } finally {
      await admin.close()
      const report = await telemetry.stop()
      assert.ok(report)
      await Promise.all([backend.close(), moved.close()])
    }
  })

  it('finds the variables of the document, for every exporter that has the key', async () => {
    const env = {
      TELEMETRY_ENABLED: 'false',
      TELEMETRY_ENDPOINT: 'http://c:4318/v1/traces',
      TELEMETRY_API_KEY: 'k',
      TELEMETRY_BATCH_SIZE: '9',
    }
    const recorder = mock()
    const telemetry = createTelemetry({
      types: [recorder],
      config: { env, init: { otel: {}, mock: {} } },
      logger: listening(),
      drainOnExit: false,
    })
    await telemetry.start()
    for (const id of ['otel', 'mock']) {
      assert.equal(telemetry.config.get(`${id}.enabled`), false)
      assert.equal(telemetry.config.get(`${id}.endpoint`), 'http://c:4318/v1/traces')
      assert.equal(telemetry.config.get(`${id}.batch_size`), 9)
    }
    assert.equal(telemetry.config.get('mock.api_key'), '[redacted]')
    await telemetry.stop()
  })

  it('has a breaker of its own, and a recorder for its tests', async () => {
    const breaker = createBreaker({ failureThreshold: 2, resetTimeoutMs: 60_000 })
    const down = (): Promise<never> => Promise.reject(new Error('down'))
    for (let i = 0; i < 2; i++) await assert.rejects(breaker.execute(down), { message: 'down' })
    await assert.rejects(breaker.execute(down), { code: 'BREAKER_OPEN' })
    assert.equal(breaker.state, 'open')

    const recorder = mock()
    const telemetry = createTelemetry({
      types: [recorder],
      config: { env: {}, init: { mock: {} } },
      logger: listening(),
      drainOnExit: false,
    })
    await telemetry.start()
    telemetry.emit('queuemizer.job.start')
    telemetry.emit('other')
    await telemetry.flush()
    await telemetry.config.put('mock.batch_size', 3)
    assert.equal(recorder.eventsMatching('queuemizer.*').length, 1)
    const [change] = recorder.configChanges
    assert.deepEqual(
      { ...change, time: 0 },
      { id: 'mock', path: 'telemetry.mock.batch_size', old: 512, new: 3, time: 0 },
    )
    recorder.clear()
    assert.deepEqual([recorder.configChanges.length, recorder.events.length], [0, 0])
    await telemetry.stop()
  })
})
