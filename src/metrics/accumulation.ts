import type { Series } from './families.ts'

/** A series that is summed up: a counter, a gauge, or a histogram with explicit buckets. */
export interface Accumulation extends Series {
  /** The sum of what was counted or observed, or the last value. */
  value: number
  /** The upper bounds of a histogram's buckets, ascending, without +Inf. */
  readonly bounds: readonly number[]
  /** Observations per bucket, not cumulative; the last one is +Inf. */
  readonly counts: number[]
  /** Observations in all buckets. */
  count: number
}

/** Makes a series; `bounds` is empty unless it is that of a histogram. */
export const newSeries = (text: string, bounds: readonly number[], window = 0): Accumulation => ({
  ...{ text, window, value: 0, bounds, counts: new Array(bounds.length + 1).fill(0), count: 0 },
})

/** Adds a finite value. An infinite counter would never show an increase again: false, and nothing is changed. */
export function add(series: Accumulation, value: number): boolean {
  const sum = series.value + value
  if (!Number.isFinite(sum)) return false
  series.value = sum
  return true
}

export function set(series: Accumulation, value: number): boolean {
  series.value = value
  return true
}

/** Puts a finite value into its bucket, unless the sum would be infinite. */
export function observe(series: Accumulation, value: number): boolean {
  if (!add(series, value)) return false
  series.counts[bucketOf(series.bounds, value)]!++
  series.count++
  return true
}

/** The first bucket whose bound is not below `value`. Values tend to be low: a scan wins until there are many. */
function bucketOf(bounds: readonly number[], value: number): number {
  let low = 0
  let high = bounds.length
  while (high - low > 32) {
    const middle = (low + high) >>> 1
    if (value > bounds[middle]!) low = middle + 1
    else high = middle
  }
  while (low < high && value > bounds[low]!) low++
  return low
}
