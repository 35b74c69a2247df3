import type { Sink } from '../../exporter.ts'
import { type MetricItem, metricItem } from '../item.ts'
import { aggregationSeconds } from '../schema.ts'
import { type Context, forgetContexts, isEmpty, type State } from './contexts.ts'

/** Timestamps run ahead of the clock when it is flushed more than once a second; Datadog takes ten minutes. */
const furthestAhead = 300

/** A segment of so many values goes to the queue at once, where the bounds of the queue hold. */
export const mostValues = 500

/** Datadog takes points up to an hour old: a clock that is set back by more brings none of their times back. */
const rememberedTimestamps = 4_000

/**
 * The time of what leaves now, in epoch seconds: never that of an earlier window, since of two points of one context
 * and time Datadog keeps one. The clock may have been set back to a time that was used before.
 */
export function nextTimestamp({ timestamps }: State, now: number): number {
  const seconds = Math.floor(now / 1000)
  let timestamp = seconds
  while (timestamps.has(timestamp) && timestamp < seconds + furthestAhead) timestamp += 1
  timestamps.add(timestamp)
  const [oldest = timestamp] = timestamps
  if (timestamps.size > rememberedTimestamps) timestamps.delete(oldest)
  return timestamp
}

/** Takes everything out of the window, those without values first. */
export function takeItems(
  state: State,
  timestamp: number,
  interval: number,
): { readonly item: MetricItem; readonly weight: number }[] {
  const taken: { item: MetricItem; weight: number }[] = []
  const withValues: { item: MetricItem; weight: number }[] = []
  for (const contexts of [state.contexts, state.overflow]) {
    for (const context of contexts.values()) {
      const weight = context.seriesWeight + context.valuesWeight
      const item = itemOf(context, timestamp, interval)
      // A tree of tags may keep the context; the values are the item's now.
      context.values = []
      if (item) (item.distribution ? withValues : taken).push({ item, weight })
    }
  }
  forgetContexts(state)
  return taken.concat(withValues)
}

function itemOf(context: Context, timestamp: number, interval: number): MetricItem | undefined {
  const { names, tags, count, gauge, values } = context
  const value = count ?? gauge
  if (value === undefined && values.length === 0) return undefined
  return metricItem({
    ...{ tags, timestamp, interval },
    series:
      value === undefined
        ? undefined
        : { metric: names.series, type: count === undefined ? 'gauge' : 'count', value },
    distribution: values.length === 0 ? undefined : { metric: names.distribution, values },
  })
}

/** Takes the values alone out of a context that has many. */
export function takeValues(
  context: Context,
  timestamp: number,
): { readonly item: MetricItem; readonly weight: number } {
  const { names, tags, values, valuesWeight } = context
  context.values = []
  context.valuesWeight = 0
  const distribution = { metric: names.distribution, values }
  return {
    item: metricItem({ tags, timestamp, interval: 1, series: undefined, distribution }),
    weight: valuesWeight,
  }
}

/** Ticks come about once a second: one that is this early would make the window a second too long. */
const slackMs = 500

/** Hands the window over when its time is up, or at once for a flush. */
export function handOver(sink: Sink<State, MetricItem>, reason: 'interval' | 'flush'): void {
  const { state, now, monotonic, config } = sink
  if (isEmpty(state)) return
  const wanted = aggregationSeconds(config)
  const elapsedMs = monotonic - state.since
  if (reason === 'interval' && elapsedMs < wanted * 1000 - slackMs) return
  const elapsed = elapsedMs / 1000
  const interval = Math.max(1, Math.round(Math.abs(elapsed - wanted) < 1.5 ? wanted : elapsed))
  for (const { item, weight } of takeItems(state, nextTimestamp(state, now), interval))
    sink.item(item, weight, item.bytes)
}
