import type { Outcome } from '../outcome.ts'

/** A count or a gauge of one context, for `/api/v2/series`. */
export interface Series {
  readonly metric: string
  readonly type: 'count' | 'gauge'
  readonly value: number
}

/** Values of one context, for `/api/v1/distribution_points`. */
export interface Distribution {
  readonly metric: string
  readonly values: readonly number[]
}

/**
 * The sums of one context in one window. An event that has a count and a duration is in both parts of one item, so
 * that it is settled once, by the item. The marks say what became of each part: a part that arrived is never sent
 * again, whatever becomes of the other one and of the batch.
 */
export interface MetricItem {
  /** Legal tags of the event, sorted; those of the configuration come on top when it is sent. */
  readonly tags: readonly string[]
  /** Epoch seconds. */
  readonly timestamp: number
  /** Seconds that were summed up. */
  readonly interval: number
  readonly series: Series | undefined
  readonly distribution: Distribution | undefined
  /** Events that are settled by it. */
  readonly weight: number
  readonly bytes: number
  readonly arrived: { series: boolean; distribution: boolean }
  /** A final failure of one of its parts, and whose verdict it is: another client has another key or address. */
  fate: Outcome | undefined
  judge: unknown
}

export type Part = 'series' | 'distribution'

export const parts = ['series', 'distribution'] as const satisfies readonly Part[]

/** The contents of an item. */
type Measured = Pick<MetricItem, 'tags' | 'timestamp' | 'interval' | 'series' | 'distribution' | 'weight'>

export const metricItem = (of: Measured): MetricItem => ({
  ...of,
  bytes: estimate(of),
  arrived: { series: of.series === undefined, distribution: of.distribution === undefined },
  ...{ fate: undefined, judge: undefined },
})

export const isPending = (item: MetricItem, part: Part): boolean =>
  item.fate === undefined && !item.arrived[part]

export const hasArrived = ({ arrived }: MetricItem): boolean => arrived.series && arrived.distribution

/** JSON around name, tags, time and host: generous, since tags of the configuration are not known yet. */
const frame = 400
const bytesPerValue = 24

function estimate({ tags, series, distribution }: Measured): number {
  let tagBytes = 0
  for (const tag of tags) tagBytes += Buffer.byteLength(tag) + 3
  let bytes = 0
  if (series) bytes += frame + tagBytes + series.metric.length
  if (distribution)
    bytes += frame + tagBytes + distribution.metric.length + bytesPerValue * distribution.values.length
  return bytes
}
