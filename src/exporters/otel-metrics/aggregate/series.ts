import { bucketOf } from '../../../metrics/accumulation.ts'
import type { Series } from '../../../metrics/families.ts'
import { clearBuckets, countValue, type ExponentialBuckets, emptyBuckets } from './exponential.ts'

/** The window of a series that was given up: the tree of labels may still lead to it. */
const givenUp = -1

/** What one metric has summed up for one set of attributes. */
export interface MetricSeries extends Series {
  window: number
  /** Epoch milliseconds from which on it has summed up, where it is not a window's. */
  readonly start: number
  /** The sum, or the last value. */
  value: number
  /** Values of a histogram. */
  count: number
  min: number
  max: number
  /** Upper bounds of explicit buckets. */
  readonly bounds: readonly number[]
  /** Values per explicit bucket; the last one is +Inf. */
  readonly counts: number[]
  readonly exponential: ExponentialBuckets | undefined
  /** Whether it has changed in this window. */
  touched: boolean
  /** Its attributes on the wire, once they have been encoded. */
  attributes: Uint8Array | undefined
}

/** `bounds` of a histogram with explicit buckets; undefined for all other series. */
export function newSeries(
  text: string,
  start: number,
  bounds: readonly number[] | undefined,
  isExponential: boolean,
): MetricSeries {
  return {
    ...{ text, window: 0, start, value: 0, count: 0, min: Infinity, max: -Infinity },
    bounds: bounds ?? [],
    counts: bounds ? new Array<number>(bounds.length + 1).fill(0) : [],
    exponential: isExponential ? emptyBuckets() : undefined,
    ...{ touched: false, attributes: undefined },
  }
}

/** Adds a finite value. False: the sum would not be finite, and nothing is changed. */
export function add(series: MetricSeries, value: number): boolean {
  const sum = series.value + value
  if (!Number.isFinite(sum)) return false
  series.value = sum
  series.touched = true
  return true
}

export function set(series: MetricSeries, value: number): boolean {
  series.value = value
  series.touched = true
  return true
}

/** Puts a finite value that is not negative into its bucket, unless the sum would be infinite. */
export function observe(series: MetricSeries, value: number): boolean {
  if (!add(series, value)) return false
  series.count++
  if (value < series.min) series.min = value
  if (value > series.max) series.max = value
  if (series.exponential) countValue(series.exponential, value)
  else series.counts[bucketOf(series.bounds, value)]!++
  return true
}

/** Begins a new window with it. */
export function clear(series: MetricSeries): void {
  series.value = 0
  series.count = 0
  series.min = Number.POSITIVE_INFINITY
  series.max = Number.NEGATIVE_INFINITY
  series.counts.fill(0)
  if (series.exponential) clearBuckets(series.exponential)
  series.touched = false
}

/** Nothing is to be added to it any more. */
export function giveUp(series: MetricSeries): void {
  series.window = givenUp
}
