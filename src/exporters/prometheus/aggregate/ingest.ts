import { type Accumulation, add, observe, set } from '../../../metrics/accumulation.ts'
import { createIngest } from '../../../metrics/ingest.ts'
import { withOutcome } from '../outcome.ts'
import { layoutOf } from './layout.ts'
import { configure, inferFamily, inferredNames, operationIn, type State } from './state.ts'

/** Applies one event to the aggregates. It counts as delivered when any of its measurements was applied. */
export const ingest = createIngest<State, Accumulation>({
  ...{ configure, layoutOf, familyOf: inferFamily, add, set, observe, durationUnitMs: 1000 },
  inferredName: (state, part, eventName) => inferredNames(state, part, eventName).name,
  partLabels(state, part, eventName, text) {
    const operation = part === 'duration' ? operationIn(state, eventName) : undefined
    return operation ? withOutcome(text, operation.outcome) : text
  },
})
