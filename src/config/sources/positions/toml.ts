import { type Positions, pathKey, positionsOf } from './positions.ts'

/**
 * Finds where each key of a TOML document stands; the parser keeps no positions. The document must have been
 * parsed: this reads valid TOML, and of anything else only promises to end.
 */
export function tomlPositions(text: string): Positions {
  const offsets = new Map<string, number>()
  let at = 0

  const record = (keys: readonly string[], offset: number): void => {
    const key = pathKey(keys)
    if (!offsets.has(key)) offsets.set(key, offset)
  }

  const skip = (pattern: RegExp): string => {
    pattern.lastIndex = at
    const found = pattern.exec(text)?.[0] ?? ''
    at += found.length
    return found
  }

  const skipString = (): void => {
    const quote = text[at]!
    const fence = quote.repeat(3)
    if (text.startsWith(fence, at)) {
      at += 3
      while (at < text.length && !text.startsWith(fence, at)) at += quote === '"' && text[at] === '\\' ? 2 : 1
      at += 3
      // Up to two quotes may stand right before the fence, and belong to the string.
      while (text[at] === quote) at += 1
      return
    }
    at += 1
    while (at < text.length && text[at] !== quote) at += quote === '"' && text[at] === '\\' ? 2 : 1
    at += 1
  }

  /** A dotted key; its parts, each with the offset it begins at. */
  const readKey = (): { name: string; offset: number }[] => {
    const parts: { name: string; offset: number }[] = []
    for (;;) {
      skip(/[ \t]*/y)
      const offset = at
      if (text[at] === '"' || text[at] === "'") {
        skipString()
        parts.push({ name: unquote(text.slice(offset, at)), offset })
      } else {
        parts.push({ name: skip(/[A-Za-z0-9_-]*/y), offset })
      }
      skip(/[ \t]*/y)
      if (text[at] !== '.') return parts
      at += 1
    }
  }

  const recordKey = (
    prefix: readonly string[],
    parts: readonly { name: string; offset: number }[],
  ): string[] => {
    const keys = [...prefix]
    for (const { name, offset } of parts) {
      keys.push(name)
      record(keys, offset)
    }
    return keys
  }

  const readPair = (prefix: readonly string[]): void => {
    const keys = recordKey(prefix, readKey())
    skip(/[ \t]*=[ \t]*/y)
    readValue(keys)
  }

  const readItems = (close: string, item: () => void): void => {
    at += 1
    for (;;) {
      skip(/(?:[\s,]|#[^\n]*)*/y)
      if (at >= text.length || text[at] === close) break
      const before = at
      item()
      if (at === before) at += 1
    }
    at += 1
  }

  const readValue = (keys: readonly string[]): void => {
    const first = text[at]
    if (first === '"' || first === "'") skipString()
    else if (first === '[') readItems(']', () => readValue(keys))
    else if (first === '{') readItems('}', () => readPair(keys))
    else skip(/[^,\]}\n#]*/y)
  }

  let table: string[] = []
  while (at < text.length) {
    const before = at
    skip(/(?:\s|#[^\n]*)*/y)
    if (text[at] === '[') {
      skip(/\[{1,2}/y)
      table = recordKey([], readKey())
      skip(/\]{1,2}/y)
    } else if (at < text.length) {
      readPair(table)
    }
    if (at === before) at += 1
  }
  return positionsOf(text, offsets)
}

function unquote(quoted: string): string {
  if (quoted.startsWith("'")) return quoted.slice(1, -1)
  try {
    return JSON.parse(quoted) as string
  } catch {
    // An escape that only TOML knows: no key of ours is spelt with one.
    return quoted.slice(1, -1)
  }
}
