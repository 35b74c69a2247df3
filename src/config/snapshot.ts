/** Something that cannot be a configuration value. `what` says so in words. */
export class Unusable {
  readonly what: string
  constructor(what: string) {
    this.what = what
  }
}

const maxDepth = 8

/** Values in a change or a document, in all. Reading more would block the process. */
const maxNodes = 10_000

/** Thrown inside a snapshot, to leave it. */
const tooLarge = new Unusable('too large')

/**
 * Returns a frozen copy of plain data: own enumerable string keys, accessors replaced by their values.
 * Never throws: in the place of anything else stands an {@link Unusable}, and instead of a value with too many parts.
 */
export function snapshot(value: unknown, limit = maxNodes): unknown {
  let nodes = 0

  /** A part that throws spoils only itself, so that the problem names its key. */
  const attempt = (what: string, read: () => unknown): unknown => {
    try {
      return read()
    } catch (error) {
      if (error === tooLarge) throw error
      return new Unusable(what)
    }
  }

  const copy = (raw: unknown, depth: number): unknown => {
    nodes += 1
    if (nodes > limit) throw tooLarge
    if (raw === null || typeof raw === 'string' || typeof raw === 'number' || typeof raw === 'boolean')
      return raw
    if (raw === undefined) return undefined
    if (typeof raw !== 'object')
      return new Unusable(typeof raw === 'bigint' ? 'a number that is too large' : `a ${typeof raw}`)
    if (raw instanceof Unusable) return raw
    if (depth > maxDepth) return new Unusable('nested too deeply')
    return attempt('an object that cannot be read', () => copyParts(raw, depth + 1))
  }

  const copyParts = (raw: object, depth: number): unknown => {
    if (Array.isArray(raw)) {
      // An array may be long and yet hold nothing.
      if (nodes + raw.length > limit) throw tooLarge
      return Array.from(raw, (element) => copy(element, depth))
    }
    if (raw instanceof Date) return new Unusable('a date')
    const prototype = Object.getPrototypeOf(raw)
    // Objects of another realm have a foreign Object.prototype, whose own prototype is null.
    if (prototype !== null && Object.getPrototypeOf(prototype) !== null)
      return new Unusable('an object that is not a plain table')
    const record: Record<string, unknown> = Object.create(null)
    for (const key of Object.keys(raw))
      record[key] = attempt('a getter that throws', () => copy((raw as Record<string, unknown>)[key], depth))
    return record
  }

  try {
    return copy(value, 0)
  } catch {
    return tooLarge
  }
}
