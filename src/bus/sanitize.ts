import {
  createValueSanitizer,
  dropped,
  fieldBytes,
  isUnsafeKey,
  newWalk,
  type SanitizedCounts,
  sanitizedKinds,
  textBytes,
  type Walk,
} from './sanitize-value.ts'

export type { SanitizedKind } from './sanitize-value.ts'
export { type SanitizedCounts, sanitizedKinds, textBytes }

/** Keys of measurements, and keys of metadata, per event. */
export const maxKeys = 128

export interface Sanitizer {
  readonly counts: SanitizedCounts
  /**
   * Writes `key, value` pairs of what is usable into `fields`, from `start` on, over what is there. Returns about how many
   * bytes they take. Never throws.
   */
  measurements(source: unknown, fields: unknown[], start: number): number
  /** `room`: how many keys at most. Default {@link maxKeys}. */
  metadata(source: unknown, fields: unknown[], start: number, room?: number): number
  /** Where the pairs end that were written last. */
  end: number
}

/** `maxValueLength`: UTF-16 units a string may have; `correlation_id` and `request_id` are compared whole, so never cut. */
export function createSanitizer(maxValueLength: () => number): Sanitizer {
  const counts = Object.fromEntries(sanitizedKinds.map((kind) => [kind, 0])) as SanitizedCounts
  const { any, text, isSafe, drop } = createValueSanitizer(counts, maxValueLength)

  const measurement = (value: unknown, walk: Walk): unknown => {
    switch (typeof value) {
      case 'number':
      case 'boolean':
        return value
      case 'string':
        return text(value, walk)
      case 'undefined':
        return dropped
      default:
        return value === null ? null : drop('unusable')
    }
  }

  // In here it stays a constant in a bundle too, and V8 can see which function is called.
  const { hasOwnProperty: hasOwn } = Object.prototype

  const metadatum = (value: unknown, key: string, walk: Walk): unknown => {
    if (typeof value !== 'string' || (key !== 'correlation_id' && key !== 'request_id'))
      return any(value, walk)
    walk.bytes += textBytes(value)
    return value
  }

  /** An object that threw, of whose keys `seen` were looked at: the others, one by one. */
  const carefully = (
    source: object,
    seen: number,
    nested: boolean,
    fields: unknown[],
    start: number,
    limit: number,
    walk: Walk,
  ): void => {
    let keys: string[]
    try {
      keys = Object.keys(source)
    } catch {
      counts.unreadable++
      return
    }
    // A getter may have moved a key that was read behind the one that threw.
    const taken = new Set(fields.slice(start).filter((_, i) => i % 2 === 0))
    for (let i = seen; i < keys.length; i++) {
      const key = keys[i]!
      if (taken.has(key)) continue
      if (fields.length >= limit) {
        counts.cut_keys += keys.length - i
        return
      }
      if (!isSafe(key)) continue
      try {
        const value = (source as Record<string, unknown>)[key]
        const kept = nested ? metadatum(value, key, walk) : measurement(value, walk)
        if (kept === dropped) continue
        fields.push(key, kept)
        walk.bytes += fieldBytes + key.length
      } catch {
        counts.unreadable++
      }
    }
  }

  /**
   * Runs per event. for-in reads plain objects faster than Object.keys does, and of those V8 knows without looking that
   * a key it has just given is own.
   */
  const flatten = (
    source: unknown,
    fields: unknown[],
    start: number,
    nested: boolean,
    room: number,
  ): number => {
    sanitizer.end = start
    if (source === undefined) return 0
    if (typeof source !== 'object' || source === null || ArrayBuffer.isView(source)) {
      counts.not_an_object++
      return 0
    }
    let bytes = 0
    const record = source as Record<string, unknown>
    const limit = start + 2 * room
    let at = start
    const maxLength = maxValueLength()
    let walk: Walk | undefined
    let seen = 0
    let reading = false
    try {
      for (const key in record) {
        reading = false
        if (!hasOwn.call(record, key)) continue
        seen++
        reading = true
        if (isUnsafeKey(key)) {
          isSafe(key)
          continue
        }
        if (at >= limit) {
          counts.cut_keys++
          continue
        }
        const value = record[key]
        if (typeof value === 'string' && value.length <= maxLength) {
          fields[at++] = key
          fields[at++] = value
          bytes += fieldBytes + key.length + textBytes(value)
        } else if (typeof value === 'number' || typeof value === 'boolean') {
          fields[at++] = key
          fields[at++] = value
          bytes += fieldBytes + key.length
        } else {
          walk ??= newWalk(record)
          const kept = nested ? metadatum(value, key, walk) : measurement(value, walk)
          if (kept === dropped) continue
          fields[at++] = key
          fields[at++] = kept
          bytes += fieldBytes + key.length
        }
      }
    } catch {
      if (reading) counts.unreadable++
      walk ??= newWalk(record)
      fields.length = at
      carefully(record, seen, nested, fields, start, limit, walk)
      at = fields.length
    }
    sanitizer.end = at
    return walk === undefined ? bytes : bytes + walk.bytes
  }

  const sanitizer: Sanitizer = {
    counts,
    measurements: (source, fields, start) => flatten(source, fields, start, false, maxKeys),
    metadata: (source, fields, start, room = maxKeys) => flatten(source, fields, start, true, room),
    end: 0,
  }
  return sanitizer
}
