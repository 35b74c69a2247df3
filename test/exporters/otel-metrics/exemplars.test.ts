// Guards the exemplars of otel_metrics: they are those that the reservoirs of OpenTelemetry's SDK keep of the same
// measurements, of sampled spans only, each is sent once, and within the times of its data point.
import assert from 'node:assert/strict'
import { type Attributes, type Context, ROOT_CONTEXT, type SpanContext, trace } from '@opentelemetry/api'
import { AlignedHistogramBucketExemplarReservoir } from '@opentelemetry/sdk-metrics/build/src/exemplar/AlignedHistogramBucketExemplarReservoir.js'
import { SimpleFixedSizeExemplarReservoir } from '@opentelemetry/sdk-metrics/build/src/exemplar/SimpleFixedSizeExemplarReservoir.js'
import { WithTraceExemplarFilter } from '@opentelemetry/sdk-metrics/build/src/exemplar/WithTraceExemplarFilter.js'
import fc from 'fast-check'
import { Scope } from '../../../src/bus/span-scope.ts'
import { distribution, lastValue, sum } from '../../../src/index.ts'
import { createBackend, type DecodedExemplar, type DecodedPoint } from '../../../src/testing/index.ts'
import { driveMetrics } from './driven.ts'
import { startMetrics } from './simulated.ts'

const buckets = [0.5, 1, 10, 250]
const options = { measurement: 'value', tags: ['shard'] }
const metrics = [
  sum('sum', { ...options, name: 'sum' }),
  sum('updown', { ...options, name: 'updown', monotonic: false }),
  lastValue('gauge', { ...options, name: 'gauge' }),
  distribution('histogram', { ...options, name: 'histogram', buckets }),
]

const hex = (length: number) =>
  fc
    .array(fc.constantFrom(...'0123456789abcdef'), { minLength: length, maxLength: length })
    .map((digits) => digits.join(''))
    .filter((text) => !/^0+$/.test(text))
const span: fc.Arbitrary<Pick<SpanContext, 'traceId' | 'spanId' | 'traceFlags'>> = fc.record({
  traceId: hex(32),
  spanId: hex(16),
  traceFlags: fc.constantFrom(0, 1, 1),
})
const measurement = fc.record({
  kind: fc.constantFrom('sum', 'updown', 'gauge', 'histogram'),
  value: fc.oneof(fc.double({ min: 0, max: 1e6, noNaN: true }), fc.constantFrom(0, 0.5, 1, 10, 250)),
  shard: fc.constantFrom('a', 'b'),
  span: fc.option(span, { nil: undefined }),
})

const filter = new WithTraceExemplarFilter()
const contextOf = (within: SpanContext | undefined): Context =>
  within ? trace.setSpanContext(ROOT_CONTEXT, within) : ROOT_CONTEXT

/** The reservoirs that the specification gives to each kind of metric, one per set of attributes. */
function createReservoirs(histogram: 'explicit' | 'exponential') {
  const make = (kind: string) => {
    if (kind !== 'histogram') return new SimpleFixedSizeExemplarReservoir(1)
    return histogram === 'explicit'
      ? new AlignedHistogramBucketExemplarReservoir(buckets)
      : new SimpleFixedSizeExemplarReservoir(20)
  }
  const reservoirs = new Map<string, { attributes: Attributes; reservoir: ReturnType<typeof make> }>()
  return {
    offer(kind: string, value: number, shard: string, ms: number, within: SpanContext | undefined): void {
      const context = contextOf(within)
      const time: [number, number] = [Math.floor(ms / 1000), (ms % 1000) * 1e6]
      if (!filter.shouldSample(value, time, { shard }, context)) return
      const key = `${kind} ${shard}`
      const { reservoir } = reservoirs.get(key) ?? { reservoir: make(kind) }
      reservoirs.set(key, { attributes: { shard }, reservoir })
      reservoir.offer(value, time, { shard }, context)
    },
    collect: () =>
      new Map(
        [...reservoirs].map(([key, { attributes, reservoir }]) => [
          key,
          reservoir.collect(attributes).map(({ timestamp: [s, ns], value, ...rest }) => ({
            ...rest,
            timeUnixNano: BigInt(s) * 1_000_000_000n + BigInt(ns),
            ...{ asDouble: value, asInt: null },
          })),
        ]),
      ),
  }
}

/** The same numbers for both, since a sample is random. */
function withSameRandom(run: () => void): void {
  const { random } = Math
  let seed = 1
  Math.random = () => {
    seed = (seed * 48_271) % 2_147_483_647
    return seed / 2_147_483_647
  }
  try {
    run()
  } finally {
    Math.random = random
  }
}

describe('exemplars of otel_metrics', () => {
  for (const temporality of ['cumulative', 'delta'] as const)
    for (const histogram of ['explicit', 'exponential'] as const)
      it(`are those of the SDK's reservoirs, with ${temporality} sums and ${histogram} histograms`, () => {
        let seen = 0
        fc.assert(
          fc.property(fc.array(fc.array(measurement, { maxLength: 60 }), { maxLength: 3 }), (windows) => {
            const ours = driveMetrics(metrics, { temporality, histogram, exemplars: true })
            const theirs = createReservoirs(histogram)
            for (const window of windows) {
              // Each set of attributes draws its own numbers: one after the other, in the same order in both.
              withSameRandom(() => {
                for (const [i, { kind, value, shard, span: within }] of window.entries())
                  theirs.offer(kind, value, shard, ours.clock.at + i, within)
              })
              const begun = ours.clock.at
              withSameRandom(() => {
                for (const { kind, value, shard, span: within } of window) {
                  ours.emit(kind, { value }, { shard }, within && Scope.from({ name: 'around', ...within }))
                  ours.clock.at++
                }
              })
              ours.clock.at = begun + 60_000
              if (window.length === 0) continue
              const expected = theirs.collect()
              for (const {
                name,
                sum: one,
                gauge,
                histogram: explicit,
                exponentialHistogram,
              } of ours.collect())
                for (const point of (one ?? gauge ?? explicit ?? exponentialHistogram)!.dataPoints) {
                  const { exemplars, attributes } = point as DecodedPoint
                  const kept = expected.get(`${name} ${attributes.shard}`) ?? []
                  seen += kept.length
                  assert.deepEqual(exemplars, kept)
                }
            }
          }),
          { numRuns: 200 },
        )
        assert.ok(seen > 200, String(seen))
      })

  it('are within the times of their data point, and sent once', () => {
    const driven = driveMetrics(metrics, { exemplars: true })
    const within = Scope.from({ traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 1, name: '' })
    const exemplars = (): readonly DecodedExemplar[] => driven.collect()[0]!.sum!.dataPoints[0]!.exemplars
    // The clock was set back before the series began.
    driven.emit('sum', { value: 1 }, {}, within)
    driven.clock.at -= 5000
    driven.emit('sum', { value: 2 }, {})
    const [exemplar] = exemplars()
    const point = driven.collect()[0]!.sum!.dataPoints[0]!
    assert.ok(exemplar!.timeUnixNano >= point.startTimeUnixNano)
    assert.ok(exemplar!.timeUnixNano <= point.timeUnixNano)
    driven.emit('sum', { value: 2 }, {})
    assert.deepEqual(exemplars(), [])
  })

  it('are off unless they are asked for, by the key or by the variable', async () => {
    const backend = createBackend()
    await backend.listen()
    const sent = async (init: object, env: Record<string, string> = {}) => {
      await backend.clear()
      const running = await startMetrics({ endpoint: backend.metricsUrl, ...init }, { env })
      const ids = running.telemetry.span('around', {}, ({ traceparent }) => {
        running.telemetry.emit('job.done', { count: 1, duration_ms: 5 })
        return traceparent.split('-').slice(1, 3)
      })
      const before = backend.points.length
      await running.flush()
      await running.telemetry.stop({ timeoutMs: 1000 })
      const points = backend.points.slice(before)
      return { ids, exemplars: points.flatMap(({ point }) => point.exemplars) }
    }
    assert.deepEqual((await sent({})).exemplars, [])
    assert.deepEqual((await sent({}, { OTEL_METRICS_EXEMPLAR_FILTER: 'always_off' })).exemplars, [])
    for (const on of [
      await sent({ exemplars: true }),
      await sent({}, { OTEL_METRICS_EXEMPLAR_FILTER: 'trace_based' }),
    ]) {
      const [traceId, spanId] = on.ids
      assert.deepEqual(on.exemplars.map((one) => [one.traceId, one.spanId, one.asDouble]).sort(), [
        [traceId, spanId, 0.005],
        [traceId, spanId, 1],
      ])
    }
    await backend.close()
  })
})
