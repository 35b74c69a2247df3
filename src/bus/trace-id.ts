import { randomFillSync } from 'node:crypto'
import type { CorrelationKey } from './correlation.ts'

/** 128 bits in four 32-bit words, signed, most significant first; never all zero. */
export interface TraceId {
  readonly w0: number
  readonly w1: number
  readonly w2: number
  readonly w3: number
}

/** A class, because V8 may decide to allocate the objects of one literal in the old generation. */
class TraceWords implements TraceId {
  declare readonly w0: number
  declare readonly w1: number
  declare readonly w2: number
  declare readonly w3: number

  constructor(w0: number, w1: number, w2: number, w3: number) {
    this.w0 = w0
    this.w1 = w1
    this.w2 = w2
    this.w3 = w3
  }
}

let seed: Int32Array | undefined

/**
 * The trace of a correlation id: a hash under a seed that is random per process. Spans of one id share a trace
 * without anybody remembering ids whose spans have ended: `span()` and every exporter of the process agree on it.
 * `42` and `"42"` are different ids.
 */
export function traceIdOf(id: CorrelationKey): TraceId {
  hashId(id)
  return new TraceWords(hashed.w0, hashed.w1, hashed.w2, hashed.w3)
}

/** The trace that {@link hashId} and its like found last: valid until the next call. */
export const hashed = { w0: 0, w1: 0, w2: 0, w3: 0 }

/** Leaves the trace of an id in {@link hashed}. Its words are as good a hash of the id as any. */
export function hashId(id: CorrelationKey): void {
  if (typeof id === 'number') {
    // -0 is the id that 0 is.
    double[0] = id + 0
    begin()
    absorb(words[0]!, words[1]!, 1, 0)
    digest()
    return
  }
  const { length } = id
  if (length === 16 && readSpanId(id, 0)) {
    hashSpanId(readWords[0]!, readWords[1]!)
    return
  }
  begin()
  let i = 0
  for (; i + 8 <= length; i += 8)
    absorb(fullPair(id, i), fullPair(id, i + 2), fullPair(id, i + 4), fullPair(id, i + 6))
  if (i < length) absorb(pair(id, i), pair(id, i + 2), pair(id, i + 4), pair(id, i + 6))
  absorb(length, 0, 2, 0)
  digest()
}

/** {@link hashId} of a span id's hex text, which need not exist for it. */
export function hashSpanId(high: number, low: number): void {
  begin()
  absorb(high, low, 3, 0)
  digest()
}

function begin(): void {
  seed ??= randomFillSync(new Int32Array(4))
  laneW = seed[0]!
  laneX = seed[1]!
  laneY = seed[2]!
  laneZ = seed[3]!
}

let laneW = 0
let laneX = 0
let laneY = 0
let laneZ = 0
const double = new Float64Array(1)
const words = new Int32Array(double.buffer)

/** Two UTF-16 code units as one word. */
const fullPair = (text: string, i: number): number => text.charCodeAt(i) | (text.charCodeAt(i + 1) << 16)

/** The same, where code units past the end are 0. */
const pair = (text: string, i: number): number =>
  i + 1 < text.length ? fullPair(text, i) : i < text.length ? text.charCodeAt(i) : 0

const rotate = (word: number, by: number): number => (word << by) | (word >>> (32 - by))

/** Invertible for a given state, so that ids of up to eight characters cannot collide. */
function absorb(a: number, b: number, c: number, d: number): void {
  laneW = (Math.imul(rotate(laneW ^ Math.imul(a, 0x9e3779b1), 15), 0x85ebca77) + laneX) | 0
  laneX = (Math.imul(rotate(laneX ^ Math.imul(b, 0xc2b2ae3d), 13), 0x27d4eb2f) + laneY) | 0
  laneY = (Math.imul(rotate(laneY ^ Math.imul(c, 0x165667b1), 17), 0x9e3779b1) + laneZ) | 0
  laneZ = (Math.imul(rotate(laneZ ^ Math.imul(d, 0x85ebca77), 19), 0xc2b2ae3d) + laneW) | 0
}

function avalanche(word: number): number {
  let mixed = Math.imul(word ^ (word >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}

function digest(): void {
  absorb(0, 0, 0, 0)
  absorb(0, 0, 0, 0)
  const w0 = avalanche(laneW)
  const w1 = avalanche(laneX ^ w0)
  const w2 = avalanche(laneY ^ w1)
  const w3 = avalanche(laneZ ^ w2)
  hashed.w0 = w0
  hashed.w1 = w1
  hashed.w2 = w2
  hashed.w3 = (w0 | w1 | w2 | w3) === 0 ? 1 : w3
}

/**
 * Consistent sampling: the trace id's last 56 bits (random by W3C trace context) as a number against a threshold,
 * so that every process decides the same, and a higher rate takes a superset of the traces of a lower one.
 * `rate` is 0 (nothing) to 1 (everything).
 */
export function sampledAt(rate: number, trace: TraceId): boolean {
  // 52 of the 56 bits: what a double holds exactly.
  const value = (trace.w2 & 0xffffff) * 2 ** 28 + (trace.w3 >>> 4)
  return value >= (1 - rate) * 2 ** 52
}

const bytes = Buffer.alloc(16)
const view = new DataView(bytes.buffer, bytes.byteOffset, 16)

/** 32 lower-case hex digits. */
export function traceHex({ w0, w1, w2, w3 }: TraceId): string {
  view.setInt32(0, w0)
  view.setInt32(4, w1)
  view.setInt32(8, w2)
  view.setInt32(12, w3)
  return bytes.toString('hex')
}

/** 16 lower-case hex digits. */
export function spanHex(high: number, low: number): string {
  view.setInt32(0, high)
  view.setInt32(4, low)
  return bytes.toString('hex', 0, 8)
}

/** Reads 32 lower-case hex digits of `text` from `at`; undefined if they are not, or all zero. */
export function readTraceId(text: string, at: number): TraceId | undefined {
  if (!readWord(text, at, 0) || !readWord(text, at + 8, 1)) return undefined
  const w0 = readWords[0]!
  const w1 = readWords[1]!
  if (!readWord(text, at + 16, 0) || !readWord(text, at + 24, 1)) return undefined
  const w2 = readWords[0]!
  const w3 = readWords[1]!
  return (w0 | w1 | w2 | w3) === 0 ? undefined : new TraceWords(w0, w1, w2, w3)
}

/** Where {@link readSpanId} leaves its two words. */
export const readWords = new Int32Array(2)

/** Reads 16 lower-case hex digits of `text` from `at` into {@link readWords}; false if they are not, or all zero. */
export const readSpanId = (text: string, at: number): boolean =>
  readWord(text, at, 0) && readWord(text, at + 8, 1) && (readWords[0]! | readWords[1]!) !== 0

function readWord(text: string, at: number, into: number): boolean {
  let value = 0
  for (let i = at; i < at + 8; i++) {
    const digit = hexDigit(text.charCodeAt(i))
    if (digit < 0) return false
    value = (value << 4) | digit
  }
  readWords[into] = value
  return true
}

/** The value of a lower-case hex digit; -1 for any other character, and past the end of a text. */
export const hexDigit = (code: number): number =>
  code >= 48 && code <= 57 ? code - 48 : code >= 97 && code <= 102 ? code - 87 : -1
