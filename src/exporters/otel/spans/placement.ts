import { metadataValue, type TelemetryEvent } from '../../../bus/event.ts'
import { drawnId, drawSpanId } from '../../../bus/span-id.ts'
import type { Scope } from '../../../bus/span-scope.ts'
import { sampledAt, type TraceId } from '../../../bus/trace-id.ts'
import { parseTraceparent } from '../../../bus/traceparent.ts'
import { type OpenSpan, OpenTrace, type SpanGroup } from './open-span.ts'
import { isSameTrace, type OpenSpans } from './open-spans.ts'

/** Places the own span of a `span()`: its ids are the scope's, which the application may already have handed on. */
export function placeOwn(span: OpenSpan, scope: Scope, open: OpenSpans, rate: number): void {
  const { hasParent } = scope
  const outer = span.group?.innermost
  span.spanHigh = scope.spanHigh
  span.spanLow = scope.spanLow
  span.parentHigh = scope.parentHigh
  span.parentLow = scope.parentLow
  span.parentIsRemote = hasParent && scope.parentIsRemote

  const known = knownTrace(scope, hasParent, open)
  if (known !== undefined) span.trace = known
  else if (!hasParent && outer !== undefined && isSameTrace(outer.trace, scope)) {
    span.trace = outer.trace
    open.nameTrace(outer.trace)
  } else span.trace = traceOf(scope, span.parentIsRemote, rate, open)
  if (!hasParent && outer?.trace === span.trace) becomeChild(span, outer)
}

/** The parent is likely to be open, and found faster than the trace. */
function knownTrace(scope: Scope, hasParent: boolean, open: OpenSpans): OpenTrace | undefined {
  const parent = hasParent ? open.own(scope.parentHigh, scope.parentLow)?.trace : undefined
  return parent !== undefined && isSameTrace(parent, scope) ? parent : open.trace(scope)
}

/**
 * A span opened by its events alone. Its parent, strongest first: the `traceparent` in its metadata if that names
 * another trace than its surroundings; the innermost open span of its id; the `span()` around it. The last two change
 * places when both are of one trace and the `span()` is the deeper one. Outside of every `span()`, a `traceparent` of
 * the same trace wins too, unless it only repeats where the request came from.
 */
export function placeInside(
  span: OpenSpan,
  event: TelemetryEvent,
  group: SpanGroup,
  earlier: OpenSpan | undefined,
  open: OpenSpans,
  rate: number,
): void {
  const remote = remoteOf(event)
  const { scope } = span
  const { innermost } = group
  const outer = innermost === earlier ? innermost?.outer : innermost
  let placed = true
  drawSpanId()
  span.spanHigh = drawnId.high
  span.spanLow = drawnId.low

  if (
    outer !== undefined &&
    (scope === undefined || isSameSpan(outer.scope, scope) || !isOf(outer.trace, scope, open))
  )
    becomeChild(span, outer)
  else if (scope !== undefined) becomeScopeChild(span, scope, open, rate)
  else placed = false

  if (remote !== undefined) {
    if (!placed || !isSameTrace(span.trace, remote)) {
      span.trace = enteredTrace(remote, remote)
      becomeRemoteChild(span, remote)
    } else if (scope === undefined && !isEntry(span.trace, remote)) becomeRemoteChild(span, remote)
  } else if (!placed) {
    span.trace = new OpenTrace(group, flagsAt(rate, group), '', 0, 0)
  }
}

function becomeChild(span: OpenSpan, parent: OpenSpan): void {
  span.trace = parent.trace
  span.parentHigh = parent.spanHigh
  span.parentLow = parent.spanLow
}

function becomeScopeChild(span: OpenSpan, scope: Scope, open: OpenSpans, rate: number): void {
  span.trace =
    open.own(scope.spanHigh, scope.spanLow)?.trace ?? open.trace(scope) ?? traceOf(scope, false, rate, open)
  span.parentHigh = scope.spanHigh
  span.parentLow = scope.spanLow
  span.parentIsRemote = scope.isRemote
}

function becomeRemoteChild(span: OpenSpan, remote: Scope): void {
  span.parentHigh = remote.spanHigh
  span.parentLow = remote.spanLow
  span.parentIsRemote = true
}

function remoteOf(event: TelemetryEvent): Scope | undefined {
  const traceparent = metadataValue(event, 'traceparent')
  return traceparent === undefined
    ? undefined
    : parseTraceparent(traceparent, metadataValue(event, 'tracestate'))
}

/** Every event of a request may repeat the `traceparent` the request came with. */
const isEntry = (trace: OpenTrace, remote: Scope): boolean =>
  trace.remoteHigh === remote.spanHigh && trace.remoteLow === remote.spanLow

const isOf = (trace: OpenTrace, scope: Scope, open: OpenSpans): boolean =>
  (trace.named && isSameTrace(trace, scope)) || open.own(scope.spanHigh, scope.spanLow)?.trace === trace

const isSameSpan = (a: Scope | undefined, b: Scope): boolean =>
  a === b || (a !== undefined && a.spanLow === b.spanLow && a.spanHigh === b.spanHigh)

const sampled = 1

/** W3C trace flags of a trace that begins here. */
const flagsAt = (rate: number, ids: TraceId): number => (sampledAt(rate, ids) ? sampled : 0)

/** A trace that is found again by its id. `entersHere`: through the parent of the scope. */
function traceOf(scope: Scope, entersHere: boolean, rate: number, open: OpenSpans): OpenTrace {
  const flags = scope.traceFlags ?? flagsAt(rate, scope)
  const high = entersHere ? scope.parentHigh : 0
  const low = entersHere ? scope.parentLow : 0
  const trace = new OpenTrace(scope, flags, scope.traceState ?? '', high, low)
  open.nameTrace(trace)
  return trace
}

const enteredTrace = (
  ids: TraceId,
  { traceFlags = 0, traceState = '', spanHigh, spanLow }: Scope,
): OpenTrace => new OpenTrace(ids, traceFlags, traceState, spanHigh, spanLow)
