import { createOutline, type Positions, scannerOf } from './positions.ts'

const blanks = /[ \t]*/y
const space = /[ \t\r\n]*/y
const comment = /#[^\n]*/y
/** A part of a key that stands without quotes. */
const bareName = /[^ \t\r\n.=,\]}#]*/y
/** A number, a boolean or a date. */
const bareScalar = /[^,\]}\n#]*/y

/** Delimiters of strings, with a pattern for their contents. */
const strings: readonly (readonly [fence: string, body: RegExp])[] = [
  ['"""', /[^"\\]*(?:(?:\\[\s\S]|"(?!""))[^"\\]*)*/y],
  ["'''", /[^']*(?:'(?!'')[^']*)*/y],
  ['"', /[^"\\]*(?:\\[\s\S][^"\\]*)*/y],
  ["'", /[^']*/y],
]

/**
 * Finds where the keys of a TOML document stand, since the parser keeps no positions, and refuses what the parser
 * would take long for. This reads valid TOML; of anything else it only promises to end.
 * @throws OutlineError
 */
export function tomlPositions(text: string): Positions {
  const outline = createOutline(text)
  const scanner = scannerOf(text)
  const here = (): string | undefined => text[scanner.at]

  const skipSpaceAndComments = (): void => {
    do scanner.take(space)
    while (scanner.take(comment))
  }

  /** Skips a string; false if none begins here. */
  const skipString = (): boolean => {
    const start = scanner.at
    const found = strings.find(([fence]) => text.startsWith(fence, start))
    if (!found) return false
    const [fence, body] = found
    scanner.at += fence.length
    const content = scanner.take(body) ?? ''
    if (fence.startsWith('"')) outline.countEscapes(start, content)
    scanner.at += fence.length
    // Up to two quotes may stand right before the fence, and belong to the string.
    while (fence.length === 3 && here() === fence[0]) scanner.at += 1
    return true
  }

  const readName = (): string => {
    const start = scanner.at
    return skipString() ? unquote(text.slice(start, scanner.at)) : (scanner.take(bareName) ?? '')
  }

  /** A dotted key below `prefix`, which is `depth` deep; the first parts of its path, and how deep it is. */
  const readKey = (
    prefix: readonly string[],
    depth: number,
  ): readonly [path: readonly string[], depth: number] => {
    let path = prefix
    for (let deep = depth + 1; ; deep++) {
      scanner.take(blanks)
      const start = scanner.at
      outline.checkDepth(deep, start)
      path = outline.note(path, readName(), start)
      scanner.take(blanks)
      if (here() !== '.') return [path, deep]
      scanner.at += 1
    }
  }

  const readPair = (prefix: readonly string[], depth: number): void => {
    const [path, deep] = readKey(prefix, depth)
    if (here() === '=') scanner.at += 1
    scanner.take(blanks)
    readValue(path, deep)
  }

  const readItems = (close: string, depth: number, item: (index: number) => void): void => {
    outline.checkDepth(depth, scanner.at)
    scanner.at += 1
    for (let index = 0; ; ) {
      skipSpaceAndComments()
      if (here() === ',') {
        scanner.at += 1
        continue
      }
      if (scanner.at >= text.length || here() === close) break
      const before = scanner.at
      outline.countParts(before, 1)
      item(index++)
      if (scanner.at === before) scanner.at += 1
    }
    scanner.at += 1
  }

  const readElement = (path: readonly string[], index: number, depth: number): void =>
    readValue(here() === '{' ? outline.element(path, index, scanner.at) : path, depth)

  const readValue = (path: readonly string[], depth: number): void => {
    if (skipString()) return
    if (here() === '[') readItems(']', depth + 1, (index) => readElement(path, index, depth + 1))
    else if (here() === '{') {
      outline.countTable(scanner.at)
      readItems('}', depth + 1, () => readPair(path, depth + 1))
    } else scanner.take(bareScalar)
  }

  /** How many tables of a list have been read, by its path. */
  const indexes = new Map<string, number>()
  const nextIndex = (path: readonly string[]): number => {
    const key = path.join('\0')
    const index = indexes.get(key) ?? 0
    indexes.set(key, index + 1)
    return index
  }

  let table: readonly string[] = []
  let depth = 0
  while (scanner.at < text.length) {
    skipSpaceAndComments()
    const before = scanner.at
    if (here() === '[') {
      while (here() === '[') scanner.at += 1
      ;[table, depth] = readKey([], 0)
      if (text[before + 1] === '[') table = outline.element(table, nextIndex(table), before)
      while (here() === ']') scanner.at += 1
    } else if (before < text.length) {
      readPair(table, depth)
    }
    if (scanner.at === before) scanner.at += 1
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
