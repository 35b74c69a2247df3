import type { DeclaredMetric } from '../../../metrics/declared.ts'
import { admit, type Family } from '../../../metrics/families.ts'
import { overflowText } from '../names.ts'
import type { SeriesLimits } from '../settings.ts'
import { clear, giveUp, MetricSeries } from './series.ts'

/** What OTLP knows a metric as. An `updown` is a sum that is not monotonic. */
export type MetricKind = 'sum' | 'updown' | 'gauge' | 'histogram' | 'exponential'

/** A metric as OTLP has it. It outlives clients. */
export interface MetricFamily extends Family<MetricSeries> {
  description: string
  readonly unit: string
  /** That of a histogram changes with the configuration, while it has no series. */
  kind: MetricKind
  /** Upper bounds of explicit buckets, ascending, without +Inf. Fixed while it has series. */
  buckets: readonly number[]
}

/** State that families share. */
export interface Shared {
  readonly settings: SeriesLimits
  /** Series of all families, without those that take the rest. */
  totalSeries: number
  /** Epoch milliseconds of the event at hand. */
  now: number
  overflowed: number
  /** The metric that met a limit last. */
  overflowing: string | undefined
  /** Whether series that have not changed in this window have nothing to say. */
  isWindowed: (family: MetricFamily) => boolean
}

export interface FamilyOptions {
  readonly name: string
  readonly kind: MetricKind
  readonly description: string
  readonly unit: string
  readonly buckets: readonly number[]
}

export const kindOf = ({ kind, type }: DeclaredMetric, histogram: MetricKind): MetricKind => {
  if (kind === 'distribution') return histogram
  if (kind === 'lastValue') return 'gauge'
  return type === 'gauge' ? 'updown' : 'sum'
}

/** Returns the kind of histograms under a configuration. */
export const histogramKind = ({ histogram }: { readonly histogram: string }): MetricKind =>
  histogram === 'exponential' ? 'exponential' : 'histogram'

export function createFamily(options: FamilyOptions, shared: Shared): MetricFamily {
  const make = (text: string): MetricSeries =>
    new MetricSeries(
      text,
      shared.now,
      family.kind === 'histogram' ? family.buckets : undefined,
      family.kind === 'exponential',
    )
  const isFull = (): boolean => {
    const { max_series, max_total_series } = shared.settings
    // The series that takes the rest is one of them.
    return family.series.size >= max_series - 1 || shared.totalSeries >= max_total_series
  }
  const room = {
    limitFor: () => {
      if (!isFull()) return undefined
      if (shared.isWindowed(family)) giveUpUntouched(family, shared)
      return isFull() ? 'full' : undefined
    },
    make: (text: string) => {
      shared.totalSeries++
      return make(text)
    },
    makeOverflow: () => make(overflowText),
  }
  const family: MetricFamily = {
    ...options,
    ...{ series: new Map(), overflow: undefined },
    seriesOf(text) {
      const series = admit(family, text, room)
      if (series === family.overflow) {
        shared.overflowed++
        shared.overflowing = family.name
      }
      return series
    },
  }
  return family
}

/** Makes room by removing a series without a value in this window; it starts over with its next value. */
function giveUpUntouched(family: MetricFamily, shared: Pick<Shared, 'totalSeries'>): void {
  for (const series of family.series.values()) {
    if (series.touched) continue
    giveUp(series)
    family.series.delete(series.text)
    shared.totalSeries--
  }
  if (family.overflow && !family.overflow.touched) {
    giveUp(family.overflow)
    family.overflow = undefined
  }
}

/** Forgets every series. */
export function emptyFamily(family: MetricFamily, shared: Pick<Shared, 'totalSeries'>): void {
  for (const series of family.series.values()) giveUp(series)
  if (family.overflow) giveUp(family.overflow)
  shared.totalSeries -= family.series.size
  family.series.clear()
  family.overflow = undefined
}

/** Each exemplar is sent once: with the collection of the time in which it was measured. */
export function forgetExemplars({ series, overflow }: MetricFamily): void {
  for (const one of series.values()) one.exemplars = undefined
  if (overflow) overflow.exemplars = undefined
}

/** Begins the next window. What had no value in a whole one is given up: its memory is better used otherwise. */
export function beginWindow(family: MetricFamily, shared: Pick<Shared, 'totalSeries'>): void {
  giveUpUntouched(family, shared)
  for (const series of family.series.values()) clear(series)
  if (family.overflow) clear(family.overflow)
}
