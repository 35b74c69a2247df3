import type { Totals as HubTotals } from '../../../cluster/hub.ts'
import { type Accumulation, add, bucketOf } from '../../../metrics/accumulation.ts'
import type { MetricType } from '../../../metrics/declared.ts'
import { createFamily, type Family } from '../aggregate/families.ts'
import { occupiedNames, overflowText } from '../names.ts'
import type { Settings } from '../settings.ts'
import { createGauges, type Gauges } from './gauges.ts'
import { type Change, maxSeriesPerReport, type Portion } from './portion.ts'

/** The sums of all processes and threads of a page, dead ones included, within the limits of one page. */
export interface Totals extends HubTotals {
  /** Families of ours, gauges included: in the order in which they came. */
  families(): readonly Family[]
  /** Other families of the page, without gauges. */
  readonly plain: ReadonlyMap<string, PlainTotals>
  readonly gauges: Gauges
  readonly totals: { series: number; bytes: number }
  /** Names that were reported as two metrics of different kinds, and what was beyond a limit. */
  readonly conflicts: ReadonlySet<string>
}

/** A family that is not aggregated by us: the values of its samples, by their suffix, a brace and their labels. */
export interface PlainTotals extends Omit<Portion, 'series' | 'rule'> {
  readonly samples: Map<string, number>
}

/** Samples of families that are not ours: health, and what else is in the registries. */
const maxPlainSamples = 100_000

export function createTotals(settings: () => Settings): Totals {
  const counted = { series: 0, bytes: 0 }
  const families = new Map<string, Family>()
  const plain = new Map<string, PlainTotals>()
  /** The time of the latest value, of gauges whose rule is `last`. */
  const times = new WeakMap<Accumulation, number>()
  const names = new Map<string, string>()
  const conflicts = new Set<string>()
  let samples = 0
  const limits = {
    get settings() {
      return settings()
    },
    totals: counted,
  }

  /** Whether a family of this kind may have its names. */
  const isAdmitted = (portion: Portion): boolean => {
    const { name, type, plain: isPlain } = portion
    const kind = `${name} ${type} ${isPlain ?? false}`
    const taken = names.get(name)
    if (taken === kind) return true
    const occupied = occupiedNames(type, portion)
    const isFull = !isPlain && families.size >= settings().max_metrics
    if (isFull || occupied.some((one) => names.has(one))) {
      if (conflicts.size < 100) conflicts.add(name)
      return false
    }
    for (const one of occupied) names.set(one, kind)
    return true
  }

  const familyOf = (portion: Portion): Family => {
    const known = families.get(portion.name)
    if (known) return known
    const { type, help, buckets = [] } = portion
    const family = createFamily(type as MetricType, portion, help, buckets, limits)
    families.set(family.name, family)
    return family
  }

  const addPlain = (portion: Portion): void => {
    let known = plain.get(portion.name)
    if (!known) {
      const { series: _, rule: __, ...definition } = portion
      known = { ...definition, samples: new Map() }
      plain.set(portion.name, known)
    }
    for (const [text, value = 0] of portion.series) {
      const before = known.samples.get(text)
      if (before === undefined) {
        if (samples >= maxPlainSamples) continue
        samples++
      }
      known.samples.set(text, (before ?? 0) + value)
    }
  }

  const addOwn = (portion: Portion): void => {
    const family = familyOf(portion)
    for (const change of portion.series) {
      const series = change[0] === overflowText ? family.overflowSeries() : family.seriesOf(change[0])
      if (!series) continue
      if (portion.rule === 'last') setLast(series, change)
      else if (family.type === 'histogram') addHistogram(family, series, portion.buckets ?? [], change)
      else add(series, change[1] ?? 0)
    }
  }

  const setLast = (series: Accumulation, [, value = 0, time = 0]: Change): void => {
    if (time < (times.get(series) ?? Number.NEGATIVE_INFINITY)) return
    times.set(series, time)
    series.value = value
  }

  const gauges = createGauges(limits)

  return {
    ...{ plain, gauges, totals: counted, conflicts },
    families: () => [...families.values(), ...gauges.families()],
    add(sums) {
      for (const portion of sums as readonly Portion[]) {
        if (!isAdmitted(portion)) continue
        if (portion.plain) addPlain(portion)
        else addOwn(portion)
      }
    },
    set(reporter, label, live) {
      for (const portion of live as readonly Portion[])
        if (isAdmitted(portion)) gauges.set(reporter, label, portion)
    },
    forget: gauges.forget,
    *sums() {
      for (const family of families.values()) yield* ownSums(family, times)
      for (const { samples: values, ...definition } of plain.values())
        for (const series of inParts([...values] as Change[])) yield [{ ...definition, series }]
    },
  }
}

/** A reporter may have other buckets: what it counted goes into the first one that is as high, sum and count are exact. */
function addHistogram(
  family: Family,
  series: Accumulation,
  buckets: readonly number[],
  [, sum = 0, ...counts]: Change,
): void {
  add(series, sum)
  const isSame =
    buckets.length === family.buckets.length && buckets.every((one, i) => one === family.buckets[i])
  for (const [i, count] of counts.entries()) {
    if (count === 0) continue
    const at = isSame ? i : bucketOf(family.buckets, buckets[i] ?? Number.POSITIVE_INFINITY)
    series.counts[at]! += count
    series.count += count
  }
}

function* ownSums(family: Family, times: WeakMap<Accumulation, number>): Generator<readonly Portion[]> {
  const { name, base, type, help, buckets, series, overflow } = family
  const change = (one: Accumulation): Change => {
    if (type === 'histogram') return [one.text, one.value, ...one.counts]
    return type === 'gauge' ? [one.text, one.value, times.get(one) ?? 0] : [one.text, one.value]
  }
  const all = [...series.values(), ...(overflow ? [overflow] : [])].map(change)
  const definition = { name, base, type, help, buckets, ...(type === 'gauge' && { rule: 'last' as const }) }
  for (const part of inParts(all)) yield [{ ...definition, series: part }]
}

function* inParts(series: readonly Change[]): Generator<Change[]> {
  for (let i = 0; i < series.length; i += maxSeriesPerReport) yield series.slice(i, i + maxSeriesPerReport)
}
