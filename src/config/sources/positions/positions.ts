import { type Parts, type Position, partKey } from '../../layers.ts'

/** Where the keys of a document stand, by their path. */
export interface Positions {
  /** Returns the position of the key, or of the innermost enclosing table that the file contains. */
  locate(keys: readonly string[]): Position | undefined
  /** Where the parts of a key's value stand, if the value is a list of tables. */
  partsOf(keys: readonly string[]): Parts | undefined
}

/** A document that is refused before it is parsed. Says nothing of its content, which may be secret. */
export class OutlineError extends Error {
  readonly position: Position
  constructor(message: string, text: string, offset: number) {
    super(message)
    this.position = createLines(text)(offset)
  }
}

/** Finds the position of an offset. */
function createLines(text: string): (offset: number) => Position {
  let count = 1
  for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', end + 1)) count += 1
  const starts = new Uint32Array(count)
  for (let i = 1; i < count; i++) starts[i] = text.indexOf('\n', starts[i - 1]) + 1
  return (offset) => {
    let [low, high] = [0, count - 1]
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (starts[middle]! <= offset) low = middle
      else high = middle - 1
    }
    return { line: low + 1, column: offset - starts[low]! + 1 }
  }
}

/** A text and a place in it. */
export interface Scanner {
  at: number
  /** Returns what a sticky pattern matches at the place, and goes behind it; undefined where it does not match. */
  take(pattern: RegExp): string | undefined
}

export function scannerOf(text: string): Scanner {
  const scanner: Scanner = {
    at: 0,
    take: (pattern) => {
      pattern.lastIndex = scanner.at
      const found = pattern.exec(text)?.[0]
      if (found !== undefined) scanner.at += found.length
      return found
    },
  }
  return scanner
}

/** Tables within tables, parts of a dotted key and lists within lists, together. */
const maxDepth = 32

/**
 * Names of keys and tables, and a tenth of the elements of lists and of the escapes in strings. A parser needs about a
 * tenth of a second for so many, and seconds for what else fits into a file.
 */
const maxNames = 20_000
const partsPerName = 10

const outer = 'telemetry'
/** `telemetry.<exporter>.<key>` has so many parts; the index and the key of a table in a list follow. */
const keyDepth = 3
const maxPath = 5

/** A document's names while it is read: remembers where those stand that we may have to point at, and counts all. */
export interface Outline extends Positions {
  /** Adds a name to a path and returns the result; at most five parts, because keys are not deeper. */
  note(path: readonly string[], name: string, offset: number): readonly string[]
  /**
   * Adds an element to the path of a list and returns the result; the path of the list where elements have no
   * positions.
   */
  element(path: readonly string[], index: number, offset: number): readonly string[]
  /** Counts a table without a name. */
  countTable(offset: number): void
  /** Counts elements of lists. */
  countParts(offset: number, parts: number): void
  countEscapes(offset: number, string: string): void
  /** @throws OutlineError */
  checkDepth(depth: number, offset: number): void
}

export function createOutline(text: string): Outline {
  /** By name: at the top, below `telemetry`, and in an exporter's table there. Deeper ones are no keys of ours. */
  const offsets = new Map<string, number>()
  /** By the path of a list of tables that is a key of ours: where the tables and their keys stand. */
  const parts = new Map<string, Map<string, number>>()
  let names = 0
  let lines: ReturnType<typeof createLines> | undefined

  const pathKey = (keys: readonly string[]): string => keys.join('\0')

  const count = (offset: number, more: number): void => {
    names += more
    if (names <= maxNames) return
    const why = `it is too large: more than ${maxNames} keys and tables, or ${partsPerName} times as many list elements and escapes`
    throw new OutlineError(why, text, offset)
  }

  const notePart = (keys: readonly string[], offset: number): void => {
    const key = pathKey(keys.slice(0, keyDepth))
    const ofKey = parts.get(key) ?? new Map<string, number>()
    const part = partKey(keys.slice(keyDepth))
    if (!ofKey.has(part)) parts.set(key, ofKey.set(part, offset))
  }

  const at = (offset: number): Position => {
    lines ??= createLines(text)
    return lines(offset)
  }

  return {
    note: (path, name, offset) => {
      count(offset, 1)
      const keys = path.length < maxPath ? [...path, name] : path
      const isAskedFor = keys.length === 1 || (keys.length <= keyDepth && keys[0] === outer)
      if (isAskedFor && !offsets.has(pathKey(keys))) offsets.set(pathKey(keys), offset)
      if (path.length === keyDepth + 1 && parts.has(pathKey(path.slice(0, keyDepth)))) notePart(keys, offset)
      return keys
    },
    element: (path, index, offset) => {
      if (path.length !== keyDepth || path[0] !== outer) return path
      const keys = [...path, String(index)]
      notePart(keys, offset)
      return keys
    },
    countTable: (offset) => count(offset, 1),
    countParts: (offset, parts) => count(offset, parts / partsPerName),
    countEscapes: (offset, string) => {
      if (string.includes('\\')) count(offset, (string.split('\\').length - 1) / partsPerName)
    },
    checkDepth: (depth, offset) => {
      if (depth > maxDepth)
        throw new OutlineError(`it is nested deeper than ${maxDepth} levels`, text, offset)
    },
    locate: (keys) => {
      for (let length = keys.length; length > 0; length--) {
        const offset = offsets.get(pathKey(keys.slice(0, length)))
        if (offset !== undefined) return at(offset)
      }
      return undefined
    },
    partsOf: (keys) => {
      const ofKey = parts.get(pathKey(keys))
      return ofKey && new Map([...ofKey].map(([part, offset]) => [part, at(offset)]))
    },
  }
}
