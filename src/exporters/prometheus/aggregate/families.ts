import { ownCopy } from '../../../bus/own-copy.ts'
import type { LabelSet } from '../names.ts'
import { labelsText, overflowLabels } from '../names.ts'

/** Metric families and their series: what the page shows. Outlives clients; counters only ever grow. */

export type FamilyType = 'counter' | 'gauge' | 'histogram'

export interface NumberSeries {
  readonly labels: LabelSet
  /** The labels as the page shows them, rendered once. */
  readonly text: string
  value: number
}

export interface HistogramSeries {
  readonly labels: LabelSet
  readonly text: string
  /** Observations per bucket, not cumulative; the last one is +Inf. */
  readonly counts: number[]
  sum: number
  count: number
}

interface FamilyOf<Type extends FamilyType, Series> {
  readonly type: Type
  /** As in the text format; a counter's ends in `_total`. */
  readonly name: string
  /** As in OpenMetrics: without `_total`. */
  readonly base: string
  readonly help: string
  /** Upper bounds, ascending, without +Inf; empty unless a histogram. Fixed once it has a series. */
  buckets: readonly number[]
  /** Every label name of its series: at most {@link maxLabels}. */
  readonly labelNames: Set<string>
  readonly series: Map<string, Series>
  /** Takes what the limits leave over. */
  overflow: Series | undefined
  /** The label with the most values when the overflow began. */
  culprit: string | undefined
  /** The limit that was reached then. */
  limit: keyof SeriesLimits | undefined
  /** Roughly what its series take on the page. */
  bytes: number
}

export type NumberFamily = FamilyOf<'counter' | 'gauge', NumberSeries>
export type HistogramFamily = FamilyOf<'histogram', HistogramSeries>
export type Family = NumberFamily | HistogramFamily

/** By the names of their configuration keys. */
export interface SeriesLimits {
  readonly max_series: number
  readonly max_metric_bytes: number
  readonly max_total_series: number
  readonly max_page_bytes: number
}

/** The limits in force, and what all families take of them together. */
export interface Room {
  readonly settings: { readonly limits: SeriesLimits }
  readonly totals: { series: number; bytes: number }
}

const maxLabels = 64

const overflowText = labelsText(overflowLabels)

/** Of a series' lines: what is neither name nor labels. */
const lineBytes = 24

export interface FamilyNames {
  readonly name: string
  readonly base: string
}

export const numberFamily = (
  type: 'counter' | 'gauge',
  { name, base }: FamilyNames,
  help: string,
): NumberFamily => ({
  ...{ type, name, base, help, buckets: [], labelNames: new Set(), series: new Map() },
  ...{ overflow: undefined, culprit: undefined, limit: undefined, bytes: 0 },
})

export const histogramFamily = (
  { name, base }: FamilyNames,
  help: string,
  buckets: readonly number[],
): HistogramFamily => ({
  ...{ type: 'histogram', name, base, help, buckets, labelNames: new Set(), series: new Map() },
  ...{ overflow: undefined, culprit: undefined, limit: undefined, bytes: 0 },
})

/** Every name a family occupies, in either format: its own, and those of its samples. */
export function occupiedNames(type: string, { name, base }: FamilyNames): readonly string[] {
  if (type === 'counter') return [base, name, `${base}_total`, `${base}_created`]
  if (type === 'histogram') return ['', '_bucket', '_sum', '_count', '_created'].map((end) => name + end)
  return type === 'summary' ? ['', '_sum', '_count', '_created'].map((end) => name + end) : [name]
}

/** The names of its samples in the text format, where a counter and a gauge of its base may stand side by side. */
export const textNames = (type: string, name: string): readonly string[] =>
  type === 'counter' ? [name] : occupiedNames(type, { name, base: name })

/** The number of series, an overflow included; a histogram's label set is one. */
export const seriesCount = (family: Family): number => family.series.size + (family.overflow ? 1 : 0)

/** Labels of an event, made as far as they are needed: the text to find a series, the set to make one. */
export interface LabelSource {
  readonly text: string
  /** How many names there are at most. */
  readonly size: number
  readonly set: () => LabelSet
}

/** The series of an event's labels: found, made, or the overflow series at a limit. */
export const numberSeries = (family: NumberFamily, source: LabelSource, room: Room): NumberSeries =>
  admit(family, source, room, (labels, text) => ({ labels, text, value: 0 }))

export const histogramSeries = (family: HistogramFamily, source: LabelSource, room: Room): HistogramSeries =>
  admit(family, source, room, (labels, text) => {
    const counts = new Array<number>(family.buckets.length + 1).fill(0)
    return { labels, text, counts, sum: 0, count: 0 }
  })

function admit<Series extends { readonly labels: LabelSet }>(
  family: FamilyOf<FamilyType, Series>,
  source: LabelSource,
  room: Room,
  make: (labels: LabelSet, text: string) => Series,
): Series {
  let { text } = source
  let labels: LabelSet | undefined
  if (family.labelNames.size + source.size > maxLabels) {
    labels = withinNames(family.labelNames, source.set())
    text = labelsText(labels)
  }
  const known = family.series.get(text)
  if (known) return known
  const limit = limitFor(family, Buffer.byteLength(text), room)
  if (limit === undefined) {
    labels ??= source.set()
    const series = make({ names: labels.names, values: labels.values.map(ownCopy) }, text)
    for (const name of labels.names) family.labelNames.add(name)
    family.series.set(text, series)
    take(room, family, text)
    return series
  }
  if (family.overflow === undefined) {
    family.culprit = mostVaried([...family.series.values(), { labels: labels ?? source.set() }])
    family.limit = limit
    family.overflow = make(overflowLabels, overflowText)
    take(room, family, overflowText)
  }
  return family.overflow
}

type Sized = Pick<FamilyOf<FamilyType, unknown>, 'type' | 'buckets' | 'name' | 'series' | 'bytes'>

const bytesOf = ({ type, buckets, name }: Sized, labelBytes: number): number =>
  (type === 'histogram' ? buckets.length + 3 : 1) * (name.length + labelBytes + lineBytes)

/** The limit that keeps a family from one more series, whose labels take this many bytes. */
export function limitFor(
  family: Sized,
  labelBytes: number,
  { settings, totals }: Room,
): keyof SeriesLimits | undefined {
  const { limits } = settings
  if (family.series.size >= limits.max_series) return 'max_series'
  if (totals.series >= limits.max_total_series) return 'max_total_series'
  const bytes = bytesOf(family, labelBytes)
  if (family.bytes + bytes > limits.max_metric_bytes) return 'max_metric_bytes'
  return totals.bytes + bytes > limits.max_page_bytes ? 'max_page_bytes' : undefined
}

function take({ totals }: Room, family: Sized & { bytes: number }, text: string): void {
  const bytes = bytesOf(family, Buffer.byteLength(text))
  family.bytes += bytes
  totals.series++
  totals.bytes += bytes
}

/** Leaves out the names that would take the family beyond its bound: the counts merge, none is lost. */
function withinNames(known: ReadonlySet<string>, labels: LabelSet): LabelSet {
  let room = maxLabels - known.size
  if (labels.names.length <= room) return labels
  const names: string[] = []
  const values: string[] = []
  for (let i = 0; i < labels.names.length; i++) {
    const name = labels.names[i]!
    if (!known.has(name) && room-- <= 0) continue
    names.push(name)
    values.push(labels.values[i]!)
  }
  return { names, values }
}

function mostVaried(series: Iterable<{ readonly labels: LabelSet }>): string {
  const values = new Map<string, Set<string>>()
  for (const { labels } of series) {
    for (let i = 0; i < labels.names.length; i++) {
      const seen = values.get(labels.names[i]!)
      if (seen) seen.add(labels.values[i]!)
      else values.set(labels.names[i]!, new Set([labels.values[i]!]))
    }
  }
  let culprit = ''
  let most = 0
  for (const [name, seen] of values) {
    if (seen.size > most) {
      culprit = name
      most = seen.size
    }
  }
  return culprit
}

/** Observes a finite value that is not negative (or, for a declared distribution, any finite one). */
export function observe(family: HistogramFamily, series: HistogramSeries, value: number): void {
  const i = bucketOf(family.buckets, value)
  series.counts[i]!++
  series.sum += value
  series.count++
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
