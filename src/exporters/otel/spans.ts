import { correlationKeyOf } from '../../bus/correlation.ts'
import type { SpanScope, TelemetryEvent } from '../../bus/event.ts'
import { isSpanBoundary } from '../../bus/snapshot.ts'
import type { Sink } from '../exporter.ts'
import { createSpanSlabs, type SpanSlabs } from './encode/slabs.ts'
import { checkSdkSpan, sdkSpanOf } from './sdk-span.ts'
import type { SpanItem } from './span-item.ts'
import { keptFields } from './spans/kept-fields.ts'
import { createNameReader, type SpanEventName } from './spans/names.ts'
import { OpenSpan, type SpanGroup } from './spans/open-span.ts'
import { createOpenSpans, type OpenSpans } from './spans/open-spans.ts'
import { placeInside, placeOwn } from './spans/placement.ts'
import { finishSpan } from './spans/record.ts'
import { type SpanSettings, spanSettings } from './spans/settings.ts'
import { spanWords, traceWords } from './spans/trace-context.ts'

/** What outlives the clients of an otel exporter: its open spans. */
export interface SpanState {
  readonly open: OpenSpans
  readonly nameOf: (event: string) => SpanEventName | undefined
  /** Where finished spans are encoded, at once. */
  readonly slabs: SpanSlabs
  /** Of the configuration that was in force at the latest event. */
  settings: SpanSettings | undefined
}

export type SpanSink = Sink<SpanState, SpanItem>

export const createSpanState = (): SpanState => ({
  open: createOpenSpans(),
  nameOf: createNameReader(),
  slabs: createSpanSlabs(),
  settings: undefined,
})

function settingsOf({ state, config }: SpanSink): SpanSettings {
  if (state.settings?.config !== config) state.settings = spanSettings(config)
  return state.settings
}

/**
 * Spans from events: `X.start` opens span X; `X.success`, `.error`, `.stop` or `.exception` ends it. The two are paired
 * by (X, correlation id), or by the `span()` they belong to. An open span's start is held, its end makes an item of
 * weight 2; whatever makes no span is dropped with its reason. Constant time per event. A finished span of an
 * OpenTelemetry SDK is an item as it is; one that is not valid throws.
 */
export function ingestSpanEvent(event: TelemetryEvent, sink: SpanSink): void {
  const name = sink.state.nameOf(event.name)
  if (name === undefined) ingestOther(event, sink)
  else if (name.phase === 'start') startSpan(name.span, event, sink)
  else endSpan(name, event, sink)
}

function ingestOther(event: TelemetryEvent, sink: SpanSink): void {
  const span = sdkSpanOf(event)
  if (span === undefined) {
    sink.drop('not_a_span')
    return
  }
  checkSdkSpan(span)
  sink.item(span)
}

/** Drops what has been open for `span_ttl`. Touches only what expires. */
export function expireSpans(sink: SpanSink): void {
  const { open } = sink.state
  const limit = sink.now - settingsOf(sink).ttlMs
  for (let span = open.oldest; span !== undefined && span.openedAt <= limit; span = open.oldest)
    evict(span, 'expired', sink)
}

function evict(span: OpenSpan, reason: 'expired' | 'span_limit' | 'superseded', sink: SpanSink): void {
  sink.state.open.remove(span)
  // The start of one that is not sampled was counted when it came.
  if (span.trace.sampled) sink.drop(reason, 1)
}

function startSpan(name: string, event: TelemetryEvent, sink: SpanSink): void {
  const { open } = sink.state
  const { samplingRate, maxActiveSpans, limits } = settingsOf(sink)
  const key = correlationKeyOf(event.fields, event.metadataStart)
  const scope = usable(event.scope)
  const own = scope !== undefined && isSpanBoundary(event)
  if (key === undefined && !own) {
    sink.drop('no_correlation_id')
    return
  }

  const group = key === undefined ? undefined : open.groupFor(key)
  const earlier = own ? undefined : open.find(name, group)
  const span = new OpenSpan(name, group, scope, own, sink.now, event.time)
  if (own) placeOwn(span, event, scope, open, samplingRate)
  else placeInside(span, event, group!, earlier, open, samplingRate)

  // First this event is held: the drops that follow then take what older starts have held.
  if (span.trace.sampled) {
    sink.hold()
    span.fields = keptFields(event, limits.length)
    span.metadataStart = event.metadataStart
  } else sink.drop('sampled_out')
  if (earlier !== undefined) evict(earlier, 'superseded', sink)
  if (open.size >= maxActiveSpans) makeRoom(group, maxActiveSpans, sink)
  open.add(span)
}

function makeRoom(group: SpanGroup | undefined, maxActiveSpans: number, sink: SpanSink): void {
  const { open } = sink.state
  for (let old = open.oldest; old !== undefined && open.size >= maxActiveSpans; old = open.oldest)
    evict(old, 'span_limit', sink)
  // Of so many that a group without spans does not linger so long.
  if (group !== undefined) open.keep(group)
}

function endSpan(name: SpanEventName, event: TelemetryEvent, sink: SpanSink): void {
  const { open, slabs } = sink.state
  const span = openSpanOf(name.span, event, open)
  if (span === undefined) {
    sink.drop('unmatched_end')
    return
  }
  open.remove(span)
  if (!span.trace.sampled) {
    sink.drop('sampled_out')
    return
  }
  const { limits, encodes } = settingsOf(sink)
  const record = finishSpan(span, event, name.phase === 'error', limits)
  if (!encodes) sink.item(record, 2)
  else {
    const encoded = slabs.encode(record)
    if (!sink.item(encoded, 2)) slabs.release(encoded)
  }
}

/** What `span()` opened, only `span()` ends; everything else is found by name and id. */
function openSpanOf(name: string, event: TelemetryEvent, open: OpenSpans): OpenSpan | undefined {
  if (isSpanBoundary(event)) return event.scope && open.own(event.scope)
  const key = correlationKeyOf(event.fields, event.metadataStart)
  return key === undefined ? undefined : open.find(name, open.group(key))
}

/** A scope whose ids are what W3C calls valid; another says nothing. */
function usable(scope: SpanScope | undefined): SpanScope | undefined {
  if (scope === undefined) return undefined
  const { traceId, spanId } = scope
  const valid = traceId.length === 32 && spanId.length === 16 && spanWords(spanId, 0)
  return valid && traceWords(traceId, 0) !== undefined ? scope : undefined
}
