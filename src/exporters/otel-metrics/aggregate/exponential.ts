/**
 * The buckets of an exponential histogram, as OpenTelemetry's data model defines them: bucket `i` at a scale holds the
 * values in (base ** i, base ** (i + 1)], where base is 2 ** (2 ** -scale). A histogram starts at the finest scale, and
 * becomes coarser whenever its values need more buckets than it may have.
 */
export interface ExponentialBuckets {
  scale: number
  /** How many values were 0. */
  zeroCount: number
  /** The index of the first bucket. */
  offset: number
  /** From `offset` on, without gaps. */
  counts: number[]
}

/** Recommended by the specification; OpenTelemetry's SDKs use the same. */
export const maxBuckets = 160
export const maxScale = 20

export const emptyBuckets = (): ExponentialBuckets => ({
  ...{ scale: maxScale, zeroCount: 0, offset: 0, counts: [] },
})

export function clearBuckets(buckets: ExponentialBuckets): void {
  buckets.scale = maxScale
  buckets.zeroCount = 0
  buckets.offset = 0
  buckets.counts = []
}

/** Counts a finite value that is not negative. */
export function countValue(buckets: ExponentialBuckets, value: number): void {
  if (value === 0) {
    buckets.zeroCount++
    return
  }
  const { counts } = buckets
  let index = bucketIndex(value, buckets.scale)
  if (counts.length === 0) {
    buckets.offset = index
    counts.push(1)
    return
  }
  const change = changeOfScale(
    Math.min(index, buckets.offset),
    Math.max(index, buckets.offset + counts.length - 1),
  )
  if (change > 0) {
    downscale(buckets, change)
    index = bucketIndex(value, buckets.scale)
  }
  increment(buckets, index)
}

function increment(buckets: ExponentialBuckets, index: number): void {
  const { counts } = buckets
  while (index < buckets.offset) {
    counts.unshift(0)
    buckets.offset--
  }
  const place = index - buckets.offset
  while (counts.length <= place) counts.push(0)
  counts[place]!++
}

/** How many times neighbours must merge until the buckets from `low` to `high` are few enough. */
function changeOfScale(low: number, high: number): number {
  let change = 0
  while ((high >> change) - (low >> change) >= maxBuckets) change++
  return change
}

function downscale(buckets: ExponentialBuckets, change: number): void {
  const { offset, counts } = buckets
  const newOffset = offset >> change
  const merged: number[] = []
  for (let i = 0; i < counts.length; i++) {
    const place = ((offset + i) >> change) - newOffset
    merged[place] = (merged[place] ?? 0) + counts[i]!
  }
  buckets.scale -= change
  buckets.offset = newOffset
  buckets.counts = merged
}

const smallestNormal = 2 ** -1022
const smallestExponent = -1022
const largestExponent = 1023

const bits = new DataView(new ArrayBuffer(8))

/** The index of the bucket that a positive finite value belongs to, at a scale from -10 to 20. */
export function bucketIndex(value: number, scale: number): number {
  bits.setFloat64(0, value)
  const high = bits.getUint32(0)
  const exponent = ((high >>> 20) & 0x7ff) - 1023
  const isPowerOfTwo = (high & 0xfffff) === 0 && bits.getUint32(4) === 0
  if (scale <= 0) {
    // Subnormal values share the bucket of the smallest normal one.
    if (value <= smallestNormal) return (smallestExponent - 1) >> -scale
    // Upper bounds are inclusive.
    return (isPowerOfTwo ? exponent - 1 : exponent) >> -scale
  }
  if (value <= smallestNormal) return smallestExponent * 2 ** scale - 1
  if (isPowerOfTwo) return exponent * 2 ** scale - 1
  const index = Math.floor(Math.log(value) * Math.LOG2E * 2 ** scale)
  return Math.min(index, (largestExponent + 1) * 2 ** scale - 1)
}
