import { type Position, type Positions, pathKey, positionAt, positionsOf } from './positions.ts'

/** What is wrong with a JSON text. Says nothing of its content, which may be secret (JSON.parse quotes it). */
export class JsonError extends Error {
  readonly position: Position
  constructor(message: string, position: Position) {
    super(message)
    this.position = position
  }
}

const deepest = 100

/** Checks a JSON text and finds where its keys stand; throws a {@link JsonError}. A key given twice is an error too. */
export function jsonPositions(text: string): Positions {
  const offsets = new Map<string, number>()
  let at = 0

  const fail = (why: string, offset = at): never => {
    throw new JsonError(why, positionAt(text, offset))
  }

  const skip = (pattern: RegExp): string => {
    pattern.lastIndex = at
    const found = pattern.exec(text)?.[0] ?? ''
    at += found.length
    return found
  }

  const space = (): void => void skip(/[ \t\r\n]*/y)

  const expect = (char: string): void => {
    if (text[at] !== char) fail(`${char} expected`)
    at += 1
  }

  const readString = (): string => {
    const offset = at
    // biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids them in strings.
    const found = skip(/"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}))*"/y)
    if (found === '') fail('a string expected, or it is malformed', offset)
    return JSON.parse(found) as string
  }

  const readMembers = (keys: readonly string[], depth: number): void => {
    const names = new Set<string>()
    do {
      space()
      const offset = at
      const name = readString()
      if (names.has(name)) fail('a key is given twice', offset)
      names.add(name)
      const path = [...keys, name]
      if (!offsets.has(pathKey(path))) offsets.set(pathKey(path), offset)
      space()
      expect(':')
      readValue(path, depth)
    } while (skip(/,/y))
  }

  const readElements = (keys: readonly string[], depth: number): void => {
    do readValue(keys, depth)
    while (skip(/,/y))
  }

  const readValue = (keys: readonly string[], depth: number): void => {
    if (depth > deepest) fail('nested too deeply')
    space()
    const first = text[at]
    if (first === '"') readString()
    else if (first === '{' || first === '[') {
      at += 1
      space()
      const close = first === '{' ? '}' : ']'
      if (text[at] !== close) {
        if (first === '{') readMembers(keys, depth + 1)
        else readElements(keys, depth + 1)
      }
      expect(close)
    } else if (skip(/(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.+-])/y) === '') {
      fail('a value expected')
    }
    space()
  }

  readValue([], 0)
  if (at < text.length) fail('nothing more expected')
  return positionsOf(text, offsets)
}
