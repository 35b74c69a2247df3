// Guards what all three OTLP signals promise together: one `emit` feeds traces, logs and metrics, and through an outage of
// ten seconds, moves of the endpoint and a stop each span and each log record arrives once, and each sum is exact, by the
// count of independent receivers. Time is simulated, and real as well with TELEMACHINE_NIGHTLY=1.
import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { createSystemClock, createTelemetry } from '../../src/index.ts'
import { type Backend, createBackend, createSimulatedClock, metricTotals } from '../../src/testing/index.ts'
import { assertExact } from '../support/ledger.ts'
import { quietLogger } from '../support/quiet-logger.ts'

const ids = ['otel', 'otel_logs', 'otel_metrics', 'otel_deltas'] as const

/** Both have paths of their own for cumulative and for delta sums, so that each is reckoned by itself. */
const open = async (): Promise<Backend> => {
  const backend = createBackend()
  await backend.listen()
  return backend
}

/** How a backend may be away. What it refuses, it surely has not taken: counts stay exact. */
const outages = {
  'that refuses connections': (backend: Backend) => backend.fault({ type: 'refuse' }),
  'that answers 503': (backend: Backend) => backend.fault({ type: 'status', status: 503 }),
  'that resets connections': (backend: Backend) => backend.fault({ type: 'reset', when: 'during' }),
}

/** Seconds that pass without waiting. */
const simulatedTime = () => {
  const clock = createSimulatedClock()
  const until = (holds: () => boolean): Promise<void> => clock.until(holds, { stepMs: 250 })
  return { clock, advance: (ms: number): Promise<void> => clock.advance(ms), until }
}

const realTime = () => ({
  clock: createSystemClock(),
  advance: (ms: number): Promise<void> => pause(ms),
  async until(holds: () => boolean): Promise<void> {
    for (const end = performance.now() + 30_000; !holds(); await pause(50))
      assert.ok(performance.now() < end, 'it does not come about')
  },
})

const nightly = process.env.TELEMACHINE_NIGHTLY === '1'

describe('one emit, in all three signals', () => {
  for (const [what, begin, time] of [
    ...Object.entries(outages).map(([what, begin]) => [what, begin, simulatedTime] as const),
    ...(nightly ? [['in real time', outages['that refuses connections'], realTime] as const] : []),
  ])
    it(`arrives once each through an outage ${what}, moves of the endpoint and a stop`, async () => {
      const { clock, advance, until } = time()
      const [here, there, deltas, otherDeltas] = [await open(), await open(), await open(), await open()]
      const backends = [here, there, deltas, otherDeltas]
      // Simulated time flies past real answers: no attempt is to be cut, and sent twice.
      const common = {
        ...{ timeout: 3600, drain_timeout: 3600, reset_timeout: 5, event_patterns: ['job.*'] },
        retry_attempts: 1000,
      }
      const metrics = { ...common, interval: 2 }
      const telemetry = createTelemetry({
        config: {
          env: {},
          init: {
            otel: { ...common, endpoint: here.url },
            otel_logs: { ...common, endpoint: here.logsUrl },
            otel_metrics: { ...metrics, endpoint: here.metricsUrl },
            otel_deltas: {
              ...{ ...metrics, type: 'otel_metrics', endpoint: deltas.metricsUrl },
              ...{ temporality: 'delta', histogram: 'exponential' },
            },
          },
        },
        ...{ clock, logger: quietLogger, drainOnExit: false },
      })
      await telemetry.start()

      let jobs = 0
      const queues = new Map<string, number>()
      /** Ten jobs, of two events each, every hundred milliseconds. */
      const work = async (seconds: number): Promise<void> => {
        for (let step = 0; step < seconds * 10; step++) {
          for (let i = 0; i < 10; i++, jobs++) {
            const queue = `queue ${jobs % 7}`
            telemetry.emit('job.start', {}, { correlation_id: jobs, queue })
            telemetry.emit('job.success', { count: 2, duration_ms: 250 }, { correlation_id: jobs, queue })
            queues.set(queue, (queues.get(queue) ?? 0) + 1)
          }
          await advance(100)
        }
      }
      const breaker = (id: string): string => telemetry.status().exporters[id]!.breaker

      await work(4)
      for (const backend of [here, deltas]) begin(backend)
      const begun = clock.now()
      await work(10)
      assert.ok(clock.now() - begun >= 10_000)
      await until(() => ids.every((id) => breaker(id) === 'open'))
      await Promise.all([here.clear(), deltas.clear()])
      await until(() => ids.every((id) => breaker(id) === 'closed'))
      await work(2)
      await telemetry.config.put({
        'otel.endpoint': there.url,
        'otel_logs.endpoint': there.logsUrl,
        'otel_metrics.endpoint': there.metricsUrl,
        'otel_deltas.endpoint': otherDeltas.metricsUrl,
      })
      await work(4)
      await telemetry.config.put({
        'otel.endpoint': here.url,
        'otel_logs.endpoint': here.logsUrl,
        'otel_metrics.endpoint': here.metricsUrl,
        'otel_deltas.endpoint': deltas.metricsUrl,
      })
      await work(1)
      const report = await telemetry.stop({ timeoutMs: 10_000 })

      assert.equal(report.complete, true)
      for (const id of ids) {
        const ledger = report.exporters[id]!
        assertExact(ledger)
        // A start measures nothing.
        const ignored = id === 'otel' || id === 'otel_logs' ? {} : { ignored: jobs }
        assert.deepEqual([ledger.accepted, ledger.dropped], [2 * jobs, ignored], id)
      }
      const spans = [...here.spans, ...there.spans].map(({ attributes }) => attributes.correlation_id)
      assert.equal(spans.length, jobs)
      assert.equal(new Set(spans).size, jobs)
      const records = [...here.logRecords, ...there.logRecords].map(
        ({ eventName, attributes }) => `${eventName} ${attributes.correlation_id}`,
      )
      assert.equal(records.length, 2 * jobs)
      assert.equal(new Set(records).size, 2 * jobs)
      for (const points of [
        [...here.points, ...there.points],
        [...deltas.points, ...otherDeltas.points],
      ]) {
        const expected = [...queues].map(([queue, count]) => [JSON.stringify({ queue }), count] as const)
        const counts = metricTotals(points, 'job.success')
        assert.deepEqual(
          new Map([...counts].map(([key, { sum }]) => [key, sum])),
          new Map(expected.map(([key, count]) => [key, 2 * count])),
        )
        const durations = metricTotals(points, 'job.success.duration')
        assert.deepEqual(
          new Map([...durations].map(([key, { count, sum }]) => [key, [count, Math.round(sum * 1000)]])),
          new Map(expected.map(([key, count]) => [key, [count, 250 * count]])),
        )
      }
      for (const backend of backends) assert.equal(backend.malformed, 0)
      await Promise.all(backends.map((backend) => backend.close()))
    })
})
