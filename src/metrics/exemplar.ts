import type { TelemetryEvent } from '../bus/event.ts'
import { EventRecord } from '../bus/snapshot.ts'
import { sampledFlag } from '../bus/span-scope.ts'
import type { TraceId } from '../bus/trace-id.ts'

/** An event in a sampled span, and what was measured of it. */
export interface Exemplar extends TraceId {
  readonly spanHigh: number
  readonly spanLow: number
  readonly value: number
  /** Epoch milliseconds. */
  readonly time: number
}

/** Returns the exemplar that an event is; undefined for one that was not emitted within a sampled span. */
export function exemplarOf(event: TelemetryEvent, value: number): Exemplar | undefined {
  const scope = EventRecord.scopeOf(event)
  if (scope === undefined || ((scope.traceFlags ?? scope.announcedFlags ?? 0) & sampledFlag) === 0)
    return undefined
  const { w0, w1, w2, w3, spanHigh, spanLow } = scope
  return { w0, w1, w2, w3, spanHigh, spanLow, value, time: event.time }
}
