import type { TraceId } from '../span-record.ts'

/** A parsed W3C `traceparent`. */
export interface RemoteContext {
  readonly trace: TraceId
  readonly spanHigh: number
  readonly spanLow: number
  readonly sampled: boolean
}

/**
 * Strict reading of a `traceparent` (W3C Trace Context §3.2): lower-case hex only, no version ff, no all-zero id,
 * version 00 exactly 55 characters, later versions may carry more after a dash. Anything else is undefined.
 */
export function parseTraceparent(text: unknown): RemoteContext | undefined {
  if (typeof text !== 'string' || text.length < 55) return undefined
  if (text[2] !== '-' || text[35] !== '-' || text[52] !== '-') return undefined
  const version = hex(text, 0, 2)
  const flags = hex(text, 53, 2)
  if (version < 0 || version === 0xff || flags < 0) return undefined
  if (text.length > 55 && (version === 0 || text[55] !== '-')) return undefined
  const trace = traceWords(text, 3)
  if (trace === undefined || !spanWords(text, 36)) return undefined
  return { trace, spanHigh: words[0]!, spanLow: words[1]!, sampled: (flags & 1) === 1 }
}

/** 32 lower-case hex digits of `text` from `at`; undefined if they are not, or all zero. */
export function traceWords(text: string, at: number): TraceId | undefined {
  let valid = true
  const word = (offset: number): number => {
    const high = hex(text, at + offset, 4)
    const low = hex(text, at + offset + 4, 4)
    if (high < 0 || low < 0) valid = false
    return (high << 16) | low
  }
  const trace = { w0: word(0), w1: word(8), w2: word(16), w3: word(24) }
  return valid && (trace.w0 | trace.w1 | trace.w2 | trace.w3) !== 0 ? trace : undefined
}

/** Where {@link spanWords} leaves its two words. */
export const words = new Int32Array(2)

/** Reads 16 lower-case hex digits of `text` from `at` into {@link words}; false if they are not, or all zero. */
export function spanWords(text: string, at: number): boolean {
  const a = hex(text, at, 4)
  const b = hex(text, at + 4, 4)
  const c = hex(text, at + 8, 4)
  const d = hex(text, at + 12, 4)
  if (a < 0 || b < 0 || c < 0 || d < 0) return false
  words[0] = (a << 16) | b
  words[1] = (c << 16) | d
  return (words[0] | words[1]) !== 0
}

/** At most seven lower-case hex digits as a number; -1 if any is none. */
function hex(text: string, at: number, length: number): number {
  let value = 0
  for (let i = at; i < at + length; i++) {
    const code = text.charCodeAt(i)
    if (code >= 48 && code <= 57) value = value * 16 + code - 48
    else if (code >= 97 && code <= 102) value = value * 16 + code - 87
    else return -1
  }
  return value
}

const stateKey = /^(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})$/
const stateValue = /^[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/

/**
 * A `tracestate` (W3C Trace Context §3.3) as it is handed on: at most 32 members and 512 characters, keys once each.
 * One that breaks a rule is discarded whole: the empty string.
 */
export function parseTracestate(text: unknown): string {
  if (typeof text !== 'string' || text.length > 512) return ''
  const members: string[] = []
  const keys = new Set<string>()
  for (const part of text.split(',')) {
    const member = part.replace(/^[ \t]+|[ \t]+$/g, '')
    if (member === '') continue
    const equals = member.indexOf('=')
    const key = member.slice(0, Math.max(equals, 0))
    if (!stateKey.test(key) || !stateValue.test(member.slice(equals + 1)) || keys.has(key)) return ''
    keys.add(key)
    members.push(member)
  }
  return members.length <= 32 ? members.join(',') : ''
}
