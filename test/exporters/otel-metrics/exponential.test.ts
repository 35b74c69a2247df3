// Guards the buckets of exponential histograms against the bounds that their definition gives.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  bucketIndex,
  countValue,
  emptyBuckets,
  maxBuckets,
  maxScale,
} from '../../../src/exporters/otel-metrics/aggregate/exponential.ts'

const values = fc.oneof(
  fc.double({ min: 2 ** -1022, max: Number.MAX_VALUE, noNaN: true }),
  fc.integer({ min: -1021, max: 1023 }).map((exponent) => 2 ** exponent),
  fc.double({ min: 1e-6, max: 1e6, noNaN: true, minExcluded: true }),
)

/** log2 of the bound below bucket `index`. */
const lower = (index: number, scale: number): number => index / 2 ** scale

describe('the buckets of an exponential histogram', () => {
  it('hold the values between their bounds, the upper one included, at any scale', () => {
    fc.assert(
      fc.property(values, fc.integer({ min: -10, max: maxScale }), (value, scale) => {
        const index = bucketIndex(value, scale)
        const exact = Math.log2(value)
        // Logarithms are rounded; a bound may be off by as much.
        const slack = Math.max(Math.abs(exact), 1) * 1e-12
        assert.ok(lower(index, scale) <= exact + slack, `${value} is below bucket ${index} of ${scale}`)
        assert.ok(exact <= lower(index + 1, scale) + slack, `${value} is above bucket ${index} of ${scale}`)
      }),
      { numRuns: 5000 },
    )
  })

  it('put a power of two into the bucket that it is the upper bound of, exactly', () => {
    for (let scale = -10; scale <= maxScale; scale++)
      for (let exponent = -1021; exponent <= 1023; exponent++)
        assert.equal(bucketIndex(2 ** exponent, scale), Math.ceil(exponent * 2 ** scale) - 1)
  })

  it('halve their index with each coarser scale', () => {
    fc.assert(
      fc.property(values, fc.integer({ min: -9, max: maxScale }), (value, scale) => {
        const [fine, coarse] = [bucketIndex(value, scale), bucketIndex(value, scale - 1)]
        // At a bound that is not a power of two the logarithm may round to either side.
        const distance = Math.abs((fine >> 1) - coarse)
        assert.ok(distance <= (scale > 1 ? 1 : 0), `${fine} and ${coarse}`)
      }),
      { numRuns: 5000 },
    )
  })

  it('are at most 160, hold every value, and are as fine as that allows', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(values, fc.constant(0)), { minLength: 1, maxLength: 300 }), (all) => {
        const buckets = emptyBuckets()
        for (const value of all) countValue(buckets, value)
        const { scale, offset, counts, zeroCount } = buckets
        assert.ok(counts.length <= maxBuckets)
        const counted = counts.reduce((sum, count) => sum + count, 0)
        assert.equal(counted + zeroCount, all.length)
        assert.equal(zeroCount, all.filter((value) => value === 0).length)
        const positive = all.filter((value) => value > 0)
        if (positive.length === 0) return
        const smallest = positive.reduce((least, value) => Math.min(least, value))
        const largest = positive.reduce((most, value) => Math.max(most, value))
        assert.ok(Math.abs(bucketIndex(smallest, scale) - offset) <= 1)
        assert.ok(Math.abs(bucketIndex(largest, scale) - (offset + counts.length - 1)) <= 1)
        if (scale === maxScale) return
        const finer = bucketIndex(largest, scale + 1) - bucketIndex(smallest, scale + 1) + 1
        assert.ok(finer > maxBuckets - 2, `${finer} buckets would have fitted at scale ${scale + 1}`)
      }),
      { numRuns: 1000 },
    )
  })
})
