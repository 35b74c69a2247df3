import type { TelemetryEvent } from '../../bus/event.ts'
import { createIngest } from '../../metrics/ingest.ts'
import type { Sink } from '../exporter.ts'
import { offerExemplar } from './aggregate/exemplars.ts'
import { add, type MetricSeries, observe, set } from './aggregate/series.ts'
import type { CollectionItem } from './collection.ts'
import { layoutOf } from './names.ts'
import { configure, inferFamily, inferredName, type State } from './state.ts'

/** An event adds to sums and is not kept, so its size is the smallest possible. */
const bytesOfEvent = 1

const noted = ({ settings }: State, series: MetricSeries, value: number, event: TelemetryEvent): true => {
  if (settings.exemplars) offerExemplar(series, value, event)
  return true
}

/** Sums one event up. It is held until a collection takes what it was added to. */
export const ingest = createIngest<State, MetricSeries, Sink<State, CollectionItem>>({
  ...{ configure, layoutOf, inferredName, familyOf: inferFamily, durationUnitMs: 1000 },
  add: (series, value, state, event) => add(series, value) && noted(state, series, value, event),
  set: (series, value, state, event) => set(series, value) && noted(state, series, value, event),
  observe: (series, value, state, event) => observe(series, value) && noted(state, series, value, event),
  hold(sink) {
    const { state } = sink
    // A new start time is never before the latest collection, even if the clock was set back.
    state.now = Math.max(sink.now, state.collectedAt)
    return sink.hold(bytesOfEvent)
  },
  applied(sink) {
    sink.state.weight++
  },
})
