/** Something that cannot be a configuration value. `what` says so in words. */
export class Unusable {
  readonly what: string
  constructor(what: string) {
    this.what = what
  }
}

const deepest = 8
const mostNodes = 10_000

/**
 * A copy that nobody else can change, of plain data only: own enumerable string keys, no accessors left to run.
 * Never throws: what is no plain data becomes {@link Unusable} in its place.
 */
export function snapshot(value: unknown): unknown {
  let nodes = 0

  /** A part that throws spoils only itself, so that the problem names its key. */
  const copy = (raw: unknown, depth: number): unknown => {
    try {
      return copyPlain(raw, depth)
    } catch {
      return new Unusable('an object that cannot be read')
    }
  }

  const copyPlain = (raw: unknown, depth: number): unknown => {
    nodes += 1
    if (raw === null || typeof raw === 'string' || typeof raw === 'number' || typeof raw === 'boolean')
      return raw
    if (raw === undefined) return undefined
    if (typeof raw !== 'object')
      return new Unusable(typeof raw === 'bigint' ? 'a number that is too large' : `a ${typeof raw}`)
    if (raw instanceof Unusable) return raw
    if (depth > deepest) return new Unusable('nested too deeply')
    if (nodes > mostNodes) return new Unusable('too large')
    if (Array.isArray(raw)) {
      if (raw.length > mostNodes) return new Unusable('too large')
      return Array.from(raw, (element) => copy(element, depth + 1))
    }
    if (raw instanceof Date) return new Unusable('a date')
    const prototype = Object.getPrototypeOf(raw)
    // Objects of another realm have a foreign Object.prototype, whose own prototype is null.
    if (prototype !== null && Object.getPrototypeOf(prototype) !== null)
      return new Unusable('an object that is no plain table')
    const record: Record<string, unknown> = Object.create(null)
    for (const key of Object.keys(raw)) record[key] = member(raw, key, depth + 1)
    return record
  }

  const member = (raw: object, key: string, depth: number): unknown => {
    try {
      return copy((raw as Record<string, unknown>)[key], depth)
    } catch {
      return new Unusable('a getter that throws')
    }
  }

  return copy(value, 0)
}
