import { randomFillSync } from 'node:crypto'
import type { CorrelationKey } from './correlation.ts'

/** 128 bits in four 32-bit words, signed, most significant first; never all zero. */
export interface TraceId {
  readonly w0: number
  readonly w1: number
  readonly w2: number
  readonly w3: number
}

let seed: Int32Array | undefined

/**
 * The trace of a correlation id: a hash under a seed that is random per process. Spans of one id share a trace
 * without anybody remembering ids whose spans have ended: `span()` and every exporter of the process agree on it.
 * `42` and `"42"` are different ids.
 */
export function traceIdOf(id: CorrelationKey): TraceId {
  seed ??= randomFillSync(new Int32Array(4))
  laneW = seed[0]!
  laneX = seed[1]!
  laneY = seed[2]!
  laneZ = seed[3]!
  if (typeof id === 'number') {
    double[0] = id
    absorb(words[0]!, words[1]!, 1, 0)
  } else {
    for (let i = 0; i < id.length; i += 8)
      absorb(pair(id, i), pair(id, i + 2), pair(id, i + 4), pair(id, i + 6))
    absorb(id.length, 0, 2, 0)
  }
  return digest()
}

let laneW = 0
let laneX = 0
let laneY = 0
let laneZ = 0
const double = new Float64Array(1)
const words = new Int32Array(double.buffer)

/** Two UTF-16 code units as one word; past the end they are 0. */
const pair = (text: string, i: number): number =>
  i + 1 < text.length
    ? text.charCodeAt(i) | (text.charCodeAt(i + 1) << 16)
    : i < text.length
      ? text.charCodeAt(i)
      : 0

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

function digest(): TraceId {
  absorb(0, 0, 0, 0)
  absorb(0, 0, 0, 0)
  const w0 = avalanche(laneW)
  const w1 = avalanche(laneX ^ w0)
  const w2 = avalanche(laneY ^ w1)
  const w3 = avalanche(laneZ ^ w2)
  return (w0 | w1 | w2 | w3) === 0 ? { w0: 0, w1: 0, w2: 0, w3: 1 } : { w0, w1, w2, w3 }
}

/**
 * Consistent sampling: the trace id's last 56 bits (random by W3C trace context) as a number against a threshold,
 * so that every process decides alike and a higher rate takes a superset of what a lower one takes.
 * `rate` is 0 (nothing) to 1 (everything).
 */
export function sampledAt(rate: number, trace: TraceId): boolean {
  // 52 of the 56 bits: what a double holds exactly.
  const value = (trace.w2 & 0xffffff) * 2 ** 28 + (trace.w3 >>> 4)
  return value >= (1 - rate) * 2 ** 52
}

const byteHex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** Eight hex digits of a 32-bit word. */
export const wordHex = (word: number): string =>
  byteHex[word >>> 24]! + byteHex[(word >>> 16) & 255]! + byteHex[(word >>> 8) & 255]! + byteHex[word & 255]!

export const traceHex = ({ w0, w1, w2, w3 }: TraceId): string =>
  wordHex(w0) + wordHex(w1) + wordHex(w2) + wordHex(w3)
