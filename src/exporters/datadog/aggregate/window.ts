import type { Sink } from '../../exporter.ts'
import { type MetricItem, metricItem, type Series } from '../item.ts'
import { tagsIn } from '../names.ts'
import { aggregationSeconds } from '../schema.ts'
import { type Context, forgetContexts, type State } from './contexts.ts'

/** Timestamps run ahead of the clock when it is flushed more than once a second; Datadog takes ten minutes. */
const furthestAhead = 300

/** A segment of so many values goes to the queue at once, where the bounds of the queue hold. */
export const maxValues = 500

/** Datadog takes points up to an hour old: a clock that is set back by more brings none of their times back. */
const rememberedTimestamps = 4_000

/**
 * The time of what leaves now, in epoch seconds: never that of an earlier window, since of two points of one context
 * and time Datadog keeps one. The clock may have been set back to a time that was used before.
 */
function nextTimestamp({ timestamps }: State, now: number): number {
  const seconds = Math.floor(now / 1000)
  let timestamp = seconds
  while (timestamps.has(timestamp) && timestamp < seconds + furthestAhead) timestamp += 1
  timestamps.add(timestamp)
  const [oldest = timestamp] = timestamps
  if (timestamps.size > rememberedTimestamps) timestamps.delete(oldest)
  return timestamp
}

/** Takes everything out of the window, the contexts without values first. */
function takeItems(state: State, timestamp: number, interval: number): readonly MetricItem[] {
  const taken: MetricItem[] = []
  for (const { series, overflow } of state.families.values()) {
    for (const context of overflow ? [...series.values(), overflow] : series.values()) {
      const { names, count, gauge } = context
      const value = count ?? gauge
      if (value === undefined && context.values.length === 0) continue
      const type = count === undefined ? 'gauge' : 'count'
      const part = value === undefined ? undefined : ({ metric: names.series, type, value } as const)
      taken.push(take(context, timestamp, interval, part))
    }
  }
  forgetContexts(state)
  const withValues = taken.filter(({ distribution }) => distribution)
  return [...taken.filter(({ distribution }) => !distribution), ...withValues]
}

/** Takes the values out of a context, into an item of their own or with the count or gauge of the context. */
export function take(context: Context, timestamp: number, interval: number, series?: Series): MetricItem {
  const { names, text, values } = context
  const weight = context.valuesWeight + (series ? context.seriesWeight : 0)
  // The tree of labels may keep the context; the values are the item's now.
  context.values = []
  context.valuesWeight = 0
  const distribution = values.length === 0 ? undefined : { metric: names.distribution, values }
  return metricItem({ tags: tagsIn(text), timestamp, interval, series, distribution, weight })
}

/** Ticks come about once a second: one that is this early would make the window a second too long. */
const slackMs = 500

/** Hands the window over when its time is up, or at once for a flush. */
export function handOver(sink: Sink<State, MetricItem>, reason: 'interval' | 'flush'): void {
  const { state, now, monotonic, config } = sink
  if (state.since === undefined) return
  const wanted = aggregationSeconds(config)
  const elapsedMs = monotonic - state.since
  if (reason === 'interval' && elapsedMs < wanted * 1000 - slackMs) return
  const elapsed = elapsedMs / 1000
  const interval = Math.max(1, Math.round(Math.abs(elapsed - wanted) < 1.5 ? wanted : elapsed))
  for (const item of takeItems(state, nextTimestamp(state, now), interval))
    sink.item(item, item.weight, item.bytes)
}
