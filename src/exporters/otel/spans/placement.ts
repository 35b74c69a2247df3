import { metadataValue, type SpanScope, type TelemetryEvent } from '../../../bus/event.ts'
import type { TraceId } from '../span-record.ts'
import { randomWord, sampledAt, traceIdOf } from './ids.ts'
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
  place.parentIsRemote = remote !== undefined && sameTrace(remote.trace, ids) && isParent(place, remote)

  if (place.trace === undefined) {
    if (!hasParent && outer !== undefined && joins(outer.trace, ids, scope)) {
      place.trace = outer.trace
      Object.assign(place.trace, ids)
      open.nameTrace(place.trace, scope.traceId)
    } else place.trace = scopeTrace(scope, ids, place.parentIsRemote ? remote : undefined, rate)
  }
  if (!hasParent && outer?.trace === place.trace) becomeChild(place, outer)
  return place
}

/**
 * A span opened by its events alone. Its parent, strongest first: the `traceparent` in its metadata, unless that only
 * repeats where its surroundings came from; the innermost open span of its id; the `span()` around it. The last two
 * change places when both are of one trace and the `span()` is the deeper one.
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
    } else if (!isEntry(place.trace, remote) && !isParent(place, remote)) becomeRemoteChild(place, remote)
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

const isParent = (place: Place, remote: RemoteContext): boolean =>
  place.parentHigh === remote.spanHigh && place.parentLow === remote.spanLow

/** Every event of a request may repeat the `traceparent` the request came with. */
const isEntry = (trace: OpenTrace, remote: RemoteContext): boolean =>
  trace.remoteHigh === remote.spanHigh && trace.remoteLow === remote.spanLow

const isOf = (trace: OpenTrace, scope: SpanScope, open: OpenSpans): boolean =>
  trace.hex === scope.traceId || open.own(scope)?.trace === trace

/**
 * Whether the trace of an open span of the same id can take in a `span()` that begins a trace: it is the same one, or
 * nothing has fixed its id yet, neither an exported span nor a remote parent nor another `span()`.
 */
function joins(trace: OpenTrace, ids: TraceId, scope: SpanScope): boolean {
  if (scope.traceFlags !== undefined && (scope.traceFlags & 1) !== (trace.sampled ? 1 : 0)) return false
  if (sameTrace(trace, ids)) return true
  return !trace.exported && trace.hex === '' && (trace.remoteHigh | trace.remoteLow) === 0
}

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
  exported: false,
  lingers: false,
})
