import type { Changes, Shipping, Source } from '../../../cluster/reporter.ts'
import type { Accumulation } from '../../../metrics/accumulation.ts'
import type { GaugeRule } from '../../../metrics/declared.ts'
import type { Family as MetricFamily } from '../../../metrics/families.ts'
import type { Family } from '../aggregate/families.ts'
import type { State } from '../aggregate/state.ts'
import type { PlainFamily } from '../page/render.ts'
import { type FamilyChange, plainChanges, type Reported } from './plain-report.ts'
import { type Change, maxSeriesPerReport, type Portion, type Rule } from './portion.ts'

/** The report of a process or thread: the changes in its aggregates since its last report. */

export interface ReportSource {
  readonly state: State
  /**
   * Collects the other metrics of the page: those of other libraries, and health. Events emitted before it resolves are
   * included.
   */
  readonly collect: () => Promise<readonly PlainFamily[]>
}

/** The reported values of each group. */
interface Baseline {
  /** As changes have them: a counter's value, or a histogram's sum and its counts. */
  sums: WeakMap<Accumulation, readonly number[]>
  plainSums: Reported
  live: WeakMap<Accumulation, number>
  plainLive: Reported
  /** Families whose help text the group has. */
  described: Set<string>
}

type Definition = Omit<Portion, 'series'>

/** They outlive clients, as shippings do. */
const baselines = new WeakMap<Shipping, Baseline>()

function baselineOf(shipping: Shipping): Baseline {
  let known = baselines.get(shipping)
  if (!known) {
    known = {
      ...{ sums: new WeakMap(), plainSums: new Map(), live: new WeakMap(), plainLive: new Map() },
      described: new Set(),
    }
    baselines.set(shipping, known)
  }
  return known
}

export function createSource({ state, collect }: ReportSource): Source {
  function* ownChanges(baseline: Baseline): Generator<FamilyChange> {
    const rules = new Map<MetricFamily<Accumulation>, GaugeRule | undefined>()
    for (const { metric, family } of state.declared) rules.set(family, metric.acrossWorkers)
    for (const family of state.families) {
      const rule = rules.get(family)
      const definition = definitionOf(family, rule)
      const isLive = rule !== undefined && rule !== 'last'
      for (const one of seriesIn(family)) {
        const change = isLive
          ? liveChange(baseline, one)
          : sumChange(baseline, family, one, rule, state.setAt)
        if (change) yield { definition, isLive, change }
      }
    }
  }

  return {
    async *changes(shipping) {
      const plain = await collect()
      const baseline = baselineOf(shipping)
      let parts = newParts(baseline)
      for (const changes of [ownChanges(baseline), plainChanges(plain, baseline)])
        for (const one of changes) {
          parts.add(one)
          if (parts.size < maxSeriesPerReport) continue
          yield parts.changes()
          parts = newParts(baseline)
        }
      if (parts.size > 0) yield parts.changes()
    },
    forgetSums(shipping) {
      Object.assign(baselineOf(shipping), { sums: new WeakMap(), plainSums: new Map(), described: new Set() })
    },
    forgetLive(shipping) {
      Object.assign(baselineOf(shipping), { live: new WeakMap(), plainLive: new Map(), described: new Set() })
    },
  }
}

function definitionOf({ name, base, type, help, buckets }: Family, rule: Rule | undefined): Definition {
  return { name, base, type, help, ...(buckets.length > 0 && { buckets }), ...(rule && { rule }) }
}

function* seriesIn({ series, overflow }: Family): Generator<Accumulation> {
  yield* series.values()
  if (overflow) yield overflow
}

function liveChange({ live }: Baseline, series: Accumulation): Change | undefined {
  if (live.get(series) === series.value) return undefined
  live.set(series, series.value)
  return [series.text, series.value]
}

function sumChange(
  { sums }: Baseline,
  { type }: Family,
  series: Accumulation,
  rule: Rule | undefined,
  setAt: State['setAt'],
): Change | undefined {
  const { text, value, counts, count } = series
  const before = sums.get(series)
  if (rule === 'last') {
    const time = setAt?.get(series) ?? 0
    if (before?.[0] === value && before[1] === time) return undefined
    sums.set(series, [value, time])
    return [text, value, time]
  }
  if (type === 'histogram') {
    // The last number is how many there were in all buckets: equal where nothing was observed.
    if (before?.at(-1) === count) return undefined
    sums.set(series, [value, ...counts, count])
    return [text, value - (before?.[0] ?? 0), ...counts.map((one, i) => one - (before?.[i + 1] ?? 0))]
  }
  if (before?.[0] === value) return undefined
  sums.set(series, [value])
  return [text, value - (before?.[0] ?? 0)]
}

/** Gathers the changes of one report, those of a family together. */
function newParts({ described }: Baseline) {
  const sums = new Map<string, Portion>()
  const live = new Map<string, Portion>()
  let size = 0
  return {
    get size() {
      return size
    },
    add({ definition, isLive, change }: FamilyChange): void {
      const portions = isLive ? live : sums
      let portion = portions.get(definition.name)
      if (!portion) {
        portion = { ...definition, help: described.has(definition.name) ? '' : definition.help, series: [] }
        described.add(definition.name)
        portions.set(definition.name, portion)
      }
      portion.series.push(change)
      size++
    },
    changes: (): Changes => ({ sums: [...sums.values()], live: [...live.values()] }),
  }
}
