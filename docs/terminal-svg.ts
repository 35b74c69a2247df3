/** Draws what a program printed on a terminal as an SVG: text in the colours of its escape sequences. */

interface Style {
  readonly colour: string
  readonly bold: boolean
}

interface Run {
  readonly text: string
  readonly column: number
  readonly style: Style
}

const background = '#16181d'
const foreground = '#d4d7dd'
const colours: Readonly<Record<number, string>> = {
  31: '#ff7b72',
  32: '#7ee787',
  33: '#e3b341',
  36: '#76e3ea',
}
const dim = '#8b929e'
const plain: Style = { colour: foreground, bold: false }

const cell = { width: 8.4, height: 19, fontSize: 14 }
const margin = 14

/** The style after an SGR code. The renderer never nests two styles, so an end is an end of all. */
function styleAfter(style: Style, code: number): Style {
  if (code === 0 || code === 22 || code === 39) return plain
  if (code === 1) return { ...style, bold: true }
  if (code === 2) return { ...style, colour: dim }
  const colour = colours[code]
  if (colour === undefined) throw new Error(`no colour for the escape sequence ${code}`)
  return { ...style, colour }
}

function runsOf(line: string): Run[] {
  const runs: Run[] = []
  let style = plain
  let column = 0
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is read here.
  for (const part of line.split(/(\x1b\[\d+m)/)) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: as above.
    const code = /^\x1b\[(\d+)m$/.exec(part)?.[1]
    if (code !== undefined) style = styleAfter(style, Number(code))
    else {
      // Blanks are not drawn: each word group stands at its own column, whatever font there is.
      for (const { 0: text, index } of part.matchAll(/\S+(?: \S+)*/g))
        runs.push({ text, column: column + index, style })
      column += part.length
    }
  }
  return runs
}

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

const px = (value: number): string => String(Math.round(value * 10) / 10)

function textOf({ text, column, style }: Run, row: number): string {
  const x = px(margin + column * cell.width)
  const y = px(margin + row * cell.height + cell.fontSize)
  const length = `textLength="${px(text.length * cell.width)}" lengthAdjust="spacingAndGlyphs"`
  const weight = style.bold ? ' font-weight="bold"' : ''
  return `  <text x="${x}" y="${y}" ${length} fill="${style.colour}"${weight}>${escaped(text)}</text>`
}

/**
 * The picture of a terminal with these lines.
 *
 * @param lines Lines with escape sequences for colours; no character is wider than one column.
 * @param columns Width of the terminal, in characters.
 * @param title What a screen reader says of the picture.
 */
export function terminalSvg(lines: readonly string[], columns: number, title: string): string {
  const width = px(2 * margin + columns * cell.width)
  const height = px(2 * margin + lines.length * cell.height)
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `  <title>${escaped(title)}</title>`,
    `  <rect width="100%" height="100%" rx="8" fill="${background}"/>`,
    `  <g font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="${cell.fontSize}">`,
    ...lines.flatMap((line, row) => runsOf(line).map((run) => `  ${textOf(run, row)}`)),
    '  </g>',
    '</svg>',
    '',
  ].join('\n')
}
