import { metadataValue, type SpanScope, type TelemetryEvent } from '../../../bus/event.ts'
import { sampledAt, type TraceId, traceIdOf } from '../../../bus/trace-id.ts'
import { randomWord } from './ids.ts'
import type { OpenSpan, OpenSpans, OpenTrace, SpanGroup } from './open-spans.ts'
import {
  parseTraceparent,
  parseTracestate,
  type RemoteContext,
  spanWords,
  traceWords,
  words,
} from './trace-context.ts'

/** Where a span stands: its ids, its trace, its parent (words 0, 0: a root). */
export interface Place {
  trace: OpenTrace
  spanHigh: number
  spanLow: number
  parentHigh: number
  parentLow: number
  parentIsRemote: boolean
}

/** The own span of a `span()`: its ids are the scope's, which the application may already have handed on. */
export function placeOwn(
  event: TelemetryEvent,
  scope: SpanScope,
  group: SpanGroup | undefined,
  open: OpenSpans,
  rate: number,
): Place {
  const remote = remoteOf(event)
  const outer = group?.innermost
  const ids = traceWords(scope.traceId, 0)!
  const hasParent = scope.parentSpanId?.length === 16 && spanWords(scope.parentSpanId, 0)
  const place = {
    trace: open.trace(scope.traceId) as OpenTrace,
    spanHigh: 0,
    spanLow: 0,
    parentHigh: hasParent ? words[0]! : 0,
    parentLow: hasParent ? words[1]! : 0,
    parentIsRemote: false,
  }
  spanWords(scope.spanId, 0)
  place.spanHigh = words[0]!
  place.spanLow = words[1]!
  place.parentIsRemote = hasParent && scope.parentIsRemote === true

  if (place.trace === undefined) {
    if (!hasParent && outer !== undefined && sameTrace(outer.trace, ids)) {
      place.trace = outer.trace
      open.nameTrace(place.trace, scope.traceId)
    } else place.trace = scopeTrace(scope, ids, place.parentIsRemote ? remote : undefined, rate)
  }
  if (!hasParent && outer?.trace === place.trace) becomeChild(place, outer)
  return place
}

/**
 * A span opened by its events alone. Its parent, strongest first: the `traceparent` in its metadata if that names
 * another trace than its surroundings; the innermost open span of its id; the `span()` around it. The last two change
 * places when both are of one trace and the `span()` is the deeper one. Outside of every `span()`, a `traceparent` of
 * the same trace wins too, unless it only repeats where the request came from.
 */
export function placeInside(
  event: TelemetryEvent,
  scope: SpanScope | undefined,
  group: SpanGroup,
  earlier: OpenSpan | undefined,
  open: OpenSpans,
  rate: number,
): Place {
  const remote = remoteOf(event)
  const { innermost } = group
  const outer = innermost === earlier ? innermost?.outer : innermost
  const place: Place = newPlace()
  let placed = true

  if (
    outer !== undefined &&
    (scope === undefined || outer.scope === scope || !isOf(outer.trace, scope, open))
  )
    becomeChild(place, outer)
  else if (scope !== undefined) becomeScopeChild(place, scope, open, rate)
  else placed = false

  if (remote !== undefined) {
    if (!placed || !sameTrace(place.trace, remote.trace)) {
      place.trace = newTrace(remote.trace, remote.sampled, stateOf(event), remote)
      becomeRemoteChild(place, remote)
    } else if (scope === undefined && !isEntry(place.trace, remote)) becomeRemoteChild(place, remote)
  } else if (!placed) {
    const ids = traceIdOf(group.id)
    place.trace = newTrace(ids, sampledAt(rate, ids), '', undefined)
  }
  return place
}

function newPlace(): Place {
  let spanHigh = randomWord()
  const spanLow = randomWord()
  while ((spanHigh | spanLow) === 0) spanHigh = randomWord()
  return {
    trace: undefined as unknown as OpenTrace,
    spanHigh,
    spanLow,
    parentHigh: 0,
    parentLow: 0,
    parentIsRemote: false,
  }
}

function becomeChild(place: Place, parent: OpenSpan): void {
  place.trace = parent.trace
  place.parentHigh = parent.spanHigh
  place.parentLow = parent.spanLow
}

function becomeScopeChild(place: Place, scope: SpanScope, open: OpenSpans, rate: number): void {
  place.trace =
    open.own(scope)?.trace ??
    open.trace(scope.traceId) ??
    scopeTrace(scope, traceWords(scope.traceId, 0)!, undefined, rate)
  spanWords(scope.spanId, 0)
  place.parentHigh = words[0]!
  place.parentLow = words[1]!
  place.parentIsRemote = scope.isRemote === true
}

function becomeRemoteChild(place: Place, remote: RemoteContext): void {
  place.parentHigh = remote.spanHigh
  place.parentLow = remote.spanLow
  place.parentIsRemote = true
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
  const trace = newTrace(ids, sampled, parseTracestate(scope.traceState), remote)
  trace.hex = scope.traceId
  return trace
}

const newTrace = (
  { w0, w1, w2, w3 }: TraceId,
  sampled: boolean,
  traceState: string,
  remote: RemoteContext | undefined,
): OpenTrace => ({
  w0,
  w1,
  w2,
  w3,
  sampled,
  traceState,
  remoteHigh: remote?.spanHigh ?? 0,
  remoteLow: remote?.spanLow ?? 0,
  hex: '',
  open: 0,
  lingers: false,
})
