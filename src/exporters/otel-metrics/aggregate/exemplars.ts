import type { TelemetryEvent } from '../../../bus/event.ts'
import { bucketOf } from '../../../metrics/accumulation.ts'
import { type Exemplar, exemplarOf } from '../../../metrics/exemplar.ts'
import type { MetricSeries } from './series.ts'

/**
 * The exemplars of a series since the latest collection, as the metrics SDK specification chooses them: of a histogram
 * with explicit buckets the latest of each bucket, of an exponential one a random sample, of all others one at random.
 */
export interface Reservoir {
  readonly kept: (Exemplar | undefined)[]
  /** How many were offered. */
  offered: number
}

/** Size of the reservoir of an exponential histogram, by the specification. */
const exponentialSize = 20

/** Offers an event that was counted in a series, if it was emitted within a sampled span. */
export function offerExemplar(series: MetricSeries, value: number, event: TelemetryEvent): void {
  const exemplar = exemplarOf(event, value)
  if (exemplar === undefined) return
  series.exemplars ??= { kept: [], offered: 0 }
  const place = series.counts.length > 0 ? bucketOf(series.bounds, value) : placeIn(series)
  if (place >= 0) series.exemplars.kept[place] = exemplar
}

/** Every event of the interval has the same chance to be kept; -1: this one is not. */
function placeIn({ exemplars, exponential }: MetricSeries): number {
  const reservoir = exemplars as Reservoir
  const size = exponential ? exponentialSize : 1
  const { offered } = reservoir
  reservoir.offered++
  if (offered < size) return offered
  const place = Math.floor(Math.random() * reservoir.offered)
  return place < size ? place : -1
}
