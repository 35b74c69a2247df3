import { types } from 'node:util'
import { ErrorSnapshot } from './event.ts'

/** What can be wrong with the arguments of `emit`; the part is dropped, cut or converted, and counted here. */
export const sanitizedKinds = [
  /** Measurements or metadata that are no object. */
  'not_an_object',
  /** A getter or a proxy that threw. */
  'unreadable',
  /** A function, a symbol, bytes, an invalid date; in measurements also any object. */
  'unusable',
  /** A BigInt, kept as decimal text. */
  'converted',
  'cycle',
  'unsafe_key',
  'cut_text',
  'cut_depth',
  'cut_keys',
  /** Elements beyond the size that nested values of one event may have together. */
  'cut_size',
] as const

export type SanitizedKind = (typeof sanitizedKinds)[number]
export type SanitizedCounts = Record<SanitizedKind, number>

/** Keys of measurements, and keys of metadata, per event. */
export const maxKeys = 128
const maxKeyLength = 1024
const maxDepth = 8
const maxNodes = 1024
export const nestedBytes = 32
/** A BigInt beyond this many bits takes long to write down. */
const maxBigInt = 1n << 512n

/** Stands for a value that is left out. */
const dropped = Symbol('dropped')

export interface Sanitizer {
  readonly counts: SanitizedCounts
  /**
   * Appends `key, value` pairs of what is usable to `fields`. Never throws. Returns how many bytes the values take
   * beside their places in `fields`, about: a byte per character of text, and a flat rate per nested value.
   */
  measurements(source: unknown, fields: unknown[]): number
  /** `room`: how many keys at most. Default {@link maxKeys}. */
  metadata(source: unknown, fields: unknown[], room?: number): number
}

/** The unusual values of one event: how much room is left, the text kept so far, and which objects are being walked. */
interface Walk {
  room: number
  text: number
  readonly ancestors: object[]
}

/** `maxValueLength`: UTF-16 units a string may have; `correlation_id` and `request_id` are compared whole, so never cut. */
export function createSanitizer(maxValueLength: () => number): Sanitizer {
  const counts = Object.fromEntries(sanitizedKinds.map((kind) => [kind, 0])) as SanitizedCounts

  const cut = (text: string, limit: number): string => {
    counts.cut_text++
    const end = isHighSurrogate(text.charCodeAt(limit - 1)) ? limit - 1 : limit
    // A slice would keep the whole text in memory.
    return Buffer.from(text.slice(0, Math.max(end, 0)), 'utf16le').toString('utf16le')
  }
  const bounded = (text: string, walk: Walk): string => {
    const limit = maxValueLength()
    const kept = text.length <= limit ? text : cut(text, limit)
    walk.text += kept.length
    return kept
  }
  const drop = (kind: SanitizedKind): typeof dropped => {
    counts[kind]++
    return dropped
  }

  /** Anything but the plain primitives, which the loops below keep to themselves. */
  const special = (value: unknown, walk: Walk): unknown => {
    switch (typeof value) {
      case 'string':
        return bounded(value, walk)
      case 'number':
      case 'boolean':
        return value
      case 'undefined':
        return dropped
      case 'bigint':
        if (value > maxBigInt || value < -maxBigInt) return drop('unusable')
        counts.converted++
        return bounded(String(value), walk)
      case 'object':
        return value === null ? null : object(value, walk)
      default:
        return drop('unusable')
    }
  }

  const object = (value: object, walk: Walk): unknown => {
    if (types.isDate(value)) return date(value)
    if (value instanceof Error || types.isNativeError(value)) return error(value as Error, walk)
    if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) return drop('unusable')
    if (walk.ancestors.includes(value)) return drop('cycle')
    if (walk.ancestors.length > maxDepth) return drop('cut_depth')
    walk.ancestors.push(value)
    try {
      return Array.isArray(value) ? array(value, walk) : record(value as Record<string, unknown>, walk)
    } finally {
      walk.ancestors.pop()
    }
  }

  const date = (value: Date): unknown => {
    const time = Date.prototype.getTime.call(value)
    return Number.isNaN(time) ? drop('unusable') : new Date(time).toISOString()
  }

  const error = (value: Error, walk: Walk): ErrorSnapshot => {
    const part = (read: () => unknown): string | undefined => {
      try {
        const text = read()
        return typeof text === 'string' ? bounded(text, walk) : undefined
      } catch {
        counts.unreadable++
        return undefined
      }
    }
    const name = part(() => value.name)
    // A subclass that never set its name is known by its constructor's.
    const type = name && name !== 'Error' ? name : part(() => value.constructor.name)
    return new ErrorSnapshot(
      type || 'Error',
      part(() => value.message) ?? '',
      part(() => value.stack),
    )
  }

  const array = (value: readonly unknown[], walk: Walk): unknown[] => {
    const kept: unknown[] = []
    for (let i = 0; i < value.length; i++) {
      if (walk.room-- <= 0) {
        counts.cut_size++
        break
      }
      let element: unknown
      try {
        element = special(value[i], walk)
      } catch {
        element = drop('unreadable')
      }
      // The others keep their places, as in JSON.
      kept.push(element === dropped ? null : element)
    }
    return kept
  }

  const record = (value: Record<string, unknown>, walk: Walk): Record<string, unknown> => {
    const kept: Record<string, unknown> = {}
    for (const key of Object.keys(value)) {
      if (!safe(key)) continue
      if (walk.room-- <= 0) {
        counts.cut_size++
        break
      }
      try {
        const member = special(value[key], walk)
        if (member !== dropped) kept[key] = member
      } catch {
        counts.unreadable++
      }
    }
    return kept
  }

  const safe = (key: string): boolean => {
    if (key === '__proto__' || key === 'constructor' || key === 'prototype') counts.unsafe_key++
    else if (key.length > maxKeyLength) counts.cut_keys++
    else return true
    return false
  }

  const measurement = (value: unknown, walk: Walk): unknown => {
    switch (typeof value) {
      case 'number':
      case 'boolean':
        return value
      case 'string':
        return bounded(value, walk)
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
      return special(value, walk)
    walk.text += value.length
    return value
  }

  const newWalk = (source: object): Walk => ({ room: maxNodes, text: 0, ancestors: [source] })

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
      if (!safe(key)) continue
      try {
        const value = (source as Record<string, unknown>)[key]
        const kept = nested ? metadatum(value, key, walk) : measurement(value, walk)
        if (kept !== dropped) fields.push(key, kept)
      } catch {
        counts.unreadable++
      }
    }
  }

  /**
   * Runs per event. for-in reads plain objects faster than Object.keys does, and of those V8 knows without looking that
   * a key it has just given is own.
   */
  const flatten = (source: unknown, fields: unknown[], nested: boolean, room: number): number => {
    if (source === undefined) return 0
    if (typeof source !== 'object' || source === null || ArrayBuffer.isView(source)) {
      counts.not_an_object++
      return 0
    }
    const record = source as Record<string, unknown>
    const start = fields.length
    const limit = start + 2 * room
    const maxLength = maxValueLength()
    let walk: Walk | undefined
    let text = 0
    let seen = 0
    let reading = false
    try {
      for (const key in record) {
        reading = false
        if (!hasOwn.call(record, key)) continue
        seen++
        reading = true
        if (
          key === '__proto__' ||
          key === 'constructor' ||
          key === 'prototype' ||
          key.length > maxKeyLength
        ) {
          safe(key)
          continue
        }
        if (fields.length >= limit) {
          counts.cut_keys++
          continue
        }
        const value = record[key]
        if (typeof value === 'number' || typeof value === 'boolean') fields.push(key, value)
        else if (typeof value === 'string' && value.length <= maxLength) {
          text += value.length
          fields.push(key, value)
        } else {
          walk ??= newWalk(record)
          const kept = nested ? metadatum(value, key, walk) : measurement(value, walk)
          if (kept !== dropped) fields.push(key, kept)
        }
      }
    } catch {
      if (reading) counts.unreadable++
      walk ??= newWalk(record)
      carefully(record, seen, nested, fields, start, limit, walk)
    }
    return walk === undefined ? text : text + walk.text + (maxNodes - walk.room) * nestedBytes
  }

  return {
    counts,
    measurements: (source, fields) => flatten(source, fields, false, maxKeys),
    metadata: (source, fields, room = maxKeys) => flatten(source, fields, true, room),
  }
}

const isHighSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff
