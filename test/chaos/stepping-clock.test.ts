/**
 * The wall clock may be set at any time, by minutes or by a day, forwards and back. Delivery, flushes, span expiry,
 * aggregation, backoffs and the watched file go by the monotonic clock; timestamps follow the wall clock and nothing else.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { createTelemetry, datadog, mock, otel, prometheus, type Telemetry } from '../../src/index.ts'
import { createBackend } from '../../src/testing/index.ts'
import { createPatience } from '../../src/testing/patience.ts'
import { createFakeDatadog } from '../exporters/datadog/fake.ts'
import { assertExact } from '../support/ledger.ts'
import { quietLogger } from '../support/quiet-logger.ts'
import { createSteppingClock, steps } from './stepping-clock.ts'

const day = 24 * 3_600_000

describe('a wall clock that is set', () => {
  const backend = createBackend()
  const fake = createFakeDatadog()
  const recorder = mock()
  let clock = createSteppingClock()
  let directory: string
  let file: string
  let telemetry: Telemetry

  const write = (lines: string): void =>
    writeFileSync(file, `[telemetry.mock]\nevent_patterns = ["m.*"]\n${lines}`)

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'telemachine-clock-'))
    file = join(directory, 'telemetry.toml')
    write('batch_size = 10\n')
    await Promise.all([backend.listen(), fake.listen()])
    backend.forget()
    recorder.clear()
    clock = createSteppingClock()
    telemetry = createTelemetry({
      types: [otel(), datadog(), prometheus(), recorder],
      clock,
      logger: quietLogger,
      drainOnExit: false,
      config: {
        file,
        env: {},
        init: {
          otel: {
            endpoint: backend.url,
            event_patterns: ['job.*'],
            flush_interval: 0.05,
            batch_size: 20,
            reset_timeout: 1,
            initial_reset_timeout: 0.1,
          },
          datadog: {
            api_key: 'k',
            api_url: fake.url,
            event_patterns: ['count.*'],
            flush_interval: 1,
          },
          prometheus: { port: 0, event_patterns: ['count.*'] },
        },
      },
    })
    await telemetry.start()
  })

  afterEach(async () => {
    await telemetry.stop()
    await Promise.all([backend.close(), fake.close()])
    rmSync(directory, { recursive: true, force: true })
  })

  let emitted = 0
  const work = async (): Promise<void> => {
    emitted += 1
    const id = emitted
    telemetry.emit('job.work.start', {}, { correlation_id: id })
    telemetry.emit('count.work', { count: 1 })
    telemetry.emit('m.work')
    await pause(2)
    telemetry.emit('job.work.success', {}, { correlation_id: id })
  }

  it('delays no delivery and no flush, and loses nothing', async () => {
    emitted = 0
    const begun = clock.range.from
    telemetry.emit('job.long.start', {}, { correlation_id: 'long' })
    for (const ms of steps) {
      for (let i = 0; i < 20; i += 1) await work()
      clock.step(ms)
      // Far less than the shortest step.
      const { complete, exporters } = await telemetry.flush({ timeoutMs: 60_000 })
      assert.equal(complete, true, `a flush after a step of ${ms} ms`)
      for (const [id, ledger] of Object.entries(exporters)) assertExact(ledger, id)
    }
    // Without a flush: by its own interval.
    const before = backend.spanCount
    await work()
    clock.step(-day)
    await backend.waitForSpans(before + 1)
    telemetry.emit('job.long.success', {}, { correlation_id: 'long' })
    await backend.waitForSpans(before + 2)
    await telemetry.flush({ timeoutMs: 60_000 })

    const { otel: spans, datadog: metrics, mock: events } = telemetry.status().exporters
    assert.deepEqual(spans?.ledger.dropped, {}, 'no span has expired')
    assert.equal(spans?.ledger.delivered, 2 * (emitted + 1))
    assert.deepEqual(metrics?.ledger.dropped, {})
    assert.equal(fake.total('count.work.count'), emitted)
    assert.equal(events?.ledger.delivered, emitted)

    const { to } = clock.range
    for (const { startTimeUnixNano: start, endTimeUnixNano: end, name } of backend.spans) {
      assert.ok(end >= start, `${name} ends before it starts`)
      for (const at of [start, end]) {
        const ms = Number(at / 1_000_000n)
        assert.ok(ms >= begun - 2 * day && ms <= to + 1, `${name} at ${new Date(ms).toISOString()}`)
      }
    }
    for (const { path, body } of fake.requests) {
      if (path !== '/api/v2/series') continue
      for (const series of body.series) {
        const interval = series.interval as number
        assert.ok(interval >= 1 && interval <= 60, `an interval of ${interval} s`)
      }
    }
  })

  it('delays no change of the configuration file', async () => {
    for (const [i, ms] of [-day, day, -600_000, 600_000].entries()) {
      write(`batch_size = ${20 + i}\n`)
      // In the middle of the wait for the end of a burst.
      await pause(20)
      clock.step(ms)
      write(`batch_size = ${20 + i}\n# more\n`)
      const isOver = createPatience(4_000)
      while (telemetry.config.get('telemetry.mock.batch_size') !== 20 + i) {
        assert.ok(!isOver(), `after a step of ${ms} ms the file is not read`)
        await pause(10)
      }
    }
  })

  it('neither keeps a breaker open nor lets a probe go early', async () => {
    backend.fault({ type: 'status', status: 503 })
    await telemetry.config.put({ 'otel.failure_threshold': 1, 'otel.batch_size': 1 })
    await work()
    const open = (): boolean => telemetry.status().exporters.otel?.breaker !== 'closed'
    await backend.waitFor(() => backend.requests > 0)
    while (!open()) await pause(5)
    await backend.clear()
    clock.step(-day)
    await backend.waitForSpans(1)
  })
})
