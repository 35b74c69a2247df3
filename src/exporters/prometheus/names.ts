/** The exposition's vocabulary: legal names, label text, numbers. Pure; runs once per family, label set or page. */

/** `text` is Prometheus text 0.0.4, `openmetrics` is OpenMetrics 1.0.0. */
export type Format = 'text' | 'openmetrics'

/** A label set, sorted by name; every value is well-formed and not empty (an empty label is an absent one). */
export interface LabelSet {
  readonly names: readonly string[]
  readonly values: readonly string[]
}

/** OpenTelemetry's name for the series that takes what a cardinality limit leaves over. */
export const overflowLabels: LabelSet = { names: ['otel_metric_overflow'], values: ['true'] }

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

/** A counter's name without its `_total`: its family name in OpenMetrics, never empty. */
export function counterBase(name: string): string {
  return name.replace(/(^|_)total$/, '') || '_'
}

/** A legal label name that does not begin with `__` (Prometheus' own) and means nothing to the format. */
export function labelName(key: string): string {
  const legal = key.slice(0, longestLabelName).replace(illegal, '_').replace(/^_+/, '_')
  const name = /^[0-9]/.test(legal) ? `_${legal}` : legal || '_'
  return reservedLabels.has(name) ? `exported_${name}` : name
}

/** What `value` reads as in a label, or undefined when it is no label: text, finite numbers and booleans are. */
export function labelText(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : undefined
  return typeof value === 'boolean' ? String(value) : undefined
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

/** `a="1",b="2"`, without braces. Equal label sets have equal text, so it is their identity too. */
export function labelsText(labels: LabelSet): string {
  let text = ''
  for (let i = 0; i < labels.names.length; i++) {
    text += `${i === 0 ? '' : ','}${labels.names[i]}="${escapeLabelValue(labels.values[i]!)}"`
  }
  return text
}

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
