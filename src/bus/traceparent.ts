import type { SpanScope } from './event.ts'
import { isSpanId, isTraceId, type ParentContext, processScopes, type Scopes } from './scope.ts'

/** The bits of the trace flags that W3C Trace Context Level 2 defines: sampled, random. Others are not passed on. */
const knownFlags = 0x03

/** A `traceparent` (and its `tracestate`) by W3C Trace Context; undefined if the traceparent is invalid. */
export function parseTraceparent(traceparent: unknown, tracestate?: unknown): ParentContext | undefined {
  if (typeof traceparent !== 'string' || traceparent.length > maxTraceparent) return undefined
  const match = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/.exec(traceparent)
  if (match === null) return undefined
  const [, version, traceId, spanId, flags, rest] = match
  if (version === 'ff' || (version === '00' && rest !== undefined)) return undefined
  if (!isTraceId(traceId) || !isSpanId(spanId)) return undefined
  const traceFlags = Number.parseInt(flags!, 16) & knownFlags
  return { traceId, spanId, traceFlags, traceState: validTracestate(tracestate) }
}

/** Later versions may be longer; nothing says how long. */
const maxTraceparent = 1024

const maxMembers = 32
const memberKey = /^(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})$/
const memberValue = /^[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/

/** The list as it came, or undefined if a part of it is invalid: it is passed on whole or not at all. */
function validTracestate(tracestate: unknown): string | undefined {
  if (typeof tracestate !== 'string' || tracestate.length > maxMembers * 520) return undefined
  const members = tracestate.split(',').map((member) => member.replace(/^[ \t]+|[ \t]+$/g, ''))
  const filled = members.filter((member) => member !== '')
  if (filled.length === 0 || members.length > maxMembers) return undefined
  for (const member of filled) {
    const at = member.indexOf('=')
    if (at < 0 || !memberKey.test(member.slice(0, at)) || !memberValue.test(member.slice(at + 1)))
      return undefined
  }
  return tracestate
}

/** Version 00. Where nothing was decided the trace is announced as sampled, so that no part of it is missing. */
export function formatTraceparent(scope: SpanScope | ParentContext): string {
  const { traceId, spanId, traceFlags, announcedFlags } = scope
  const flags = (traceFlags ?? announcedFlags ?? 1) & knownFlags
  return `00-${traceId}-${spanId}-0${flags}`
}

/** The `traceparent` of the innermost span around the caller, for an outgoing request; undefined outside of spans. */
export function currentTraceparent(scopes: Scopes = processScopes): string | undefined {
  const scope = scopes.current()
  return scope && formatTraceparent(scope)
}
