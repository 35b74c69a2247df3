import type { SpanScope } from '../../../src/bus/event.ts'
import { EventRecord } from '../../../src/bus/snapshot.ts'
import type { DropReason } from '../../../src/exporters/drop-reasons.ts'
import type { Collection, CollectionItem } from '../../../src/exporters/otel-metrics/collection.ts'
import { createRequests } from '../../../src/exporters/otel-metrics/encode/request.ts'
import { ingest } from '../../../src/exporters/otel-metrics/ingest.ts'
import { type OtelMetricsConfig, otelMetricsSchema } from '../../../src/exporters/otel-metrics/settings.ts'
import { createState, type State } from '../../../src/exporters/otel-metrics/state.ts'
import { takeCollection } from '../../../src/exporters/otel-metrics/tick.ts'
import type { DeclaredMetric } from '../../../src/index.ts'
import type { DecodedMetric } from '../../../src/testing/index.ts'
import { metricsIn } from './sdk.ts'

const defaults = Object.fromEntries(
  Object.entries(otelMetricsSchema).map(([key, { default: value }]) => [key, value]),
)

export const origin = {
  resource: { attributes: { 'service.name': 'shop' } },
  scope: { name: 'telemachine', version: '1' },
}

/** The aggregation of an otel_metrics exporter without the system around it: its sink, its clock, its requests. */
export function driveMetrics(metrics: readonly DeclaredMetric[] = [], settings: object = {}) {
  const clock = { at: 1_700_000_000_000, now: () => clock.at }
  const state: State = createState(metrics, clock)
  const drops: DropReason[] = []
  const items: CollectionItem[] = []
  let held = 0
  const sink = {
    ...{ state, now: 0, monotonic: 0 },
    config: { ...defaults, ...settings } as unknown as OtelMetricsConfig,
    hold: () => {
      held++
      return true
    },
    drop: (reason: DropReason) => {
      held--
      drops.push(reason)
    },
    item: (item: CollectionItem, weight = 1) => {
      held -= weight
      items.push(item)
      return true
    },
  }
  const tell = (): void => {
    sink.now = clock.at
    sink.monotonic = clock.at - 1_600_000_000_000
  }
  const requests = createRequests(origin)
  const requestOf = (collection: Collection): Uint8Array => requests.join(collection, collection.pieces)
  return {
    ...{ state, clock, drops, items, requestOf },
    held: () => held,
    emit(name: string, measurements: object, metadata: object = {}, scope?: SpanScope): void {
      tell()
      const fields = [...Object.entries(measurements), ...Object.entries(metadata)].flat()
      const start = Object.keys(measurements).length * 2
      ingest(new EventRecord(name, clock.at, fields, start, scope, 'caller'), sink)
    },
    set(changes: object): void {
      sink.config = { ...sink.config, ...changes } as OtelMetricsConfig
    },
    tick(reason: 'interval' | 'flush'): void {
      tell()
      takeCollection(sink, reason)
    },
    /** What the collection that is taken now says. */
    collect(): readonly DecodedMetric[] {
      this.tick('flush')
      const collection = items.at(-1)?.collection ?? state.latest?.collection
      return collection ? metricsIn(requestOf(collection)) : []
    },
  }
}
