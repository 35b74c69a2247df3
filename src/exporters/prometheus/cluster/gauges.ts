import { type Accumulation, newSeries } from '../../../metrics/accumulation.ts'
import type { Family } from '../aggregate/families.ts'
import { labelsIn, labelsText } from '../names.ts'
import type { SeriesLimits } from '../settings.ts'
import { numberIn, type Portion, type Rule } from './portion.ts'

/** Gauges of living reporters: their values become one when the page is rendered. */
export interface Gauges {
  /** Takes the latest values of a reporter; a change without a value says that there is none any more. */
  set(reporter: string, label: string, portion: Portion): void
  forget(reporter: string): void
  /** Values that were refused: they would have been series beyond `max_total_series`. */
  readonly refused: number
  /** Families of ours. */
  families(): Family[]
  /** The values of families that are not ours: by name, then by suffix, brace and labels. */
  plain(): ReadonlyMap<string, PlainGauges>
}

export interface PlainGauges extends Omit<Portion, 'series' | 'rule'> {
  readonly samples: ReadonlyMap<string, number>
}

interface Gauge {
  readonly definition: Omit<Portion, 'series'>
  /** By the text of the series, then by reporter, in the order in which reporters came. */
  readonly values: Map<string, Map<string, number>>
}

const one: Readonly<Record<Exclude<Rule, 'worker'>, (values: readonly number[]) => number>> = {
  sum: (values) => values.reduce((sum, value) => sum + value, 0),
  average: (values) => values.reduce((sum, value) => sum + value, 0) / values.length,
  max: (values) => values.reduce((most, value) => Math.max(most, value)),
  min: (values) => values.reduce((least, value) => Math.min(least, value)),
  first: (values) => values[0]!,
  last: (values) => values.at(-1)!,
}

/** Most values over all reporters. The limits of a page bound the values of a gauge of one reporter. */
const maxValues = 1_000_000

export function createGauges(limits: { readonly settings: SeriesLimits }): Gauges {
  const gauges = new Map<string, Gauge>()
  const labels = new Map<string, string>()
  let count = 0
  /** Series on the page of families of ours. */
  let shown = 0
  let refused = 0

  /** How many series on the page one more value makes. */
  const seriesOf = ({ definition }: Gauge, byReporter: Map<string, number> | undefined): number => {
    if (definition.plain) return 0
    return definition.rule === 'worker' || !byReporter?.size ? 1 : 0
  }
  const remove = (gauge: Gauge, text: string, reporter: string): void => {
    const byReporter = gauge.values.get(text)
    if (!byReporter?.delete(reporter)) return
    count--
    shown -= seriesOf(gauge, byReporter)
    if (byReporter.size === 0) gauge.values.delete(text)
  }

  const samplesOf = ({ definition, values }: Gauge): Map<string, number> => {
    const { rule = 'sum' } = definition
    const samples = new Map<string, number>()
    for (const [text, byReporter] of values) {
      if (rule !== 'worker') samples.set(text, one[rule]([...byReporter.values()]))
      else for (const [id, value] of byReporter) samples.set(withWorker(text, labels.get(id) ?? ''), value)
    }
    return samples
  }

  const familyOf = (gauge: Gauge): Family => {
    const { name, base, help } = gauge.definition
    const series = new Map<string, Accumulation>()
    const limit = Math.min(limits.settings.max_series, limits.settings.max_total_series)
    for (const [text, value] of samplesOf(gauge)) {
      if (series.size >= limit) break
      series.set(text, { ...newSeries(text, []), value })
    }
    return {
      ...{ type: 'gauge', name, base, help, series, buckets: [], labelNames: new Set() },
      ...{ overflow: undefined, culprit: undefined, limit: undefined, bytes: 0, seriesOf: () => undefined },
      overflowSeries: () => newSeries('', []),
    }
  }

  return {
    set(reporter, label, { series, ...definition }) {
      labels.set(reporter, label)
      let gauge = gauges.get(definition.name)
      if (!gauge) {
        gauge = { definition, values: new Map() }
        gauges.set(definition.name, gauge)
      }
      for (const [text, value] of series) {
        if (value === undefined) {
          remove(gauge, text, reporter)
          continue
        }
        let byReporter = gauge.values.get(text)
        if (!byReporter?.has(reporter)) {
          const more = seriesOf(gauge, byReporter)
          if (count >= maxValues || (more > 0 && shown >= limits.settings.max_total_series)) {
            refused++
            continue
          }
          count++
          shown += more
        }
        if (!byReporter) {
          byReporter = new Map()
          gauge.values.set(text, byReporter)
        }
        byReporter.set(reporter, numberIn(value))
      }
    },
    forget(reporter) {
      labels.delete(reporter)
      for (const gauge of gauges.values())
        for (const text of gauge.values.keys()) remove(gauge, text, reporter)
    },
    get refused() {
      return refused
    },
    families: () => [...gauges.values()].filter(({ definition }) => !definition.plain).map(familyOf),
    plain: () =>
      new Map(
        [...gauges].flatMap(([name, gauge]) => {
          if (!gauge.definition.plain) return []
          return [[name, { ...gauge.definition, samples: samplesOf(gauge) }] as const]
        }),
      ),
  }
}

const label = 'worker'
/** As Prometheus itself renames a label it has to move aside. */
const movedLabel = 'exported_worker'

/** The labels with that of the worker. `text` may begin with what follows the family's name, before a brace. */
function withWorker(text: string, worker: string): string {
  const brace = /^[a-z_]*\{/.exec(text)?.[0] ?? ''
  const own = labelsIn(text.slice(brace.length)).map(
    ([name, value]) => [name === label ? movedLabel : name, value] as const,
  )
  return brace + labelsText([...own, [label, worker]])
}
