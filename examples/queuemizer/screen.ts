import type { Logger } from '../../src/index.ts'

/** Where the example speaks: lines that stay, and below them, on a terminal, one that changes. */
export interface Screen {
  say(text?: string): void
  /** On a terminal it replaces the one before; elsewhere it is a line like any other. */
  live(text: string): void
  /** The live line stays as it is. */
  settle(): void
  readonly logger: Logger
}

export function createScreen(stream: NodeJS.WriteStream): Screen {
  const isTerminal = stream.isTTY === true
  let shown = ''
  // A reader that went away, as `| head` does, is no reason to stop serving.
  stream.on('error', () => {})

  const say = (text = ''): void => {
    stream.write(isTerminal && shown ? `\r\x1b[K${text}\n${shown}` : `${text}\n`)
  }
  const warn = (details: object, message = ''): void => say(`    log: ${message} ${JSON.stringify(details)}`)

  return {
    say,
    live(text) {
      if (!isTerminal) {
        stream.write(`${text}\n`)
        return
      }
      // A line that wraps could not be replaced.
      shown = text.slice(0, Math.max((stream.columns ?? 80) - 1, 1))
      stream.write(`\r\x1b[K${shown}`)
    },
    settle() {
      if (shown) stream.write('\n')
      shown = ''
    },
    logger: { debug: () => {}, info: () => {}, warn, error: warn },
  }
}
