import { usageError } from './command.ts'

/** A value as JSON if it is JSON, else as the text it is. */
export function readValue(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** Reads `key=value` arguments. `usage` begins the sentence about one that is not. @throws CommandError. */
export function readAssignments(words: readonly string[], usage: string): Record<string, unknown> {
  const changes = new Map<string, unknown>()
  for (const word of words) {
    const [, path, text] = /^([\w.-]+)=([\s\S]*)$/.exec(word) ?? []
    if (path === undefined || text === undefined) throw usageError(`${usage} (got ${JSON.stringify(word)})`)
    if (changes.has(path)) throw usageError(`${path} is given twice`)
    changes.set(path, readValue(text))
  }
  return Object.fromEntries(changes)
}
