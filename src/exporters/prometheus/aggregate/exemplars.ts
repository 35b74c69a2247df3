import type { TelemetryEvent } from '../../../bus/event.ts'
import { spanHex, traceHex } from '../../../bus/trace-id.ts'
import { type Accumulation, bucketOf } from '../../../metrics/accumulation.ts'
import { type Exemplar, exemplarOf } from '../../../metrics/exemplar.ts'
import { numberText } from '../names.ts'

/** The latest exemplar by series, then by bucket; a counter has one at 0. */
export type Exemplars = WeakMap<Accumulation, (Exemplar | undefined)[]>

/** Keeps the span of an event as the exemplar of what it was counted in, if the span is sampled. */
export function noteExemplar(
  exemplars: Exemplars,
  series: Accumulation,
  value: number,
  event: TelemetryEvent,
): void {
  const exemplar = exemplarOf(event, value)
  if (exemplar === undefined) return
  let ofSeries = exemplars.get(series)
  if (ofSeries === undefined) {
    ofSeries = []
    exemplars.set(series, ofSeries)
  }
  ofSeries[bucketOf(series.bounds, value)] = exemplar
}

/** Returns the exemplar that follows a sample in OpenMetrics; an empty string without one. */
export function exemplarText(exemplars: Exemplars | undefined, series: Accumulation, bucket = 0): string {
  const exemplar = exemplars?.get(series)?.[bucket]
  if (exemplar === undefined) return ''
  const { spanHigh, spanLow, value, time } = exemplar
  const at = time > 0 && time < Number.POSITIVE_INFINITY ? ` ${numberText(time / 1000)}` : ''
  return ` # {trace_id="${traceHex(exemplar)}",span_id="${spanHex(spanHigh, spanLow)}"} ${numberText(value)}${at}`
}
