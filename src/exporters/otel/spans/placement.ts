import { metadataValue, type SpanScope, type TelemetryEvent } from '../../../bus/event.ts'
import { sampledAt, type TraceId, traceIdOf } from '../../../bus/trace-id.ts'
import { randomWord } from './ids.ts'
import { type OpenSpan, OpenTrace, type SpanGroup } from './open-span.ts'
import type { OpenSpans } from './open-spans.ts'
import {
  parseTraceparent,
  parseTracestate,
  type RemoteContext,
  spanWords,
  traceWords,
  words,
} from './trace-context.ts'

/** Places the own span of a `span()`: its ids are the scope's, which the application may already have handed on. */
export function placeOwn(
  span: OpenSpan,
  event: TelemetryEvent,
  scope: SpanScope,
  open: OpenSpans,
  rate: number,
): void {
  const remote = remoteOf(event)
  const outer = span.group?.innermost
  const ids = traceWords(scope.traceId, 0)!
  const hasParent = scope.parentSpanId?.length === 16 && spanWords(scope.parentSpanId, 0)
  if (hasParent) {
    span.parentHigh = words[0]!
    span.parentLow = words[1]!
    span.parentIsRemote = scope.parentIsRemote === true
  }
  spanWords(scope.spanId, 0)
  span.spanHigh = words[0]!
  span.spanLow = words[1]!

  const known = open.trace(scope.traceId)
  if (known !== undefined) span.trace = known
  else if (!hasParent && outer !== undefined && sameTrace(outer.trace, ids)) {
    span.trace = outer.trace
    open.nameTrace(span.trace, scope.traceId)
  } else span.trace = scopeTrace(scope, ids, span.parentIsRemote ? remote : undefined, rate)
  if (!hasParent && outer?.trace === span.trace) becomeChild(span, outer)
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
  newSpanId(span)

  if (
    outer !== undefined &&
    (scope === undefined || outer.scope === scope || !isOf(outer.trace, scope, open))
  )
    becomeChild(span, outer)
  else if (scope !== undefined) becomeScopeChild(span, scope, open, rate)
  else placed = false

  if (remote !== undefined) {
    if (!placed || !sameTrace(span.trace, remote.trace)) {
      span.trace = traceFrom(remote.trace, remote.sampled, stateOf(event), remote)
      becomeRemoteChild(span, remote)
    } else if (scope === undefined && !isEntry(span.trace, remote)) becomeRemoteChild(span, remote)
  } else if (!placed) {
    const ids = traceIdOf(group.id)
    span.trace = new OpenTrace(ids, sampledAt(rate, ids), '', 0, 0)
  }
}

function newSpanId(span: OpenSpan): void {
  span.spanHigh = randomWord()
  span.spanLow = randomWord()
  while ((span.spanHigh | span.spanLow) === 0) span.spanHigh = randomWord()
}

function becomeChild(span: OpenSpan, parent: OpenSpan): void {
  span.trace = parent.trace
  span.parentHigh = parent.spanHigh
  span.parentLow = parent.spanLow
}

function becomeScopeChild(span: OpenSpan, scope: SpanScope, open: OpenSpans, rate: number): void {
  span.trace =
    open.own(scope)?.trace ??
    open.trace(scope.traceId) ??
    scopeTrace(scope, traceWords(scope.traceId, 0)!, undefined, rate)
  spanWords(scope.spanId, 0)
  span.parentHigh = words[0]!
  span.parentLow = words[1]!
  span.parentIsRemote = scope.isRemote === true
}

function becomeRemoteChild(span: OpenSpan, remote: RemoteContext): void {
  span.parentHigh = remote.spanHigh
  span.parentLow = remote.spanLow
  span.parentIsRemote = true
}

const remoteOf = (event: TelemetryEvent): RemoteContext | undefined =>
  parseTraceparent(metadataValue(event, 'traceparent'))

const stateOf = (event: TelemetryEvent): string => parseTracestate(metadataValue(event, 'tracestate'))

const sameTrace = (a: TraceId, b: TraceId): boolean =>
  a.w3 === b.w3 && a.w2 === b.w2 && a.w1 === b.w1 && a.w0 === b.w0

/** Every event of a request may repeat the `traceparent` the request came with. */
const isEntry = (trace: OpenTrace, remote: RemoteContext): boolean =>
  trace.remoteHigh === remote.spanHigh && trace.remoteLow === remote.spanLow

const isOf = (trace: OpenTrace, scope: SpanScope, open: OpenSpans): boolean =>
  trace.hex === scope.traceId || open.own(scope)?.trace === trace

function scopeTrace(
  scope: SpanScope,
  ids: TraceId,
  remote: RemoteContext | undefined,
  rate: number,
): OpenTrace {
  const { traceFlags } = scope
  const sampled =
    traceFlags === undefined ? (remote?.sampled ?? sampledAt(rate, ids)) : (traceFlags & 1) === 1
  const trace = traceFrom(ids, sampled, parseTracestate(scope.traceState), remote)
  trace.hex = scope.traceId
  return trace
}

/** `remote`: where it came in; undefined: it began here. */
const traceFrom = (
  ids: TraceId,
  sampled: boolean,
  traceState: string,
  remote: RemoteContext | undefined,
): OpenTrace => new OpenTrace(ids, sampled, traceState, remote?.spanHigh ?? 0, remote?.spanLow ?? 0)
