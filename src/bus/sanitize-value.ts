import { types } from 'node:util'
import { ErrorSnapshot } from './event.ts'

/** Kinds of invalid arguments of `emit`. The part is dropped, cut or converted, and counted under its kind. */
export const sanitizedKinds = [
  /** Measurements or metadata that are not an object. */
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

/** A kind of repair that is made to measurements and metadata before they are recorded. */
export type SanitizedKind = (typeof sanitizedKinds)[number]
/** How many parts of events were dropped, cut or converted, by kind. */
export type SanitizedCounts = Record<SanitizedKind, number>

const maxKeyLength = 1024
const maxDepth = 8
const maxNodes = 1024
/** A BigInt beyond this many bits takes long to write down. */
const maxBigInt = 1n << 512n

/** Stands for a value that is left out. */
export const dropped = Symbol('dropped')

/** Bytes of a key and a value in the array of fields; also of a number. */
export const fieldBytes = 32
/** Bytes of an object, or of a string beside its characters. */
const headBytes = 32
const sampledText = 64

/** About how many bytes V8 takes for a text: one for each character of Latin-1, else two. A long one is sampled. */
export function textBytes(text: string): number {
  const { length } = text
  if (length < sampledText) return headBytes + length
  const wide =
    text.charCodeAt(0) > 0xff || text.charCodeAt(length >> 1) > 0xff || text.charCodeAt(length - 1) > 0xff
  return headBytes + (wide ? length * 2 : length)
}

/** The nested values of one event: how much room is left, which objects are being walked, and about their bytes. */
export interface Walk {
  room: number
  bytes: number
  readonly ancestors: object[]
}

export const newWalk = (source: object): Walk => ({ room: maxNodes, bytes: 0, ancestors: [source] })

export interface ValueSanitizer {
  /** Returns the sanitized value, or {@link dropped}. May throw what a getter or a proxy throws. */
  any(value: unknown, walk: Walk): unknown
  text(value: string, walk: Walk): string
  /** Counts a key that is not safe. */
  isSafe(key: string): boolean
  drop(kind: SanitizedKind): typeof dropped
}

/** Creates a sanitizer for values of any kind. `maxValueLength`: most UTF-16 units of a string. */
export function createValueSanitizer(counts: SanitizedCounts, maxValueLength: () => number): ValueSanitizer {
  const cut = (value: string, limit: number): string => {
    counts.cut_text++
    const end = isHighSurrogate(value.charCodeAt(limit - 1)) ? limit - 1 : limit
    // A slice would keep the whole text in memory.
    return Buffer.from(value.slice(0, Math.max(end, 0)), 'utf16le').toString('utf16le')
  }
  const text = (value: string, walk: Walk): string => {
    const limit = maxValueLength()
    const kept = value.length <= limit ? value : cut(value, limit)
    walk.bytes += textBytes(kept)
    return kept
  }
  const drop = (kind: SanitizedKind): typeof dropped => {
    counts[kind]++
    return dropped
  }

  const any = (value: unknown, walk: Walk): unknown => {
    switch (typeof value) {
      case 'string':
        return text(value, walk)
      case 'number':
      case 'boolean':
        return value
      case 'undefined':
        return dropped
      case 'bigint':
        if (value > maxBigInt || value < -maxBigInt) return drop('unusable')
        counts.converted++
        return text(String(value), walk)
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
        const said = read()
        return typeof said === 'string' ? text(said, walk) : undefined
      } catch {
        counts.unreadable++
        return undefined
      }
    }
    walk.bytes += headBytes
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
    walk.bytes += headBytes
    for (let i = 0; i < value.length; i++) {
      if (walk.room-- <= 0) {
        counts.cut_size++
        break
      }
      walk.bytes += fieldBytes
      let element: unknown
      try {
        element = any(value[i], walk)
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
    walk.bytes += headBytes
    for (const key of Object.keys(value)) {
      if (!isSafe(key)) continue
      if (walk.room-- <= 0) {
        counts.cut_size++
        break
      }
      walk.bytes += fieldBytes + key.length
      try {
        const member = any(value[key], walk)
        if (member !== dropped) kept[key] = member
      } catch {
        counts.unreadable++
      }
    }
    return kept
  }

  const isSafe = (key: string): boolean => {
    if (key === '__proto__' || key === 'constructor' || key === 'prototype') counts.unsafe_key++
    else if (key.length > maxKeyLength) counts.cut_keys++
    else return true
    return false
  }

  return { any, text, isSafe, drop }
}

/** Keys that could reach a prototype, and keys that are too long. */
export const isUnsafeKey = (key: string): boolean =>
  key === '__proto__' || key === 'constructor' || key === 'prototype' || key.length > maxKeyLength

const isHighSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff
