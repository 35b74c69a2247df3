import { bucketOf } from '../../../metrics/accumulation.ts'
import type { Series } from '../../../metrics/families.ts'
import type { Reservoir } from './exemplars.ts'
import { clearBuckets, countValue, type ExponentialBuckets, emptyBuckets } from './exponential.ts'

/** The window of a series that was given up: the tree of labels may still lead to it. */
const givenUp = -1

/**
 * The sums of one metric for one set of attributes. A class, so that V8 keeps it small and its fields at fixed places.
 */
export class MetricSeries implements Series {
  declare readonly text: string
  declare window: number
  /** Epoch milliseconds from which on it has summed up, where it is not a window's. */
  declare readonly start: number
  /** The sum, or the last value. */
  declare value: number
  /** Values of a histogram. */
  declare count: number
  declare min: number
  declare max: number
  /** Upper bounds of explicit buckets. */
  declare readonly bounds: readonly number[]
  /** Values per explicit bucket; the last one is +Inf. */
  declare readonly counts: number[]
  declare readonly exponential: ExponentialBuckets | undefined
  /** Whether it has changed in this window. */
  declare touched: boolean
  /** Its attributes on the wire, once they have been encoded. */
  declare attributes: Uint8Array | undefined
  /** Exemplars since the latest collection. */
  declare exemplars: Reservoir | undefined

  /** `bounds` of a histogram with explicit buckets; undefined for all other series. */
  constructor(text: string, start: number, bounds: readonly number[] | undefined, isExponential: boolean) {
    this.text = text
    this.window = 0
    this.start = start
    this.value = 0
    this.count = 0
    this.min = Number.POSITIVE_INFINITY
    this.max = Number.NEGATIVE_INFINITY
    this.bounds = bounds ?? none
    this.counts = bounds ? new Array<number>(bounds.length + 1).fill(0) : noCounts
    this.exponential = isExponential ? emptyBuckets() : undefined
    this.touched = false
    this.attributes = undefined
    this.exemplars = undefined
  }
}

const none: readonly number[] = []
const noCounts: number[] = []

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
  series.touched = false
  if (series.count === 0) return
  series.count = 0
  series.min = Number.POSITIVE_INFINITY
  series.max = Number.NEGATIVE_INFINITY
  const { counts } = series
  for (let i = 0; i < counts.length; i++) counts[i] = 0
  if (series.exponential) clearBuckets(series.exponential)
}

/** Gives a series up: nothing is added to it any more. */
export function giveUp(series: MetricSeries): void {
  series.window = givenUp
}
