import type { Terminal } from './terminal.ts'

export interface Screen {
  /** Draws the lines as they are now. */
  draw(): void
  /** Gives the terminal back as it was. */
  close(): void
}

// Alternate screen, no cursor, no wrapping: and back.
const enter = '\x1b[?1049h\x1b[?25l\x1b[?7l'
const leave = '\x1b[?7h\x1b[?25h\x1b[?1049l'
const home = '\x1b[H'
const clearLine = '\x1b[K'
const clearBelow = '\x1b[J'
/** q, Ctrl-C and Ctrl-D. */
const quitKeys: ReadonlySet<string> = new Set(['q', 'Q', '\x03', '\x04'])

/** Takes the whole terminal; `onQuit` is called for q and Ctrl-C. A change of its size draws again. */
export function openScreen(terminal: Terminal, lines: () => readonly string[], onQuit: () => void): Screen {
  const { input, output } = terminal
  const draw = (): void =>
    void output.write(
      home +
        lines()
          .map((line) => line + clearLine)
          .join('\r\n') +
        clearBelow,
    )
  const onKey = (chunk: Buffer | string): void => {
    if ([...String(chunk)].some((key) => quitKeys.has(key))) onQuit()
  }
  if (input.isTTY) {
    input.setRawMode?.(true)
    input.on('data', onKey)
    input.resume()
  }
  output.on?.('resize', draw)
  output.write(enter)
  return {
    draw,
    close: () => {
      output.off?.('resize', draw)
      if (input.isTTY) {
        input.off('data', onKey)
        input.setRawMode?.(false)
        input.pause()
      }
      output.write(leave)
    },
  }
}
