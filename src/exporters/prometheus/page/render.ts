import type { Family, HistogramFamily, HistogramSeries, NumberFamily } from '../aggregate/families.ts'
import type { Format } from '../names.ts'
import { boundText, escapeHelp, escapeLabelValue, numberText } from '../names.ts'

/** Renders metric families as text. Pure and quick: this is what a scrape costs. */

export type Labels = readonly (readonly [name: string, value: string])[]

/** A family that is not aggregated by us: health, and what others put into the registry. */
export interface PlainFamily {
  /** As in the text format. */
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram' | 'summary' | 'untyped'
  readonly help: string
  readonly samples: readonly PlainSample[]
}

export interface PlainSample {
  /** What follows the family's name, such as `_bucket`. */
  readonly suffix: string
  readonly labels: Labels
  readonly value: number
  /** OpenMetrics only: ` # {…} value timestamp`. */
  readonly exemplar?: string | undefined
}

export const endOfOpenMetrics = '# EOF\n'

/** `fixed` are labels that every series gets unless it has its own of that name. */
export function renderFamilies(families: readonly Family[], format: Format, fixed: Labels): string {
  let page = ''
  for (const family of families) {
    if (family.series.size === 0 && !family.overflow) continue
    page += family.type === 'histogram' ? histogram(family, format, fixed) : numbers(family, format, fixed)
  }
  return page
}

function head(name: string, type: string, help: string, format: Format): string {
  return `# HELP ${name} ${escapeHelp(help, format)}\n# TYPE ${name} ${type}\n`
}

function numbers(family: NumberFamily, format: Format, fixed: Labels): string {
  const { name, base, type, help, series, overflow } = family
  let text = head(format === 'text' ? name : base, type, help, format)
  for (const one of series.values())
    text += line(name, withFixed(one.text, one.labels.names, fixed), one.value)
  if (overflow) text += line(name, withFixed(overflow.text, overflow.labels.names, fixed), overflow.value)
  return text
}

const line = (name: string, labels: string, value: number): string =>
  labels === '' ? `${name} ${value}\n` : `${name}{${labels}} ${value}\n`

function withFixed(text: string, names: readonly string[], fixed: Labels): string {
  let all = text
  for (const [name, value] of fixed) {
    if (!names.includes(name)) all += `${all === '' ? '' : ','}${name}="${escapeLabelValue(value)}"`
  }
  return all
}

function histogram(family: HistogramFamily, format: Format, fixed: Labels): string {
  const { name, help, series, overflow } = family
  const bounds = [...family.buckets, Infinity].map((bound) => `le="${boundText(bound, format)}"} `)
  let text = head(name, 'histogram', help, format)
  for (const one of series.values()) text += histogramLines(name, bounds, one, fixed)
  return overflow ? text + histogramLines(name, bounds, overflow, fixed) : text
}

function histogramLines(
  name: string,
  bounds: readonly string[],
  series: HistogramSeries,
  fixed: Labels,
): string {
  const labels = withFixed(series.text, series.labels.names, fixed)
  const start = labels === '' ? `${name}_bucket{` : `${name}_bucket{${labels},`
  const { counts } = series
  let text = ''
  let below = 0
  for (let i = 0; i < bounds.length; i++) {
    below += counts[i]!
    text += `${start + bounds[i]! + below}\n`
  }
  return text + line(`${name}_sum`, labels, series.sum) + line(`${name}_count`, labels, series.count)
}

export function renderPlain(family: PlainFamily, format: Format): string {
  const counter = family.type === 'counter'
  const base = counter ? family.name.replace(/_total$/, '') || '_' : family.name
  const type = family.type === 'untyped' && format === 'openmetrics' ? 'unknown' : family.type
  const name = format === 'text' ? family.name : base
  let text = head(name, type, family.help, format)
  for (const { suffix, labels, value, exemplar } of family.samples) {
    const shown = labels.map(([key, one]) => `${key}="${escapeLabelValue(one)}"`).join(',')
    const sample = counter && format === 'openmetrics' ? `${base}_total` : family.name + suffix
    text += `${sample}${shown === '' ? '' : `{${shown}}`} ${numberText(value)}`
    text += exemplar !== undefined && format === 'openmetrics' ? `${exemplar}\n` : '\n'
  }
  return text
}
