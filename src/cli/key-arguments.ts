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

/** The keys at a path and below it, all without one; `one` is the key that has this very path. */
export function keysNamed<Key extends { readonly path: string }>(
  keys: readonly Key[],
  path: string | undefined,
): { readonly named: readonly Key[]; readonly one: Key | undefined } {
  if (path === undefined) return { named: keys, one: undefined }
  const full = /^telemetry(\.|$)/.test(path) ? path : `telemetry.${path}`
  const named = keys.filter((key) => key.path === full || key.path.startsWith(`${full}.`))
  return { named, one: named.length === 1 && named[0]!.path === full ? named[0] : undefined }
}
