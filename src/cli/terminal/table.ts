/** Lines of a table with aligned columns, cut at a width. The first line is the heading. */
export function formatTable(
  heading: readonly string[],
  rows: readonly (readonly string[])[],
  width: number,
): string[] {
  const widths = heading.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  )
  const excess = widths.reduce((sum, one) => sum + one + 2, -2) - width
  // The widest column gives way, as long as something of it can be read.
  if (excess > 0) {
    const widest = widths.indexOf(Math.max(...widths))
    widths[widest] = Math.max(12, widths[widest]! - excess)
  }
  return [heading, ...rows].map((row) =>
    row
      .map((cell, column) => cut(cell, widths[column]!).padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  )
}

/** A text of at most this many characters. */
export const cut = (text: string, length: number): string =>
  text.length <= length ? text : `${text.slice(0, Math.max(0, length - 1))}…`
