import type { Clock } from '../../clock.ts'
import { type Aggregate, emptyAggregate, type Part } from '../../metrics/aggregate.ts'
import type { DeclaredMetric } from '../../metrics/declared.ts'
import { labelRule } from '../../metrics/labels.ts'
import { forgetPlans } from '../../metrics/plan-cache.ts'
import { redeclare } from '../../metrics/redeclare.ts'
import type { Config } from '../exporter.ts'
import {
  beginWindow,
  createFamily,
  emptyFamily,
  forgetExemplars,
  histogramKind,
  type MetricFamily,
  type Shared,
} from './aggregate/families.ts'
import type { MetricSeries } from './aggregate/series.ts'
import { type Collection, type CollectionItem, itemOf } from './collection.ts'
import { addFamily, declarationsOf, declare } from './declarations.ts'
import { encodeCollection } from './encode/collection.ts'
import { attributeName, identityOf, instrumentName } from './names.ts'
import type { Packing } from './packing.ts'
import { readSettings, type Settings } from './settings.ts'

/** The sums of one exporter. Made before its first client, outlives them all. */
export interface State extends Aggregate<MetricSeries>, Shared, Packing {
  readonly clock: Pick<Clock, 'now'>
  readonly families: MetricFamily[]
  /** By the identity of their names. */
  readonly names: Map<string, MetricFamily>
  /** Inferred metrics, by part and the name asked for. */
  readonly inferred: Map<string, MetricFamily>
  /** Declared histograms without buckets of their own. */
  readonly undecided: MetricFamily[]
  settings: Settings
  /**
   * Equal for settings with the same treatment of attributes, limits and buckets; empty before the first configuration.
   */
  fingerprint: string
  /** Events that the next collection settles. */
  weight: number
  /** Epoch milliseconds: when the latest collection was taken, or the first window began. */
  collectedAt: number
  /** The same in monotonic milliseconds, since when the interval counts; undefined before the first tick. */
  collectedMonotonic: number | undefined
  /** The latest cumulative collection: what of it has yet to arrive by the client that sends it. */
  latest: CollectionItem | undefined
  latestClient: unknown
  /** Collections taken under an earlier configuration, which wait for the next tick. */
  readonly outgoing: CollectionItem[]
  /** Data points that the backend took a request without, and what it said of them last. */
  rejectedPoints: number
  lastRejection: string | undefined
}

export function createState(metrics: readonly DeclaredMetric[], clock: Pick<Clock, 'now'>): State {
  const settings = readSettings({})
  const state: State = {
    ...emptyAggregate<MetricSeries>(),
    ...{ clock, families: [], names: new Map(), inferred: new Map(), undecided: [] },
    ...{ settings, fingerprint: '', totalSeries: 0, now: 0, overflowed: 0, overflowing: undefined },
    isWindowed: (family) => isWindowed(state.settings, family),
    ...{ weight: 0, collectedAt: clock.now(), collectedMonotonic: undefined },
    ...{
      latest: undefined,
      latestClient: undefined,
      outgoing: [],
      requests: undefined,
      rejectedPoints: 0,
      lastRejection: undefined,
    },
  }
  for (const metric of metrics) state.declared.push(declare(state, metric))
  return state
}

/**
 * Whether the metric starts over with each collection; by the specification, a sum that is not monotonic never does.
 */
const isWindowed = ({ temporality }: Settings, { kind }: MetricFamily): boolean =>
  temporality !== 'cumulative' && kind !== 'updown'

/** Takes what was summed up under the configuration before, to be queued with the next tick. */
function collectAsItWas(state: State): void {
  if (state.weight === 0) return
  const { collection, weight } = collect(state, state.clock.now())
  state.outgoing.push(itemOf(collection, weight))
}

/**
 * Takes a configuration over. What was summed up for another temporality or kind of histogram is collected as it was,
 * and everything starts over.
 */
export function configure(state: State, config: Config): void {
  const settings = readSettings(config)
  const fingerprint = JSON.stringify(settings)
  if (fingerprint === state.fingerprint) return
  const { temporality, histogram } = state.settings
  const isFirst = state.fingerprint === ''
  if (!isFirst && (temporality !== settings.temporality || histogram !== settings.histogram)) {
    collectAsItWas(state)
    for (const family of state.families) emptyFamily(family, state)
  }
  state.fingerprint = fingerprint
  state.settings = settings
  state.config = config
  const rule = labelRule(settings, (key) => attributeName(key) ?? '', true)
  state.labelRule = (key) => rule(key) || undefined
  state.maxRemembered = 8 * settings.max_total_series + 4096
  redeclare(
    state,
    settings.metrics,
    declarationsOf(state, () => collectAsItWas(state)),
  )
  forgetPlans(state)
  for (const family of state.families) {
    if (family.kind === 'histogram' || family.kind === 'exponential') family.kind = histogramKind(settings)
  }
  for (const family of state.undecided) if (isEmpty(family)) family.buckets = settings.buckets
}

const isEmpty = ({ series, overflow }: MetricFamily): boolean => series.size === 0 && overflow === undefined

/** The name of what is inferred: a count has that of its event. */
export const inferredName = (_: State, part: Part, eventName: string): string =>
  part === 'count'
    ? instrumentName(eventName)
    : `${instrumentName(eventName).slice(0, 255 - durationSuffix.length)}${durationSuffix}`

const durationSuffix = '.duration'
const longestSubject = 200

/** The sum of an event's `count`, or the histogram of its `duration_ms` in seconds; undefined at `max_metrics`. */
export function inferFamily(state: State, part: Part, eventName: string): MetricFamily | undefined {
  const asked = inferredName(state, part, eventName)
  const key = `${part} ${identityOf(asked)}`
  const known = state.inferred.get(key)
  if (known) return known
  const { settings } = state
  if (state.families.length >= settings.max_metrics) return undefined
  let name = asked
  // A name that another metric has gets a number, so that their counts are not mixed.
  for (let attempt = 2; state.names.has(identityOf(name)); attempt++)
    name = `${asked.slice(0, 245)}_${attempt}`
  const events = `${eventName.slice(0, longestSubject)} events`.toWellFormed()
  const family = createFamily(
    part === 'count'
      ? { name, kind: 'sum', description: `Sum of the count of ${events}.`, unit: '', buckets: [] }
      : {
          ...{ name, kind: histogramKind(settings), unit: 's', buckets: settings.buckets },
          description: `Duration of ${events} in seconds.`,
        },
    state,
  )
  state.inferred.set(key, family)
  return addFamily(state, family)
}

const maxPieceBytes = 32 * 1024

/**
 * Takes a collection of everything that has something to say, and begins the next window. Windows follow one another
 * without a gap, and their times only grow, wherever the clock is set.
 */
export function collect(
  state: State,
  now: number,
): { readonly collection: Collection; readonly weight: number } {
  const { collectedAt, families, weight } = state
  const time = Math.max(now, collectedAt + 1)
  const limit = Number(state.config?.max_request_bytes ?? maxPieceBytes)
  const pieceBytes = Math.min(maxPieceBytes, Math.floor(limit / 8))
  const { isWindowed: windowed } = state
  const collection = encodeCollection(families, {
    start: collectedAt,
    time,
    pieceBytes,
    isWindowed: windowed,
  })
  state.collectedAt = time
  state.weight = 0
  for (const family of families) {
    forgetExemplars(family)
    if (state.isWindowed(family)) beginWindow(family, state)
  }
  return { collection, weight }
}

/** Clears all sums: they start over, with new start times. */
export function forget(state: State): void {
  for (const family of state.families) emptyFamily(family, state)
  state.outgoing.length = 0
  state.weight = 0
  state.latest = undefined
  state.latestClient = undefined
}
