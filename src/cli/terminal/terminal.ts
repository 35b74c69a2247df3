/** The part of a stream that commands write to. */
export interface Output {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
  on?(event: 'resize', listener: () => void): unknown
  off?(event: 'resize', listener: () => void): unknown
}

/** The part of stdin that commands read keys from. */
export interface Input {
  readonly isTTY?: boolean
  setRawMode?(raw: boolean): unknown
  on(event: 'data', listener: (chunk: Buffer | string) => void): unknown
  off(event: 'data', listener: (chunk: Buffer | string) => void): unknown
  resume(): unknown
  pause(): unknown
}

export type Colour = 'red' | 'yellow' | 'green' | 'cyan' | 'dim' | 'bold'

/** Where a command writes, and how. */
export interface Terminal {
  readonly input: Input
  readonly output: Output
  /** Whether output goes to a terminal, and may be redrawn. */
  readonly interactive: boolean
  readonly coloured: boolean
  /** Writes a line to stdout. */
  print(line: string): void
  /** Writes a line to stderr. */
  warn(line: string): void
  /** Width in columns: of the terminal, of COLUMNS, or 80. */
  columns(): number
  /** Where lines are cut: nowhere in a file or a pipe, unless COLUMNS says so. */
  lineWidth(): number
  rows(): number
  paint(colour: Colour, text: string): string
}

const codes: Readonly<Record<Colour, readonly [on: number, off: number]>> = {
  red: [31, 39],
  yellow: [33, 39],
  green: [32, 39],
  cyan: [36, 39],
  dim: [2, 22],
  bold: [1, 22],
}

/** NO_COLOR and FORCE_COLOR are what https://no-color.org and https://force-color.org say. */
function wantsColour(env: Readonly<Record<string, string | undefined>>, output: Output): boolean {
  if (env.NO_COLOR) return false
  if (env.FORCE_COLOR !== undefined && env.FORCE_COLOR !== '') return !/^(0|false)$/i.test(env.FORCE_COLOR)
  return output.isTTY === true && env.TERM !== 'dumb'
}

const positive = (value: unknown): number | undefined => {
  const number = Number(value)
  return Number.isInteger(number) && number > 0 ? number : undefined
}

/** Describes the terminal that a command runs in. */
export function createTerminal(
  env: Readonly<Record<string, string | undefined>>,
  { input, output, errors }: { readonly input: Input; readonly output: Output; readonly errors: Output },
): Terminal {
  const coloured = wantsColour(env, output)
  return {
    input,
    output,
    interactive: output.isTTY === true && env.TERM !== 'dumb',
    coloured,
    print: (line) => void output.write(`${line}\n`),
    warn: (line) => void errors.write(`${line}\n`),
    columns: () => positive(output.columns) ?? positive(env.COLUMNS) ?? 80,
    lineWidth: () => positive(output.columns) ?? positive(env.COLUMNS) ?? Number.POSITIVE_INFINITY,
    rows: () => positive(output.rows) ?? positive(env.LINES) ?? 24,
    paint: (colour, text) => {
      const [on, off] = codes[colour]
      return coloured && text !== '' ? `\x1b[${on}m${text}\x1b[${off}m` : text
    },
  }
}

/** A foreign text as a terminal may show it: on one line, and without control characters. */
export const plainText = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not reach a terminal.
  text.replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+/g, ' ')
