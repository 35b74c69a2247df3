import type { Sink } from '../exporter.ts'
import { type CollectionItem, itemOf, memoryOf } from './collection.ts'
import type { OtelMetricsConfig } from './settings.ts'
import { collect, configure, type State } from './state.ts'

/** Ticks come about once a second: one that is this early would make the interval a second too long. */
const slackMs = 500

type MetricsSink = Sink<State, CollectionItem, OtelMetricsConfig>

/**
 * Takes a collection when the interval is over, or at once for a flush if anything has changed. Without a change a
 * cumulative one is taken all the same: backends take metrics that fall silent for gone.
 */
export function takeCollection(sink: MetricsSink, reason: 'interval' | 'flush'): void {
  const { state, config, monotonic } = sink
  if (config !== state.config) {
    state.config = config
    configure(state, config)
  }
  for (let item = state.outgoing.shift(); item; item = state.outgoing.shift()) queue(sink, item)
  state.collectedMonotonic ??= monotonic
  if (reason === 'flush' && state.weight === 0) return
  if (reason === 'interval' && monotonic - state.collectedMonotonic < config.interval * 1000 - slackMs) return
  state.collectedMonotonic = monotonic
  const { collection, weight } = collect(state, sink.now)
  if (collection.pieces.length === 0 && weight === 0) return
  if (state.settings.temporality === 'cumulative') {
    state.latest = itemOf(collection, 0)
    queue(sink, itemOf(undefined, weight))
  } else queue(sink, itemOf(collection, weight))
}

const queue = (sink: MetricsSink, item: CollectionItem): boolean =>
  sink.item(item, item.weight, memoryOf(item))
