import type { LabelSet } from '../names.ts'
import { escapeLabelValue, labelText, labelValue } from '../names.ts'

/**
 * How a list of values becomes labels: prepared once for a list of keys, so that the labels of an event are neither
 * named nor sorted again.
 */
export interface Layout {
  /** The labels, sorted by name. */
  readonly labels: readonly LayoutLabel[]
  readonly names: readonly string[]
}

interface LayoutLabel {
  readonly name: string
  /** What comes before the value on the page: `queue="`. */
  readonly opening: string
  /** Where the values are. Several keys may become one name: their values are joined by `;`, in the order of the keys. */
  readonly offsets: readonly number[]
}

/** @param named each key that may be a label, the name of its label, and where its value is. */
export function layoutOf(
  named: readonly { readonly key: string; readonly name: string; readonly offset: number }[],
): Layout {
  const keys = named.toSorted((a, b) => (a.key < b.key ? -1 : 1))
  const names = [...new Set(named.map(({ name }) => name))].sort()
  const labels = names.map((name) => ({
    ...{ name, opening: `${name}="` },
    offsets: keys.filter((one) => one.name === name).map(({ offset }) => offset),
  }))
  return { labels, names }
}

/** The labels as the page shows them, without braces. Equal label sets have equal text: it is their identity too. */
export function textOf({ labels }: Layout, values: readonly unknown[], start: number): string {
  let text = ''
  for (const { opening, offsets } of labels) {
    const value =
      offsets.length === 1 ? labelText(values[start + offsets[0]!]) : joined(offsets, values, start)
    if (value === undefined || value === '') continue
    text += `${text === '' ? '' : ','}${opening}${isPlain(value) ? value : escapeLabelValue(labelValue(value))}"`
  }
  return text
}

/** What {@link textOf} shows, as names and values. */
export function labelSetOf({ labels, names }: Layout, values: readonly unknown[], start: number): LabelSet {
  const kept = { names: [] as string[], values: [] as string[] }
  for (const { name, offsets } of labels) {
    const value = joined(offsets, values, start)
    if (value === undefined) continue
    kept.names.push(name)
    kept.values.push(labelValue(value))
  }
  // Most series have all the labels of their layout: they share its list of names.
  return kept.names.length === names.length ? { names, values: kept.values } : kept
}

function joined(offsets: readonly number[], values: readonly unknown[], start: number): string | undefined {
  let text: string | undefined
  for (const offset of offsets) {
    const value = labelText(values[start + offset])
    if (value !== undefined && value !== '') text = text === undefined ? value : `${text};${value}`
  }
  return text
}

/** Text that is shown as it is. A loop: most values are shorter than what a regular expression costs. */
function isPlain(text: string): boolean {
  if (text.length > 64) return false
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 0x7e || code < 0x20 || code === 0x22 || code === 0x5c) return false
  }
  return true
}
