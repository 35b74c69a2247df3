import { characters as c } from './characters.ts'
import { createOutline, OutlineError, type Positions } from './positions.ts'

const isSpace = (code: number): boolean =>
  code === c.space || code === c.lineFeed || code === c.carriageReturn || code === c.tab

const isDigit = (code: number): boolean => code >= c.zero && code <= c.nine

const escapes = /\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4})/y

/**
 * Checks a JSON text, finds where its keys stand, and refuses what would take long. JSON.parse quotes the text in its
 * errors, which may be secret, and does not always say where they are.
 * @throws OutlineError Also for a key that is given twice.
 */
export function jsonPositions(text: string): Positions {
  const outline = createOutline(text)
  let at = 0

  const fail = (why: string, offset = at): never => {
    throw new OutlineError(why, text, offset)
  }

  const skipSpace = (): void => {
    while (isSpace(text.charCodeAt(at))) at += 1
  }

  const skipDigits = (): void => {
    const start = at
    while (isDigit(text.charCodeAt(at))) at += 1
    if (at === start) fail('a digit expected')
  }

  const expect = (code: number): void => {
    if (text.charCodeAt(at) !== code) fail(`${String.fromCharCode(code)} expected`)
    at += 1
  }

  const skipString = (): void => {
    const start = at
    if (text.charCodeAt(at) !== c.quote) fail('a string expected')
    at += 1
    let escaped = 0
    for (;;) {
      const code = text.charCodeAt(at)
      if (code === c.quote) break
      // The end of the text has no code.
      if (!(code >= c.space)) fail('the string is malformed', start)
      if (code !== c.backslash) {
        at += 1
        continue
      }
      escapes.lastIndex = at
      if (!escapes.test(text)) fail('the string is malformed', start)
      at = escapes.lastIndex
      escaped += 1
    }
    at += 1
    outline.countParts(start, escaped)
  }

  const skipNumber = (): void => {
    if (text.charCodeAt(at) === c.minus) at += 1
    if (text.charCodeAt(at) === c.zero) at += 1
    else skipDigits()
    if (text.charCodeAt(at) === c.dot) {
      at += 1
      skipDigits()
    }
    if (text[at] !== 'e' && text[at] !== 'E') return
    at += 1
    const sign = text.charCodeAt(at)
    if (sign === c.plus || sign === c.minus) at += 1
    skipDigits()
  }

  const skipScalar = (): void => {
    const word = ['true', 'false', 'null'].find((one) => text.startsWith(one, at))
    const code = text.charCodeAt(at)
    if (code === c.quote) skipString()
    else if (isDigit(code) || code === c.minus) skipNumber()
    else if (word === undefined) fail('a value expected')
    else at += word.length
  }

  /** Reads what is between commas, up to and with the bracket that closes it. */
  const readItems = (close: number, depth: number, item: () => void): void => {
    outline.checkDepth(depth, at)
    at += 1
    skipSpace()
    if (text.charCodeAt(at) !== close) {
      for (;;) {
        outline.countParts(at, 1)
        item()
        if (text.charCodeAt(at) !== c.comma) break
        at += 1
      }
    }
    expect(close)
  }

  const readMember = (path: readonly string[], names: Set<string>, depth: number): void => {
    skipSpace()
    const start = at
    skipString()
    const name = JSON.parse(text.slice(start, at)) as string
    if (names.has(name)) fail('a key is given twice', start)
    names.add(name)
    // Beyond four parts nobody asks, and long paths would cost.
    const inner = path.length < 4 ? [...path, name] : path
    outline.note(inner, start)
    skipSpace()
    expect(c.colon)
    readValue(inner, depth)
  }

  const readValue = (path: readonly string[], depth: number): void => {
    skipSpace()
    const code = text.charCodeAt(at)
    if (code === c.openBracket) readItems(c.closeBracket, depth + 1, () => readValue(path, depth + 1))
    else if (code === c.openBrace) {
      outline.countTable(at)
      const names = new Set<string>()
      readItems(c.closeBrace, depth + 1, () => readMember(path, names, depth + 1))
    } else skipScalar()
    skipSpace()
  }

  readValue([], 0)
  if (at < text.length) fail('nothing more expected')
  return outline
}
