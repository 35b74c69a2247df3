import type { SpanScope } from './event.ts'
import { processScopes, type Scopes } from './scope.ts'
import { knownFlags, Scope } from './span-scope.ts'
import { hexDigit, readSpanId, readTraceId, readWords } from './trace-id.ts'
import { parseTracestate } from './tracestate.ts'

const length = 55
/** Later versions may be longer; nothing says how long. */
const maxLength = 512
const dash = 45

/**
 * The remote span that a `traceparent` (and its `tracestate`) names by W3C Trace Context Level 2: lower-case hex only,
 * no version ff, no id of zeros, version 00 exactly 55 characters; later versions may carry more visible ASCII after a
 * dash. Undefined for anything else.
 */
export function parseTraceparent(traceparent: unknown, tracestate?: unknown): Scope | undefined {
  if (typeof traceparent !== 'string' || !hasForm(traceparent)) return undefined
  const flags = hexByte(traceparent, 53)
  if (flags < 0 || !readSpanId(traceparent, 36)) return undefined
  const high = readWords[0]!
  const low = readWords[1]!
  const trace = readTraceId(traceparent, 3)
  return trace && Scope.remote(trace, high, low, flags, parseTracestate(tracestate))
}

/** Whether {@link parseTraceparent} accepts it. */
export const isTraceparent = (text: unknown): boolean => parseTraceparent(text) !== undefined

function hasForm(text: string): boolean {
  if (text.length < length || text.length > maxLength) return false
  if (text.charCodeAt(2) !== dash || text.charCodeAt(35) !== dash || text.charCodeAt(52) !== dash)
    return false
  const version = hexByte(text, 0)
  if (version < 0 || version === 0xff) return false
  return text.length === length || (version !== 0 && text.charCodeAt(length) === dash && isVisible(text))
}

const hexByte = (text: string, at: number): number => {
  const high = hexDigit(text.charCodeAt(at))
  const low = hexDigit(text.charCodeAt(at + 1))
  return high < 0 || low < 0 ? -1 : high * 16 + low
}

/** Only ASCII that a header may hold, and no space in it. */
function isVisible(text: string): boolean {
  for (let i = length; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x21 || code > 0x7e) return false
  }
  return true
}

/** The fields that {@link formatTraceparent} uses. */
export type TraceparentSource = Pick<SpanScope, 'traceId' | 'spanId' | 'traceFlags' | 'announcedFlags'>

/** Version 00. Where nothing was decided the trace is announced as sampled, so that no part of it is missing. */
export function formatTraceparent({
  traceId,
  spanId,
  traceFlags,
  announcedFlags,
}: TraceparentSource): string {
  const flags = (traceFlags ?? announcedFlags ?? 1) & knownFlags
  return `00-${traceId}-${spanId}-0${flags}`
}

/** The `traceparent` of the innermost span around the caller, for an outgoing request; undefined outside of spans. */
export function currentTraceparent(scopes: Scopes = processScopes): string | undefined {
  const scope = scopes.current()
  return scope && formatTraceparent(scope)
}
