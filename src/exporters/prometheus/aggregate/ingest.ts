import type { TelemetryEvent } from '../../../bus/event.ts'
import { type Accumulation, add, observe, set } from '../../../metrics/accumulation.ts'
import { createIngest } from '../../../metrics/ingest.ts'
import { withOutcome } from '../outcome.ts'
import { noteExemplar } from './exemplars.ts'
import { layoutOf } from './layout.ts'
import { configure, inferFamily, inferredNames, operationIn, type State } from './state.ts'

const noted = ({ exemplars }: State, series: Accumulation, value: number, event: TelemetryEvent): true => {
  if (exemplars !== undefined) noteExemplar(exemplars, series, value, event)
  return true
}

/** Applies one event to the aggregates. It counts as delivered when any of its measurements was applied. */
export const ingest = createIngest<State, Accumulation>({
  ...{ configure, layoutOf, familyOf: inferFamily, durationUnitMs: 1000 },
  set(series, value, state, event) {
    state.setAt?.set(series, event.time)
    return set(series, value)
  },
  add: (series, value, state, event) => add(series, value) && noted(state, series, value, event),
  observe: (series, value, state, event) => observe(series, value) && noted(state, series, value, event),
  inferredName: (state, part, eventName) => inferredNames(state, part, eventName).name,
  partLabels(state, part, eventName, text) {
    const operation = part === 'duration' ? operationIn(state, eventName) : undefined
    return operation ? withOutcome(text, operation.outcome) : text
  },
})
