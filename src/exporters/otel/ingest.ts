import { correlationKeyOf } from '../../bus/correlation.ts'
import type { TelemetryEvent } from '../../bus/event.ts'
import { bytesOf, EventRecord, isSpanBoundary } from '../../bus/snapshot.ts'
import type { Sink } from '../exporter.ts'
import { createSpanSlabs, type SpanSlabs } from './encode/span-slabs.ts'
import type { Packing } from './packing.ts'
import type { OtelConfig } from './schema.ts'
import { checkSdkSpan, sdkSpanOf } from './sdk-span.ts'
import type { SpanItem } from './span-item.ts'
import type { AttributeLimits } from './spans/attributes.ts'
import { createNameReader, type SpanEventName } from './spans/names.ts'
import { keptStart, type Moment, OpenSpan } from './spans/open-span.ts'
import { createOpenSpans, type OpenSpans } from './spans/open-spans.ts'
import { placeInside, placeOwn } from './spans/placement.ts'
import { finishSpan } from './spans/record.ts'
import { sizeOfItem } from './spans/size.ts'

/** Settings for spans, read once for each configuration rather than for each event. */
interface SpanSettings {
  /** Whose settings these are. */
  readonly config: OtelConfig
  readonly samplingRate: number
  readonly maxActiveSpans: number
  readonly ttlMs: number
  readonly limits: AttributeLimits
  /** The client in force takes encoded spans; the package's has a serializer of its own. */
  readonly encodes: boolean
}

const spanSettings = (config: OtelConfig): SpanSettings => ({
  config,
  samplingRate: config.sampling_rate,
  maxActiveSpans: config.max_active_spans,
  ttlMs: config.span_ttl * 1000,
  limits: { count: config.max_attributes, length: config.max_attribute_length },
  encodes: config.client !== 'package',
})

/** State of an otel exporter that outlives its clients: open spans. */
export interface SpanState extends Packing {
  readonly open: OpenSpans
  readonly nameOf: (event: string) => SpanEventName | undefined
  /** Where finished spans are encoded, at once. */
  readonly slabs: SpanSlabs
  /** Settings of the configuration that was in force at the latest event. */
  settings: SpanSettings | undefined
  /** When the latest span was opened. */
  moment: Moment
}

export type SpanSink = Sink<SpanState, SpanItem, OtelConfig>

export const createSpanState = (): SpanState => ({
  open: createOpenSpans(),
  nameOf: createNameReader(),
  slabs: createSpanSlabs(),
  settings: undefined,
  encoder: undefined,
  moment: { at: 0 },
})

function settingsOf({ state, config }: SpanSink): SpanSettings {
  if (state.settings?.config !== config) state.settings = spanSettings(config)
  return state.settings
}

function momentOf({ state, monotonic }: SpanSink): Moment {
  if (state.moment.at !== monotonic) state.moment = { at: monotonic }
  return state.moment
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
  sink.item(span, 1, sizeOfItem(span))
}

/** Drops what has been open for `span_ttl`. Touches only what expires. */
export function expireSpans(sink: SpanSink): void {
  const { open } = sink.state
  const limit = sink.monotonic - settingsOf(sink).ttlMs
  for (let span = open.oldest; span !== undefined && span.opened.at <= limit; span = open.oldest)
    evict(span, 'expired', sink)
}

function evict(span: OpenSpan, reason: 'expired' | 'span_limit' | 'superseded', sink: SpanSink): void {
  sink.state.open.remove(span)
  // The start of one that is not sampled was counted when it came.
  if (span.trace.sampled) sink.drop(reason, 1)
}

/** Bytes of an open span beside its start event. */
const openSpanBytes = 384

function startSpan(name: string, event: TelemetryEvent, sink: SpanSink): void {
  const { open } = sink.state
  const { samplingRate, maxActiveSpans, limits } = settingsOf(sink)
  const scope = EventRecord.scopeOf(event)
  const own = scope !== undefined && isSpanBoundary(event)
  // The id that a `span()` makes up leads to its span without a group of its own.
  const key = own && scope.hasOwnId ? undefined : correlationKeyOf(event.fields, event.metadataStart)
  if (key === undefined && !own) {
    sink.drop('no_correlation_id')
    return
  }

  const group =
    key === undefined ? undefined : open.groupFor(key, own && scope.beginsTrace ? scope : undefined)
  const earlier = own ? undefined : open.find(name, group)
  const span = new OpenSpan(name, group, scope, own, momentOf(sink))
  if (own) placeOwn(span, scope, open, samplingRate)
  else placeInside(span, event, group!, earlier, open, samplingRate)

  // First this event is held: the drops that follow then take what older starts have held.
  if (span.trace.sampled) {
    if (!sink.hold(openSpanBytes + bytesOf(event))) return
    span.start = keptStart(event, limits.length)
  } else sink.drop('sampled_out')
  if (earlier !== undefined) evict(earlier, 'superseded', sink)
  if (open.size >= maxActiveSpans) makeRoom(maxActiveSpans, sink)
  open.add(span)
}

function makeRoom(maxActiveSpans: number, sink: SpanSink): void {
  const { open } = sink.state
  for (let old = open.oldest; old !== undefined && open.size >= maxActiveSpans; old = open.oldest)
    evict(old, 'span_limit', sink)
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
  if (!encodes) {
    const record = finishSpan(span, event, name.phase === 'error', limits)
    sink.item(record, 2, sizeOfItem(record))
    return
  }
  const encoded = slabs.finish(span, event, name.phase === 'error', limits)
  if (!sink.item(encoded, 2, encoded.end - encoded.start)) slabs.release(encoded)
}

/** What `span()` opened, only `span()` ends; everything else is found by name and id. */
function openSpanOf(name: string, event: TelemetryEvent, open: OpenSpans): OpenSpan | undefined {
  if (isSpanBoundary(event)) {
    const scope = EventRecord.scopeOf(event)
    return scope && open.own(scope.spanHigh, scope.spanLow)
  }
  const key = correlationKeyOf(event.fields, event.metadataStart)
  return key === undefined ? undefined : open.find(name, open.group(key))
}
