/** Lines and columns from 1, columns in UTF-16 units, as editors count. */
export interface Position {
  readonly line: number
  readonly column: number
}

/** Where the keys of a document stand, by their path. */
export interface Positions {
  /** Of the key, else of the innermost table around it that is written down. */
  locate(keys: readonly string[]): Position | undefined
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

/** Tables within tables, parts of a dotted key and lists within lists, together. */
const maxDepth = 32

/**
 * Names of keys and tables, and a tenth of the elements of lists and of the escapes in strings. A parser needs about a
 * tenth of a second for so many, and seconds for what else fits into a file.
 */
const maxNames = 20_000
const partsPerName = 10

const outer = 'telemetry'

/** A document's names while it is read: remembers where those stand that we may have to point at, and counts all. */
export interface Outline extends Positions {
  /** Notes the name at the end of a path. */
  note(keys: readonly string[], offset: number): void
  /** Counts a table without a name. */
  countTable(offset: number): void
  /** Counts elements of lists, or escapes in strings. */
  countParts(offset: number, parts: number): void
  /** @throws OutlineError */
  checkDepth(depth: number, offset: number): void
}

export function createOutline(text: string): Outline {
  /** By name: at the top, below `telemetry`, and in an exporter's table there. Deeper ones are no keys of ours. */
  const offsets = new Map<string, number>()
  let names = 0
  let lines: ReturnType<typeof createLines> | undefined

  const pathKey = (keys: readonly string[]): string => keys.join('\0')

  const count = (offset: number, more: number): void => {
    names += more
    if (names <= maxNames) return
    const why = `it is too large: more than ${maxNames} keys and tables, or ${partsPerName} times as many list elements and escapes`
    throw new OutlineError(why, text, offset)
  }

  return {
    note: (keys, offset) => {
      count(offset, 1)
      if (keys.length > 3 || (keys.length > 1 && keys[0] !== outer)) return
      const key = pathKey(keys)
      if (!offsets.has(key)) offsets.set(key, offset)
    },
    countTable: (offset) => count(offset, 1),
    countParts: (offset, parts) => count(offset, parts / partsPerName),
    checkDepth: (depth, offset) => {
      if (depth > maxDepth)
        throw new OutlineError(`it is nested deeper than ${maxDepth} levels`, text, offset)
    },
    locate: (keys) => {
      for (let length = keys.length; length > 0; length--) {
        const offset = offsets.get(pathKey(keys.slice(0, length)))
        if (offset === undefined) continue
        lines ??= createLines(text)
        return lines(offset)
      }
      return undefined
    },
  }
}
