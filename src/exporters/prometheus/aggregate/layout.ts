import { type Layout, labelText, type NamedKey } from '../../../metrics/labels.ts'
import { escapeLabelValue, labelValue } from '../names.ts'

/** Prepares the labels as the page shows them, without braces: sorted by name, the empty ones left out. */
export function layoutOf(named: readonly NamedKey[]): Layout {
  const keys = named.toSorted((a, b) => (a.key < b.key ? -1 : 1))
  const names = [...new Set(named.map(({ name }) => name))].sort()
  const labels = names.map((name) => ({
    /** The text before the value on the page: `queue="`. */
    opening: `${name}="`,
    offsets: keys.filter((one) => one.name === name).map(({ offset }) => offset),
  }))
  return (values, start) => {
    let text = ''
    for (const { opening, offsets } of labels) {
      const value =
        offsets.length === 1 ? labelText(values[start + offsets[0]!]) : joined(offsets, values, start)
      if (value === undefined || value === '') continue
      text += `${text === '' ? '' : ','}${opening}${isPlain(value) ? value : escapeLabelValue(labelValue(value))}"`
    }
    return text
  }
}

/** Several keys may become one name: their values are joined by `;`, in the order of the keys. */
function joined(offsets: readonly number[], values: readonly unknown[], start: number): string {
  return offsets
    .map((offset) => labelText(values[start + offset]))
    .filter((value) => value)
    .join(';')
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
