import { type Layout, labelText, type NamedKey } from '../../metrics/labels.ts'

/** Datadog's vocabulary: metric names, tags, and which tags an event has. Pure. */

const longestName = 200
const longestTag = 200

/** OpenTelemetry's name for what a cardinality limit leaves over; the Prometheus exporter has the same. */
export const overflowTag = 'otel_metric_overflow:true'

/**
 * A legal metric name: it begins with a letter, has ASCII letters, digits, underscores and periods, and at most 200
 * characters. Datadog would rewrite other characters itself, and drop a name without a letter.
 */
export function metricName(text: string): string {
  const legal = text
    .slice(0, 2 * longestName)
    .replace(/[^a-zA-Z0-9_.]+/gu, '_')
    .replace(/^[^a-zA-Z]+/, '')
  return legal.slice(0, longestName) || 'metric'
}

/** `<event>.<measurement>`, where the measurement survives however long the event's name is. */
export const measuredName = (event: string, measurement: string): string =>
  `${metricName(event).slice(0, longestName - measurement.length - 1)}.${measurement}`

/**
 * A legal tag, or undefined when nothing is left of it: it begins with a letter, is lower case, has letters, digits
 * and `_ - : . /`, at most 200 characters, and does not end with a colon. What Datadog would make of it anyway; done
 * here, two spellings of one tag are one context, and not two points that overwrite each other.
 */
export function tagOf(key: string, value: string): string | undefined {
  const name = clean(key).replaceAll(':', '_')
  return name === '' ? undefined : clean(`${name}:${value}`)
}

/** A tag of the configuration: `key:value`, or a word. */
export const plainTag = (text: string): string | undefined => clean(text) || undefined

const ordinary = /^[a-z][a-z0-9_./:-]*[a-z0-9_./-]$/

function clean(text: string): string {
  if (text.length <= longestTag && ordinary.test(text)) return text
  const legal = text
    .slice(0, 4 * longestTag)
    .toWellFormed()
    .toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}_./:-]+/gu, '_')
    .replace(/^[^\p{L}]+/u, '')
  return [...legal].slice(0, longestTag).join('').replace(/:+$/, '')
}

/** The legal tags of pairs, each once, in an order that depends on nothing but the tags. */
export function tagSet(pairs: Iterable<readonly [key: string, value: unknown]>): readonly string[] {
  const tags = new Set<string>()
  for (const [key, value] of pairs) {
    const text = labelText(value)
    // An empty value says no more than a missing one.
    const tag = text === undefined || text === '' ? undefined : tagOf(key, text)
    if (tag !== undefined && tags.size < mostTags) tags.add(tag)
  }
  return [...tags].sort()
}

/** Tags of one context. */
const mostTags = 64

/** The text of a context's labels: its tags, which never have a comma. */
export const layoutOf =
  (named: readonly NamedKey[]): Layout =>
  (values, start) =>
    tagSet(named.map(({ key, offset }) => [key, values[start + offset]])).join(',')

/** The tags in a text that {@link layoutOf} made. */
export const tagsIn = (text: string): readonly string[] => (text === '' ? [] : text.split(','))

export const keyOf = (tag: string): string => tag.split(':', 1)[0] as string
