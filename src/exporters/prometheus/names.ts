import type { MetricType } from '../../metrics/declared.ts'

/** The exposition's vocabulary: legal names, label text, numbers. Pure; runs once per family, label set or page. */

/** `text` is Prometheus text 0.0.4, `openmetrics` is OpenMetrics 1.0.0. */
export type Format = 'text' | 'openmetrics'

export type Labels = readonly (readonly [name: string, value: string])[]

/** OpenTelemetry's name for the series that takes what a cardinality limit leaves over. */
export const overflowText = 'otel_metric_overflow="true"'

export interface FamilyNames {
  /** As in the text format; a counter's ends in `_total`. */
  readonly name: string
  /** As in OpenMetrics: without `_total`. */
  readonly base: string
}

const longestMetricName = 1024
const longestLabelName = 256
const longestValueBytes = 1024

const illegal = /[^a-zA-Z0-9_]/gu

/** Labels that mean something to the format or to us; Prometheus' own prefix for a label it has to move aside. */
const reservedLabels = new Set(['le', 'quantile', 'otel_metric_overflow'])

/** A legal, non-empty metric name without a colon (those belong to recording rules). */
export function metricName(name: string): string {
  const legal = name.slice(0, longestMetricName).replace(illegal, '_')
  return /^[0-9]/.test(legal) ? `_${legal}` : legal || '_'
}

/** The names of a family that is asked to be called `text`. */
export function familyNames(type: MetricType, text: string): FamilyNames {
  const name = metricName(text)
  if (type !== 'counter') return { name, base: name }
  const base = name.replace(/(^|_)total$/, '') || '_'
  return { name: `${base}_total`, base }
}

/** Every name a family occupies, in either format: its own, and those of its samples. */
export function occupiedNames(type: string, { name, base }: FamilyNames): readonly string[] {
  if (type === 'counter') return [base, name, `${base}_total`, `${base}_created`]
  if (type === 'histogram') return ['', '_bucket', '_sum', '_count', '_created'].map((end) => name + end)
  return type === 'summary' ? ['', '_sum', '_count', '_created'].map((end) => name + end) : [name]
}

/** The names of its samples in the text format, where a counter and a gauge of its base may stand side by side. */
export const textNames = (type: string, name: string): readonly string[] =>
  type === 'counter' ? [name] : occupiedNames(type, { name, base: name })

/** A legal label name that does not begin with `__` (Prometheus' own) and means nothing to the format. */
export function labelName(key: string): string {
  const legal = key.slice(0, longestLabelName).replace(illegal, '_').replace(/^_+/, '_')
  const name = /^[0-9]/.test(legal) ? `_${legal}` : legal || '_'
  return reservedLabels.has(name) ? `exported_${name}` : name
}

/** Text so short is within the limit whatever its characters are. */
const surelyShort = Math.floor(longestValueBytes / 3)

/** `text` as a label value: well-formed, at most 1 KiB of UTF-8, cut between characters. */
export function labelValue(text: string): string {
  if (text.length <= surelyShort && !/[\ud800-\udfff]/.test(text)) return text
  const bytes = Buffer.from(text.slice(0, longestValueBytes + 1))
  let end = bytes.length
  if (end > longestValueBytes) {
    end = longestValueBytes
    while ((bytes[end]! & 0xc0) === 0x80) end--
  }
  return bytes.toString('utf8', 0, end)
}

const escapes: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '"': '\\"' }
const escaped = (character: string): string => escapes[character]!

export const escapeLabelValue = (text: string): string =>
  /[\\\n"]/.test(text) ? text.replace(/[\\\n"]/g, escaped) : text

/** Help text; OpenMetrics escapes quotes in it too. */
export const escapeHelp = (text: string, format: Format): string =>
  text.replace(format === 'openmetrics' ? /[\\\n"]/g : /[\\\n]/g, escaped)

/** `a="1",b="2"`, without braces. Of labels sorted by name it is their identity too. */
export const labelsText = (labels: Labels): string =>
  labels.map(([name, value]) => `${name}="${escapeLabelValue(value)}"`).join(',')

/** The labels in the text of {@link labelsText}, each as it is there. */
export const separateLabels = (text: string): readonly string[] =>
  text.match(/\w+="[^"\\]*(?:\\.[^"\\]*)*"/g) ?? []

export const nameIn = (label: string): string => label.slice(0, label.indexOf('='))

/** Reads labels back from the text of {@link labelsText}. */
export const labelsIn = (text: string): Labels =>
  separateLabels(text).map((label) => {
    const name = nameIn(label)
    const value = label.slice(name.length + 2, -1)
    return [name, value.replace(/\\(.)/g, (_, character: string) => (character === 'n' ? '\n' : character))]
  })

export function numberText(value: number): string {
  if (Number.isFinite(value)) return `${value}`
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'
}

/** A bucket's bound. OpenMetrics wants the canonical float, as Go prints it (`1.0`, `1e-07`). */
export function boundText(bound: number, format: Format): string {
  const text = numberText(bound)
  if (format === 'text' || !Number.isFinite(bound)) return text
  if (Number.isInteger(bound) && !text.includes('e')) return `${text}.0`
  return text.replace(/e([+-])(\d)$/, 'e$10$2')
}
