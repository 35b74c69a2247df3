import type { Accumulation } from '../../../metrics/accumulation.ts'
import { type Exemplars, exemplarText } from '../aggregate/exemplars.ts'
import type { Family } from '../aggregate/families.ts'
import type { Format, Labels } from '../names.ts'
import { boundText, escapeHelp, escapeLabelValue, numberText } from '../names.ts'

/**
 * Renders metric families as text, in pieces. The caller may pause after each piece. All lines of a series are in one
 * piece, so that they agree with each other whatever is counted during a pause.
 */

/** A family that is not aggregated by us: health, and what others put into the registry. */
export interface PlainFamily {
  /** As in the text format. */
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram' | 'summary' | 'untyped'
  readonly help: string
  /** How prom-client would make one value of those of several processes. */
  readonly aggregator?: string | undefined
  readonly samples: Iterable<PlainSample>
}

export interface PlainSample {
  /** Suffix after the family's name, such as `_bucket`. */
  readonly suffix: string
  readonly labels: Labels
  readonly value: number
  /** OpenMetrics only: ` # {…} value timestamp`. */
  readonly exemplar?: string | undefined
}

export const endOfOpenMetrics = '# EOF\n'

/**
 * `fixed` are labels that every series gets unless it has its own of that name. `exemplars`: those to show, which only
 * OpenMetrics has.
 */
export function* renderFamilies(
  families: readonly Family[],
  format: Format,
  fixed: Labels,
  exemplars?: Exemplars | undefined,
): Generator<string> {
  for (const family of families) {
    if (family.series.size === 0 && !family.overflow) continue
    yield* family.type === 'histogram'
      ? histogram(family, format, fixed, exemplars)
      : numbers(family, format, fixed, exemplars)
  }
}

function head(name: string, type: string, help: string, format: Format): string {
  return `# HELP ${name} ${escapeHelp(help, format)}\n# TYPE ${name} ${type}\n`
}

function* numbers(
  family: Family,
  format: Format,
  fixed: Labels,
  exemplars: Exemplars | undefined,
): Generator<string> {
  const { name, base, type, help, series, overflow } = family
  yield head(format === 'text' ? name : base, type, help, format)
  const shown = (one: Accumulation): string =>
    line(name, withFixed(one.text, fixed), one.value, exemplarText(exemplars, one))
  for (const one of series.values()) yield shown(one)
  if (overflow) yield shown(overflow)
}

const line = (name: string, labels: string, value: number, exemplar = ''): string =>
  `${labels === '' ? name : `${name}{${labels}}`} ${value}${exemplar}\n`

function withFixed(text: string, fixed: Labels): string {
  let all = text
  for (const [name, value] of fixed) {
    // Quotes in values are escaped: this stands before values only.
    if (!`,${text}`.includes(`,${name}="`))
      all += `${all === '' ? '' : ','}${name}="${escapeLabelValue(value)}"`
  }
  return all
}

function* histogram(
  family: Family,
  format: Format,
  fixed: Labels,
  exemplars: Exemplars | undefined,
): Generator<string> {
  const { name, help, series, overflow } = family
  const bounds = [...family.buckets, Infinity].map((bound) => `le="${boundText(bound, format)}"} `)
  yield head(name, 'histogram', help, format)
  for (const one of series.values()) yield histogramLines(name, bounds, one, fixed, exemplars)
  if (overflow) yield histogramLines(name, bounds, overflow, fixed, exemplars)
}

function histogramLines(
  name: string,
  bounds: readonly string[],
  series: Accumulation,
  fixed: Labels,
  exemplars: Exemplars | undefined,
): string {
  const labels = withFixed(series.text, fixed)
  const start = labels === '' ? `${name}_bucket{` : `${name}_bucket{${labels},`
  const { counts } = series
  let text = ''
  let below = 0
  for (let i = 0; i < bounds.length; i++) {
    below += counts[i]!
    text += `${start + bounds[i]! + below + exemplarText(exemplars, series, i)}\n`
  }
  return text + line(`${name}_sum`, labels, series.value) + line(`${name}_count`, labels, series.count)
}

export function* renderPlain(family: PlainFamily, format: Format): Generator<string> {
  const counter = family.type === 'counter'
  const base = counter ? family.name.replace(/_total$/, '') || '_' : family.name
  const type = family.type === 'untyped' && format === 'openmetrics' ? 'unknown' : family.type
  yield head(format === 'text' ? family.name : base, type, family.help, format)
  for (const { suffix, labels, value, exemplar } of family.samples) {
    const shown = labels.map(([key, one]) => `${key}="${escapeLabelValue(one)}"`).join(',')
    const sample = counter && format === 'openmetrics' ? `${base}_total` : family.name + suffix
    const end = exemplar !== undefined && format === 'openmetrics' ? exemplar : ''
    yield `${sample}${shown === '' ? '' : `{${shown}}`} ${numberText(value)}${end}\n`
  }
}
