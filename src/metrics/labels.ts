import { glob } from '../bus/glob.ts'

/**
 * How a list of values becomes the text of labels, prepared once for a list of keys. `start` is where the values begin.
 * Equal labels have equal text, so that it identifies a series in its family.
 */
export type Layout = (values: readonly unknown[], start: number) => string

/** A key that may be a label, the name of its label, and where its value is in the list. */
export interface NamedKey {
  readonly key: string
  readonly name: string
  readonly offset: number
}

/** Returns `value` as text, or undefined if it is no label: strings, finite numbers and booleans are. */
export function labelText(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : undefined
  return typeof value === 'boolean' ? String(value) : undefined
}

/** There are as many ids as events: they must not become labels by accident. */
const ids = new Set(['correlation_id', 'request_id', 'trace_id', 'span_id', 'traceparent'])

const maxRememberedKeys = 4096

/** Returns the name of the label that a metadata key becomes; undefined for a key that does not become one. */
export type LabelRule = (key: string) => string | undefined

/** The keys of a configuration that choose labels: patterns of metadata keys. */
export interface LabelSettings {
  /** Metadata keys that become labels; null for all. */
  readonly labels: readonly string[] | null
  /** Metadata keys that never become labels. */
  readonly labels_deny: readonly string[]
}

/**
 * Makes the rule of a configuration. It remembers its answers for a bounded number of keys.
 * @param nameOf makes the name of a label. A pattern may match the key or this name.
 * @param allowsIds whether an id becomes a label if `labels` has its full name.
 */
export function labelRule(
  { labels, labels_deny }: LabelSettings,
  nameOf: (key: string) => string,
  allowsIds: boolean,
): LabelRule {
  const anyOf = (patterns: readonly string[]): ((key: string) => boolean) => {
    const matchers = patterns.map((pattern) => glob(pattern))
    return (key) => matchers.some((matches) => matches(key) || matches(nameOf(key)))
  }
  const allow = labels === null ? () => true : anyOf(labels)
  const deny = anyOf(labels_deny)
  const allowedIds = new Set(allowsIds ? labels : [])
  const names = new Map<string, string | undefined>()
  return (key) => {
    if (names.has(key)) return names.get(key)
    const isLabel = (ids.has(key) ? allowedIds.has(key) : allow(key)) && !deny(key)
    const name = isLabel ? nameOf(key) : undefined
    if (names.size < maxRememberedKeys) names.set(key, name)
    return name
  }
}
