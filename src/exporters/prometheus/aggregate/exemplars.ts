import type { TelemetryEvent } from '../../../bus/event.ts'
import { EventRecord } from '../../../bus/snapshot.ts'
import { sampledFlag } from '../../../bus/span-scope.ts'
import { spanHex, type TraceId, traceHex } from '../../../bus/trace-id.ts'
import type { Accumulation } from '../../../metrics/accumulation.ts'
import { numberText } from '../names.ts'

/** The latest event in a sampled span that a counter, or a bucket of a histogram, has counted. */
interface Exemplar extends TraceId {
  readonly spanHigh: number
  readonly spanLow: number
  readonly value: number
  /** Epoch milliseconds. */
  readonly time: number
}

/** By series, then by bucket; a counter has one at 0. */
export type Exemplars = WeakMap<Accumulation, (Exemplar | undefined)[]>

const bucketOf = ({ bounds }: Accumulation, value: number): number => {
  let bucket = 0
  while (bucket < bounds.length && value > bounds[bucket]!) bucket++
  return bucket
}

/** Keeps the span of an event as the exemplar of what it was counted in, if the span is sampled. */
export function noteExemplar(
  exemplars: Exemplars,
  series: Accumulation,
  value: number,
  event: TelemetryEvent,
): void {
  const scope = EventRecord.scopeOf(event)
  if (scope === undefined || ((scope.traceFlags ?? scope.announcedFlags ?? 0) & sampledFlag) === 0) return
  let ofSeries = exemplars.get(series)
  if (ofSeries === undefined) {
    ofSeries = []
    exemplars.set(series, ofSeries)
  }
  const { w0, w1, w2, w3, spanHigh, spanLow } = scope
  ofSeries[bucketOf(series, value)] = { w0, w1, w2, w3, spanHigh, spanLow, value, time: event.time }
}

/** What follows a sample in OpenMetrics; empty where there is no exemplar. */
export function exemplarText(exemplars: Exemplars | undefined, series: Accumulation, bucket = 0): string {
  const exemplar = exemplars?.get(series)?.[bucket]
  if (exemplar === undefined) return ''
  const { spanHigh, spanLow, value, time } = exemplar
  const at = time > 0 && time < Number.POSITIVE_INFINITY ? ` ${numberText(time / 1000)}` : ''
  return ` # {trace_id="${traceHex(exemplar)}",span_id="${spanHex(spanHigh, spanLow)}"} ${numberText(value)}${at}`
}
