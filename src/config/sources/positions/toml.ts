import { characters as c } from './characters.ts'
import { createOutline, type Positions } from './positions.ts'

const isBlank = (code: number): boolean => code === c.space || code === c.tab
const isSpace = (code: number): boolean => isBlank(code) || code === c.lineFeed || code === c.carriageReturn

/** What ends a number, a boolean or a date. */
const endsScalar = (code: number): boolean =>
  code === c.comma ||
  code === c.closeBracket ||
  code === c.closeBrace ||
  code === c.lineFeed ||
  code === c.hash

/** What ends a part of a key that stands without quotes. */
const endsName = (code: number): boolean =>
  isSpace(code) || code === c.dot || code === c.equals || code === c.closeBracket || endsScalar(code)

/**
 * Finds where the keys of a TOML document stand, since the parser keeps no positions, and refuses what the parser
 * would take long for. This reads valid TOML; of anything else it only promises to end.
 * @throws OutlineError
 */
export function tomlPositions(text: string): Positions {
  const outline = createOutline(text)
  const end = text.length
  let at = 0

  const skipBlanks = (): void => {
    while (isBlank(text.charCodeAt(at))) at += 1
  }

  const skipLine = (): void => {
    const next = text.indexOf('\n', at)
    at = next < 0 ? end : next
  }

  const skipSpaceAndComments = (): void => {
    for (;;) {
      const code = text.charCodeAt(at)
      if (isSpace(code)) at += 1
      else if (code === c.hash) skipLine()
      else return
    }
  }

  /** Goes behind the next fence that is not escaped. */
  const skipTo = (fence: string, isBasic: boolean): void => {
    const start = at
    const first = fence.charCodeAt(0)
    let escaped = 0
    for (; at < end; at++) {
      const code = text.charCodeAt(at)
      if (code === first && text.startsWith(fence, at)) break
      if (!isBasic || code !== c.backslash) continue
      escaped += 1
      at += 1
    }
    at += fence.length
    outline.countParts(start, escaped)
  }

  const skipString = (): void => {
    const quote = text[at]!
    const fence = quote.repeat(3)
    const isBasic = quote === '"'
    if (!text.startsWith(fence, at)) {
      at += 1
      skipTo(quote, isBasic)
      return
    }
    at += 3
    skipTo(fence, isBasic)
    // Up to two quotes may stand right before the fence, and belong to the string.
    while (text[at] === quote) at += 1
  }

  const readName = (): string => {
    const start = at
    const code = text.charCodeAt(at)
    if (code === c.quote || code === c.apostrophe) {
      skipString()
      return unquote(text.slice(start, at))
    }
    while (at < end && !endsName(text.charCodeAt(at))) at += 1
    return text.slice(start, at)
  }

  /** A dotted key below `prefix`, which is `depth` deep; the first parts of its path, and how deep it is. */
  const readKey = (
    prefix: readonly string[],
    depth: number,
  ): readonly [path: readonly string[], depth: number] => {
    let path = prefix
    for (let deep = depth + 1; ; deep++) {
      skipBlanks()
      const start = at
      outline.checkDepth(deep, start)
      const name = readName()
      // Beyond four parts nobody asks, and long paths would cost.
      if (path.length < 4) path = [...path, name]
      outline.note(path, start)
      skipBlanks()
      if (text.charCodeAt(at) !== c.dot) return [path, deep]
      at += 1
    }
  }

  const readPair = (prefix: readonly string[], depth: number): void => {
    const [path, deep] = readKey(prefix, depth)
    if (text.charCodeAt(at) === c.equals) at += 1
    skipBlanks()
    readValue(path, deep)
  }

  const readItems = (close: number, depth: number, item: () => void): void => {
    outline.checkDepth(depth, at)
    at += 1
    for (;;) {
      skipSpaceAndComments()
      const code = text.charCodeAt(at)
      if (code === c.comma) {
        at += 1
        continue
      }
      if (at >= end || code === close) break
      const before = at
      outline.countParts(at, 1)
      item()
      if (at === before) at += 1
    }
    at += 1
  }

  const readValue = (path: readonly string[], depth: number): void => {
    const code = text.charCodeAt(at)
    if (code === c.quote || code === c.apostrophe) skipString()
    else if (code === c.openBracket) readItems(c.closeBracket, depth + 1, () => readValue(path, depth + 1))
    else if (code === c.openBrace) {
      outline.countTable(at)
      readItems(c.closeBrace, depth + 1, () => readPair(path, depth + 1))
    } else while (at < end && !endsScalar(text.charCodeAt(at))) at += 1
  }

  let table: readonly string[] = []
  let depth = 0
  while (at < end) {
    skipSpaceAndComments()
    const before = at
    if (text.charCodeAt(at) === c.openBracket) {
      while (text.charCodeAt(at) === c.openBracket) at += 1
      ;[table, depth] = readKey([], 0)
      while (text.charCodeAt(at) === c.closeBracket) at += 1
    } else if (at < end) {
      readPair(table, depth)
    }
    if (at === before) at += 1
  }
  return outline
}

function unquote(quoted: string): string {
  if (quoted.startsWith("'")) return quoted.slice(1, -1)
  try {
    return JSON.parse(quoted) as string
  } catch {
    // An escape that only TOML has: no key of ours is spelt with one.
    return quoted.slice(1, -1)
  }
}
