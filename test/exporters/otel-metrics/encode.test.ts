// The bytes of a collection say what OpenTelemetry's SDK says of the same measurements, to an independent decoder.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { counter, type DeclaredMetric, distribution, lastValue, sum } from '../../../src/index.ts'
import { decodeMetricsRequest } from '../../../src/testing/index.ts'
import { driveMetrics, origin } from './driven.ts'
import { comparable, createSdk, type Measurement } from './sdk.ts'

const nightly = process.env.TELEMACHINE_NIGHTLY === '1'
const buckets = [0.5, 1, 10, 250]

const tags = ['text', 'whole', 'part', 'flag', 'ü.ö']
const options = { measurement: 'value', tags }
const metrics: readonly DeclaredMetric[] = [
  sum('sum', { ...options, name: 'sum', unit: 'byte', description: 'The sum of * events.' }),
  sum('updown', { ...options, name: 'updown', monotonic: false, description: 'The sum of * events.' }),
  lastValue('gauge', {
    ...options,
    name: 'gauge',
    unit: 'percent',
    description: 'The lastValue of * events.',
  }),
  distribution('histogram', {
    ...options,
    name: 'histogram',
    unit: 'second',
    buckets,
    description: 'The distribution of * events.',
  }),
]

const positive = fc.oneof(
  fc.double({ min: 0, max: 1e6, noNaN: true }),
  fc.integer({ min: 0, max: 1000 }),
  fc.constantFrom(0, 0.5, 1, 10, 250, 2 ** -1022, 2 ** -1074, 1e300, Number.EPSILON),
)

const attributes = fc.record(
  {
    text: fc.oneof(fc.constantFrom('a', 'é', ''), fc.string({ maxLength: 200, unit: 'grapheme' })),
    whole: fc.integer(),
    part: fc
      .double({ noNaN: true, noDefaultInfinity: true, min: -1e9, max: 1e9 })
      .map((value) => value + 0.5),
    flag: fc.boolean(),
    'ü.ö': fc.constantFrom('x', 'y'),
  },
  { requiredKeys: [] },
)

const measurement: fc.Arbitrary<Measurement> = fc.oneof(
  fc.record({ kind: fc.constantFrom('sum' as const, 'histogram' as const), value: positive, attributes }),
  fc.record({
    kind: fc.constantFrom('updown' as const, 'gauge' as const),
    value: fc.oneof(positive, fc.integer({ min: -1000, max: -1 })),
    attributes,
  }),
)

describe('the encoder of metrics', () => {
  for (const temporality of ['cumulative', 'delta'] as const)
    for (const histogram of ['explicit', 'exponential'] as const)
      it(`agrees with the SDK on any measurements, with ${temporality} sums and ${histogram} histograms`, async () => {
        await fc.assert(
          fc.asyncProperty(
            fc.array(fc.array(measurement, { maxLength: 20 }), { minLength: 1, maxLength: 3 }),
            async (windows) => {
              const ours = driveMetrics(metrics, { temporality, histogram })
              const sdk = createSdk({ temporality, histogram, buckets })
              for (const window of windows) {
                for (const one of window) {
                  ours.emit(one.kind, { value: one.value }, one.attributes)
                  sdk.record(one)
                }
                const expected = await sdk.collect()
                ours.clock.at += 60_000
                if (window.length > 0) assert.deepEqual(comparable(ours.collect()), comparable(expected))
              }
              assert.deepEqual(ours.drops, [])
              await sdk.shutdown()
            },
          ),
          { numRuns: nightly ? 2000 : 60 },
        )
      })

  it('agrees with the SDK beyond the cardinality limit', async () => {
    for (const temporality of ['cumulative', 'delta'] as const) {
      const ours = driveMetrics(metrics, { temporality, max_series: 5 })
      const sdk = createSdk({ temporality, histogram: 'explicit', buckets, limit: 5 })
      for (const window of [0, 1, 2]) {
        for (let i = 0; i < 20; i++) {
          // The SDK applies the limit to each interval, so that its cumulative sums have new sets without end.
          const whole = temporality === 'delta' ? i + 10 * window : i
          const one = { kind: 'sum', value: i, attributes: { whole } } as const
          ours.emit(one.kind, { value: one.value }, one.attributes)
          sdk.record(one)
        }
        assert.deepEqual(comparable(ours.collect()), comparable(await sdk.collect()))
      }
      const overflow = ours.state.families[0]?.overflow
      assert.equal(overflow?.text, '["otel.metric.overflow",true]')
    }
  })

  it('says the resource, the scope and the times', () => {
    const nano = (ms: number): bigint => BigInt(ms) * 1_000_000n
    const driven = driveMetrics([], { temporality: 'delta' })
    driven.clock.at += 500
    driven.emit('job', { count: 2 })
    driven.clock.at += 59_500
    driven.tick('flush')
    driven.emit('job', { count: 3 })
    driven.clock.at += 60_000
    driven.tick('flush')
    const decoded = driven.items.map(({ collection }) => decodeMetricsRequest(driven.requestOf(collection!)))
    assert.deepEqual(decoded[0]?.resourceMetrics[0]?.resource?.attributes, origin.resource.attributes)
    assert.equal(decoded[0]?.resourceMetrics[0]?.scopeMetrics[0]?.scope?.name, 'telemachine')
    const points = decoded.map(
      ({ resourceMetrics }) => resourceMetrics[0]?.scopeMetrics[0]?.metrics[0]?.sum?.dataPoints[0],
    )
    const begun = 1_700_000_000_000
    assert.deepEqual(
      points.map((point) => [point?.startTimeUnixNano, point?.timeUnixNano, point?.asDouble]),
      [
        [nano(begun), nano(begun + 60_000), 2],
        [nano(begun + 60_000), nano(begun + 120_000), 3],
      ],
    )
  })

  it('keeps windows without gap or overlap when the clock is set back', () => {
    const driven = driveMetrics([], { temporality: 'delta' })
    for (const step of [60_000, -3_600_000, 60_000]) {
      driven.emit('job', { count: 1 })
      driven.clock.at += step
      driven.tick('flush')
    }
    const times = driven.items
      .map(({ collection }) => decodeMetricsRequest(driven.requestOf(collection!)))
      .map(({ resourceMetrics }) => resourceMetrics[0]!.scopeMetrics[0]!.metrics[0]!.sum!.dataPoints[0]!)
    for (const [i, { startTimeUnixNano, timeUnixNano }] of times.entries()) {
      assert.ok(startTimeUnixNano < timeUnixNano)
      if (i > 0) assert.equal(startTimeUnixNano, times[i - 1]!.timeUnixNano)
    }
  })

  it('cuts a large collection into pieces that each are whole metrics', () => {
    const driven = driveMetrics([], { temporality: 'delta', max_series: 10_000 })
    for (let i = 0; i < 5000; i++) driven.emit('job', { count: 1, duration_ms: i }, { shard: i })
    driven.tick('flush')
    const [item] = driven.items
    assert.equal(item?.weight, 5000)
    const { bytes, pieces } = item!.collection!
    assert.ok(pieces.length > 10)
    let seen = 0
    for (const piece of pieces) {
      assert.ok(piece.end - piece.start < 64 * 1024)
      const [resource] = decodeMetricsRequest(driven.requestOf({ bytes, pieces: [piece] })).resourceMetrics
      for (const { sum: one, histogram } of resource!.scopeMetrics[0]!.metrics)
        seen += one?.dataPoints.length ?? histogram?.dataPoints.length ?? 0
    }
    assert.equal(seen, 10_000)
    assert.equal(
      pieces.reduce((all, { points }) => all + points, 0),
      10_000,
    )
  })

  it('counts an event with counter()', () => {
    const driven = driveMetrics([counter('http.*', { name: 'http.requests', tags: ['route'] })])
    driven.emit('http.request', {}, { route: '/' })
    driven.emit('http.request', {}, { route: '/' })
    const [metric] = driven.collect()
    assert.equal(metric?.name, 'http.requests')
    assert.equal(metric?.sum?.isMonotonic, true)
    assert.deepEqual(metric?.sum?.dataPoints[0]?.asDouble, 2)
  })
})
