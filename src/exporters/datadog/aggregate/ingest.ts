import { createIngest } from '../../../metrics/ingest.ts'
import type { Sink } from '../../exporter.ts'
import type { MetricItem } from '../item.ts'
import { layoutOf } from '../names.ts'
import { type Context, configure, familyOf, inferredName, type State } from './contexts.ts'
import { maxValues, take } from './window.ts'

/** A value that waits in a context; a count leaves nothing behind. */
const bytesOfEvent = 16

/**
 * Sums one event up. It is held until the item leaves that has its first measurement; the values of a duration
 * rather than the count, if it has both.
 */
export const ingest = createIngest<State, Context, Sink<State, MetricItem>>({
  ...{ configure, layoutOf, inferredName, familyOf, durationUnitMs: 1 },
  hold: (sink) => sink.hold(bytesOfEvent),
  add(context, value, state) {
    const sum = (context.count ?? 0) + value
    if (!Number.isFinite(sum)) return false
    context.count = sum
    state.settledBy ??= context
    return true
  },
  set(context, value, state) {
    context.gauge = value
    state.settledBy ??= context
    return true
  },
  observe(context, value, state) {
    context.values.push(value)
    state.settledBy ??= context
    if (state.settledBy === context) state.settledByValues = true
    if (context.values.length === maxValues) state.full.push(context)
    return true
  },
  applied(sink) {
    const { state } = sink
    state.since ??= sink.monotonic
    const context = state.settledBy as Context
    if (state.settledByValues) context.valuesWeight++
    else context.seriesWeight++
    state.settledBy = undefined
    state.settledByValues = false
    for (let full = state.full.pop(); full; full = state.full.pop()) {
      const item = take(full, Math.floor(sink.now / 1000), 1)
      sink.item(item, item.weight, item.bytes)
    }
  },
})
