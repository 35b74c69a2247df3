import type { Unit } from '../../metrics/declared.ts'
import type { Layout, NamedKey } from '../../metrics/labels.ts'

/** OpenTelemetry's vocabulary for metrics: instrument names, units, attributes. Pure. */

const longestName = 255
const longestKey = 255
const longestValue = 1024
const maxAttributes = 64

/** Marks the series that takes what a cardinality limit leaves over (metrics SDK specification, overflow attribute). */
const overflowKey = 'otel.metric.overflow'
export const overflowText = JSON.stringify([overflowKey, true])

/** A legal instrument name: a letter, then letters, digits, `_`, `.`, `-` and `/`, at most 255 characters. */
export function instrumentName(text: string): string {
  const legal = text.slice(0, 2 * longestName).replace(/[^a-zA-Z0-9_./-]+/gu, '_')
  return (/^[a-zA-Z]/.test(legal) ? legal : `m${legal}`).slice(0, longestName)
}

/** Instrument names that differ in case only are the same. */
export const identityOf = (name: string): string => name.toLowerCase()

/** The units of declared metrics, in UCUM. */
const ucum: Readonly<Record<Unit, string>> = {
  second: 's',
  millisecond: 'ms',
  microsecond: 'us',
  nanosecond: 'ns',
  byte: 'By',
  kilobyte: 'kBy',
  megabyte: 'MBy',
  kibibyte: 'KiBy',
  mebibyte: 'MiBy',
  ratio: '1',
  percent: '%',
}

export const unitOf = (unit: Unit | undefined): string => (unit === undefined ? '' : ucum[unit])

/** The key of an attribute; undefined for the one that is ours. */
export function attributeName(key: string): string | undefined {
  const name = cut(key, longestKey)
  return name === overflowKey || name === '' ? undefined : name
}

/**
 * The text of a series' attributes: a JSON array of keys and values, sorted by key. It keeps their types, and equal
 * attributes have equal text.
 */
export function layoutOf(named: readonly NamedKey[]): Layout {
  const names = new Set<string>()
  const attributes: { readonly name: string; readonly offset: number }[] = []
  for (const { name, offset } of named) {
    if (names.has(name)) continue
    names.add(name)
    attributes.push({ name, offset })
  }
  attributes.sort((a, b) => (a.name < b.name ? -1 : 1))
  return (values, start) => {
    const flat: unknown[] = []
    for (const { name, offset } of attributes) {
      const value = attributeValue(values[start + offset])
      if (value !== undefined) flat.push(name, value)
      if (flat.length === 2 * maxAttributes) break
    }
    return JSON.stringify(flat)
  }
}

/** Keys and values in turn, from a text that {@link layoutOf} made. */
export const attributesIn = (text: string): readonly unknown[] => JSON.parse(text) as readonly unknown[]

function attributeValue(value: unknown): string | number | boolean | undefined {
  if (typeof value === 'string') return cut(value, longestValue)
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined
  return typeof value === 'boolean' ? value : undefined
}

/** Well-formed text of at most so many UTF-16 units, never cut inside a character. */
function cut(text: string, longest: number): string {
  if (text.length <= longest) return text.isWellFormed() ? text : text.toWellFormed()
  const splits = (text.charCodeAt(longest - 1) & 0xfc00) === 0xd800
  return text.slice(0, splits ? longest - 1 : longest).toWellFormed()
}
