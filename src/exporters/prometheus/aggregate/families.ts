import { type Accumulation, newSeries } from '../../../metrics/accumulation.ts'
import type { MetricType } from '../../../metrics/declared.ts'
import { admit, type Family as MetricFamily } from '../../../metrics/families.ts'
import { type FamilyNames, labelsIn, nameIn, overflowText, separateLabels } from '../names.ts'
import type { SeriesLimits } from '../settings.ts'

/** A metric family: what the page shows. It outlives clients; counters only ever grow. */
export interface Family extends MetricFamily<Accumulation> {
  readonly type: MetricType
  /** As in the text format; a counter's ends in `_total`. */
  readonly name: string
  /** As in OpenMetrics: without `_total`. */
  readonly base: string
  help: string
  /** Upper bounds, ascending, without +Inf; empty unless a histogram. Fixed once it has a series. */
  buckets: readonly number[]
  /** Every label name of its series: at most {@link maxLabels}. */
  readonly labelNames: Set<string>
  /** The label with the most values when the overflow began. */
  culprit: string | undefined
  /** The limit that was reached then. */
  limit: keyof SeriesLimits | undefined
  /** Roughly what its series take on the page. */
  bytes: number
  /** Finds or makes the series that takes what overflowed elsewhere. */
  readonly overflowSeries: () => Accumulation
}

/** The limits in force, and what all families take of them together. */
interface Totals {
  readonly settings: SeriesLimits
  readonly totals: { series: number; bytes: number }
}

const maxLabels = 64

/** Bytes of a series' lines beside name and labels. */
const lineBytes = 24

export function createFamily(
  type: MetricType,
  { name, base }: FamilyNames,
  help: string,
  buckets: readonly number[],
  state: Totals,
): Family {
  const make = (text: string): Accumulation => {
    const bytes = bytesOf(family, Buffer.byteLength(text))
    family.bytes += bytes
    state.totals.series++
    state.totals.bytes += bytes
    return newSeries(text, family.buckets)
  }
  const room = {
    limitFor: (text: string) => limitFor(family, Buffer.byteLength(text), state),
    make: (text: string) => {
      for (const [label] of labelsIn(text)) family.labelNames.add(label)
      return make(text)
    },
    makeOverflow: (limit: keyof SeriesLimits, text: string) => {
      family.culprit = mostVaried([...family.series.keys(), text])
      family.limit = limit
      return make(overflowText)
    },
  }
  const family: Family = {
    ...{ type, name, base, help, labelNames: new Set(), series: new Map() },
    buckets: type === 'histogram' ? buckets : [],
    ...{ overflow: undefined, culprit: undefined, limit: undefined, bytes: 0 },
    isFull: (labelBytes) => labelBytes >= 0 && limitFor(family, labelBytes, state) !== undefined,
    seriesOf: (text) => admit(family, withinNames(family.labelNames, text), room),
    overflowSeries: () => {
      family.overflow ??= room.makeOverflow('max_series', '')
      return family.overflow
    },
  }
  return family
}

/** Removes the series of a family that is no longer on the page. */
export function emptyFamily(family: Family, { totals }: Totals): void {
  totals.series -= family.series.size + (family.overflow ? 1 : 0)
  totals.bytes -= family.bytes
  family.bytes = 0
  family.series.clear()
  family.overflow = undefined
}

const bytesOf = ({ type, buckets, name }: Family, labelBytes: number): number =>
  (type === 'histogram' ? buckets.length + 3 : 1) * (name.length + labelBytes + lineBytes)

/** The limit that keeps a family from one more series, whose labels take this many bytes. */
function limitFor(
  family: Family,
  labelBytes: number,
  { settings: limits, totals }: Totals,
): keyof SeriesLimits | undefined {
  if (family.series.size >= limits.max_series) return 'max_series'
  if (totals.series >= limits.max_total_series) return 'max_total_series'
  const bytes = bytesOf(family, labelBytes)
  if (family.bytes + bytes > limits.max_metric_bytes) return 'max_metric_bytes'
  return totals.bytes + bytes > limits.max_page_bytes ? 'max_page_bytes' : undefined
}

/** Leaves out the names that would take the family beyond its bound: the counts merge, none is lost. */
function withinNames(known: ReadonlySet<string>, text: string): string {
  let room = maxLabels - known.size
  // Each label takes six characters or more.
  if (text.length < 6 * room) return text
  const labels = separateLabels(text)
  if (labels.length <= room) return text
  return labels.filter((label) => known.has(nameIn(label)) || room-- > 0).join(',')
}

/** The label that has the most values in these label sets. */
function mostVaried(texts: readonly string[]): string {
  const values = new Map<string, Set<string>>()
  for (const [name, value] of texts.flatMap(labelsIn)) {
    const seen = values.get(name)
    if (seen) seen.add(value)
    else values.set(name, new Set([value]))
  }
  const [culprit] = [...values].reduce(
    (most, one) => (one[1].size > most[1].size ? one : most),
    ['', new Set()],
  )
  return culprit
}
