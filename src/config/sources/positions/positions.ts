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

export function positionAt(text: string, offset: number): Position {
  const before = text.slice(0, offset)
  return { line: before.split('\n').length, column: offset - (before.lastIndexOf('\n') + 1) + 1 }
}

/** Positions out of offsets under paths joined by NUL, which no document can hold in a key. */
export function positionsOf(text: string, offsets: ReadonlyMap<string, number>): Positions {
  const lines = [0]
  for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', end + 1)) lines.push(end + 1)

  const position = (offset: number): Position => {
    let [low, high] = [0, lines.length - 1]
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (lines[middle]! <= offset) low = middle
      else high = middle - 1
    }
    return { line: low + 1, column: offset - lines[low]! + 1 }
  }

  return {
    locate: (keys) => {
      for (let length = keys.length; length > 0; length--) {
        const offset = offsets.get(pathKey(keys.slice(0, length)))
        if (offset !== undefined) return position(offset)
      }
      return undefined
    },
  }
}

export const pathKey = (keys: readonly string[]): string => keys.join('\0')
