import type { TelemetryEvent } from '../../bus/event.ts'
import { createIngest } from '../../metrics/ingest.ts'
import type { Sink } from '../exporter.ts'
import { offerExemplar } from './aggregate/exemplars.ts'
import { add, type MetricSeries, observe, set } from './aggregate/series.ts'
import type { CollectionItem } from './collection.ts'
import { layoutOf } from './names.ts'
import { configure, inferFamily, inferredName, type State } from './state.ts'

/** Nothing of an event is kept but what it adds to sums; as little as can be said of it. */
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
    // What begins anew begins after what was collected before, wherever the clock is set.
    state.now = Math.max(sink.now, state.collectedAt)
    return sink.hold(bytesOfEvent)
  },
  applied(sink) {
    sink.state.weight++
  },
})
