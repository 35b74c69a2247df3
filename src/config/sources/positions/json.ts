import { createOutline, OutlineError, type Positions, scannerOf } from './positions.ts'

const space = /[ \t\r\n]*/y
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON has none in its strings.
const string = /"[^"\\\x00-\x1f]*(?:\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4})[^"\\\x00-\x1f]*)*"/y
const otherScalar = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y

/**
 * Checks a JSON text, finds where its keys stand, and refuses what would take long. JSON.parse quotes the text in its
 * errors, which may be secret, and does not always say where they are.
 * @throws OutlineError Also for a key that is given twice.
 */
export function jsonPositions(text: string): Positions {
  const outline = createOutline(text)
  const scanner = scannerOf(text)

  const fail = (why: string, offset = scanner.at): never => {
    throw new OutlineError(why, text, offset)
  }

  const expect = (character: string): void => {
    if (text[scanner.at] !== character) fail(`${character} expected`)
    scanner.at += 1
  }

  const readString = (): string => {
    const start = scanner.at
    if (text[start] !== '"') fail('a string expected')
    const found = scanner.take(string) ?? fail('the string is malformed')
    outline.countEscapes(start, found)
    return found
  }

  /** Reads what is between commas, up to and with the bracket that closes it. */
  const readItems = (close: string, depth: number, item: (index: number) => void): void => {
    outline.checkDepth(depth, scanner.at)
    scanner.at += 1
    scanner.take(space)
    if (text[scanner.at] !== close) {
      for (let index = 0; ; index++) {
        outline.countParts(scanner.at, 1)
        item(index)
        if (text[scanner.at] !== ',') break
        scanner.at += 1
      }
    }
    expect(close)
  }

  const readMember = (path: readonly string[], names: Set<string>, depth: number): void => {
    scanner.take(space)
    const start = scanner.at
    const name = JSON.parse(readString()) as string
    if (names.has(name)) fail('a key is given twice', start)
    names.add(name)
    const inner = outline.note(path, name, start)
    scanner.take(space)
    expect(':')
    readValue(inner, depth)
  }

  const readElement = (path: readonly string[], index: number, depth: number): void => {
    scanner.take(space)
    readValue(text[scanner.at] === '{' ? outline.element(path, index, scanner.at) : path, depth)
  }

  const readValue = (path: readonly string[], depth: number): void => {
    scanner.take(space)
    const first = text[scanner.at]
    if (first === '[') readItems(']', depth + 1, (index) => readElement(path, index, depth + 1))
    else if (first === '{') {
      outline.countTable(scanner.at)
      const names = new Set<string>()
      readItems('}', depth + 1, () => readMember(path, names, depth + 1))
    } else if (first === '"') readString()
    else if (!scanner.take(otherScalar)) fail('a value expected')
    scanner.take(space)
  }

  readValue([], 0)
  if (scanner.at < text.length) fail('nothing more expected')
  return outline
}
