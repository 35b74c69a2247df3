/**
 * The ledgers of the OTLP exporters of each signal add up at every moment of random schedules, and what real receivers
 * decode is what the ledgers call delivered: spans, log records, and sums of either temporality.
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { createTelemetry } from '../../src/index.ts'
import {
  type Backend,
  createBackend,
  createSimulatedClock,
  type Fault,
  metricTotals,
} from '../../src/testing/index.ts'
import { assertExact } from '../support/ledger.ts'
import { quietLogger } from '../support/quiet-logger.ts'

const nightly = process.env.TELEMACHINE_NIGHTLY === '1'

const ids = ['traces', 'logs', 'sums', 'deltas'] as const

/** What a backend that has a fault has surely not taken: counts stay exact. */
const faults: readonly Fault[] = [
  { type: 'status', status: 503 },
  { type: 'status', status: 429 },
  { type: 'reset', when: 'during' },
  { type: 'refuse' },
]

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ emit: fc.integer({ min: 1, max: 60 }) }) },
  { weight: 4, arbitrary: fc.record({ advance: fc.integer({ min: 1, max: 6000 }) }) },
  { weight: 2, arbitrary: fc.record({ fault: fc.constantFrom(...faults) }) },
  { weight: 2, arbitrary: fc.record({ clear: fc.constant(true) }) },
  { weight: 2, arbitrary: fc.record({ move: fc.constantFrom(0, 1) }) },
  { weight: 1, arbitrary: fc.record({ declare: fc.boolean() }) },
)

describe('the exporters of all signals, on random schedules', () => {
  it('lose nothing and count nothing twice', async function () {
    this.timeout(nightly ? 3_000_000 : 300_000)
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const backends: readonly [Backend, Backend] = [createBackend(), createBackend()]
        await Promise.all(backends.map((backend) => backend.listen()))
        const clock = createSimulatedClock()
        const endpoints = ({ url, logsUrl, metricsUrl }: Backend) => ({
          'traces.endpoint': url,
          'logs.endpoint': logsUrl,
          'sums.endpoint': metricsUrl,
        })
        // Deltas have receivers of their own, so that the two kinds of sums are told apart.
        const others: readonly [Backend, Backend] = [createBackend(), createBackend()]
        await Promise.all(others.map((backend) => backend.listen()))
        const common = { timeout: 3600, drain_timeout: 3600, reset_timeout: 2, event_patterns: ['job.*'] }
        const kept = { ...common, retry_attempts: 100_000 }
        const telemetry = createTelemetry({
          config: {
            env: {},
            init: {
              traces: { ...kept, type: 'otel', endpoint: backends[0].url },
              logs: { ...kept, type: 'otel_logs', endpoint: backends[0].logsUrl },
              sums: { ...kept, type: 'otel_metrics', endpoint: backends[0].metricsUrl, interval: 1 },
              deltas: {
                ...{ ...kept, type: 'otel_metrics', endpoint: others[0].metricsUrl, interval: 1 },
                temporality: 'delta',
              },
            },
          },
          ...{ clock, logger: quietLogger, drainOnExit: false },
        })
        await telemetry.start()
        const all = [...backends, ...others]
        let jobs = 0
        const take = async (one: Partial<Record<string, unknown>>): Promise<void> => {
          if (typeof one.emit === 'number')
            for (let i = 0; i < one.emit; i++, jobs++)
              telemetry.span('job', { correlation_id: jobs, shard: jobs % 3, count: 1 }, () => {
                telemetry.emit('job.counted', { count: 1 }, { shard: jobs % 3 })
              })
          else if (typeof one.advance === 'number') await clock.advance(one.advance)
          else if (one.fault) for (const backend of all) backend.fault(one.fault as Fault)
          else if (one.clear) await Promise.all(all.map((backend) => backend.clear()))
          else if (one.move !== undefined) {
            const to = one.move as 0 | 1
            await telemetry.config.put({
              ...endpoints(backends[to]),
              'deltas.endpoint': others[to].metricsUrl,
            })
          } else {
            const metrics = one.declare ? [{ event: 'job.counted', type: 'counter', name: 'jobs' }] : []
            await telemetry.config.put({ 'sums.metrics': metrics, 'deltas.metrics': metrics })
          }
        }
        for (const one of steps) {
          await take(one)
          for (const id of ids) assertExact(telemetry.status().exporters[id]!.ledger, id)
        }
        await Promise.all(all.map((backend) => backend.clear()))
        await clock.until(
          () =>
            ids.every((id) => {
              const { pending } = telemetry.status().exporters[id]!.ledger
              return Object.values(pending).every((count) => count === 0)
            }),
          { stepMs: 250, timeoutMs: 20_000 },
        )
        const { exporters } = await telemetry.stop({ timeoutMs: 5000 })
        for (const id of ids) assertExact(exporters[id]!, id)
        const sum = (counts: readonly number[]): number => counts.reduce((a, b) => a + b, 0)
        assert.equal(sum(backends.map(({ spanCount }) => spanCount)), jobs)
        // Only the start and the end of a span concern it.
        assert.equal(exporters.traces!.delivered, 2 * jobs)
        assert.equal(sum(backends.map(({ logRecordCount }) => logRecordCount)), exporters.logs!.delivered)
        assert.equal(exporters.logs!.delivered, 3 * jobs)
        for (const receivers of [backends, others]) {
          const points = receivers.flatMap((backend) => backend.points)
          const counted = [...metricTotals(points, 'job.counted').values()]
          assert.equal(sum(counted.map((one) => one.sum)), jobs)
        }
        await Promise.all(all.map((backend) => backend.close()))
      }),
      { numRuns: nightly ? 500 : 12, interruptAfterTimeLimit: nightly ? 2_900_000 : 90_000 },
    )
  })
})
