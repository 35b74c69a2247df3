import type { Registry } from 'prom-client'
import type { TelemetryEvent } from '../../../bus/event.ts'
import type { Config } from '../../exporter.ts'
import type { DeclaredMetric } from '../declared.ts'
import { familyNames } from '../declared.ts'
import { labelName, metricName } from '../names.ts'
import { type Operation, operationOf } from '../outcome.ts'
import type { Settings } from '../settings.ts'
import { readSettings } from '../settings.ts'
import type {
  Family,
  FamilyNames,
  FamilyType,
  HistogramFamily,
  LabelSource,
  NumberFamily,
} from './families.ts'
import { histogramFamily, numberFamily, occupiedNames, seriesCount } from './families.ts'
import { type Layout, layoutOf } from './layout.ts'
import type { Shape } from './shapes.ts'

/** What one exporter has aggregated. Made before its first client, outlives them all; shared with nobody. */
export interface State {
  readonly families: Family[]
  readonly declared: readonly DeclaredFamily[]
  /** Every name taken on the page by us, in either format. */
  readonly names: Map<string, Family | undefined>
  /** Inferred families by type and the name asked for: `a.b` and `a_b` are one metric. */
  readonly inferred: Map<string, Family>
  /** By event name; a cache, so it may be emptied at any time. */
  readonly plans: Map<string, Plan>
  /** How much the plans remember of shapes and label sets. */
  remembered: number
  /** What all families have together, in series and in bytes of the page. */
  readonly totals: { series: number; bytes: number }
  config: Config | undefined
  settings: Settings
  /** The event whose labels were made last, and they: its counter and its histogram have the same. */
  labelled: TelemetryEvent | undefined
  labels: LabelSource | undefined
  /** Set by the first open, or by the user from the start. */
  registry: Registry | undefined
  /** Whether the registry holds a foreign metric of this name. */
  taken: (name: string) => boolean
  /** Called for each new family. */
  announce: (family: Family) => void
  /** Measurements, not events: an event may have a good count and a bad duration. */
  refused: number
  limited: number
  /** Errors thrown by functions of declared metrics, and the latest one. */
  failed: number
  lastFailure: string | undefined
  /** Metrics of others that were left off the last page. */
  conflicts: readonly string[]
}

export interface DeclaredFamily {
  readonly metric: DeclaredMetric
  readonly family: Family
  /** How the values of its tags become labels. */
  readonly layout: Layout
}

/** What is done with the events of one name. */
export interface Plan {
  readonly declared: readonly DeclaredFamily[]
  readonly shapes: Shape[]
  /** False: a declared metric of that very name measures this event in its own way. */
  readonly infersCounter: boolean
  readonly infersHistogram: boolean
  /** With `outcome_label`, what the events end: their durations are in the histogram of that. */
  readonly operation: Operation | undefined
  counter: NumberFamily | undefined
  histogram: HistogramFamily | undefined
}

const maxPlans = 4096
const maxHelpName = 200

export function createState(
  metrics: readonly DeclaredMetric[],
  registry: Registry | undefined,
  reserved: Iterable<string>,
): State {
  const settings = readSettings({})
  const names = new Map<string, Family | undefined>()
  for (const name of reserved) names.set(name, undefined)
  const state: State = {
    ...{ families: [], declared: [], names, inferred: new Map(), plans: new Map(), remembered: 0 },
    ...{ totals: { series: 0, bytes: 0 }, config: undefined, settings },
    ...{ labelled: undefined, labels: undefined },
    ...{ registry, taken: () => false, announce: () => {} },
    ...{ refused: 0, limited: 0, failed: 0, lastFailure: undefined, conflicts: [] },
  }
  const declared = metrics.map((metric) => ({
    ...{ metric, family: declaredFamily(state, metric) },
    layout: layoutOf(metric.tags.map((key, offset) => ({ key, name: labelName(key), offset }))),
  }))
  return { ...state, declared }
}

function declaredFamily(state: State, metric: DeclaredMetric): Family {
  const family =
    metric.type === 'histogram'
      ? histogramFamily(metric, metric.description, metric.buckets ?? state.settings.buckets)
      : numberFamily(metric.type, metric, metric.description)
  return add(state, family)
}

/** Takes a configuration over; every cache that depends on it is forgotten, no series is. */
export function configure(state: State, config: Config): void {
  state.config = config
  const settings = readSettings(config)
  if (settings.fingerprint === state.settings.fingerprint) return
  state.settings = settings
  forgetPlans(state)
  for (const { metric, family } of state.declared) {
    const undecided = metric.type === 'histogram' && !metric.buckets && seriesCount(family) === 0
    if (undecided) family.buckets = settings.buckets
  }
}

function forgetPlans(state: State): void {
  state.plans.clear()
  state.remembered = 0
  state.labelled = undefined
}

/** Counts what plans remember; beyond the bound they begin anew: permuted keys lead to one series by many paths. */
export function remember(state: State, weight: number): void {
  state.remembered += weight
  if (state.remembered > 8 * state.settings.limits.max_total_series + 4096) forgetPlans(state)
}

export function planFor(state: State, eventName: string): Plan {
  if (state.plans.size >= maxPlans) forgetPlans(state)
  const declared = state.declared.filter(({ metric }) => metric.matches(eventName))
  const operation = state.settings.outcomeLabel ? operationOf(eventName) : undefined
  const replaced = (type: FamilyType, of = eventName): boolean => {
    const { name } = inferredNames(type, of)
    return declared.some(({ family }) => family.name === name)
  }
  const plan: Plan = {
    ...{ declared, operation, shapes: [], counter: undefined, histogram: undefined },
    infersCounter: !replaced('counter'),
    infersHistogram: !replaced('histogram', operation?.name),
  }
  state.plans.set(eventName, plan)
  return plan
}

const inferredNames = (type: FamilyType, eventName: string, attempt = 1): FamilyNames => {
  const nth = attempt > 1 ? `_${attempt}` : ''
  return type === 'counter'
    ? familyNames(type, `${counterEvent(eventName)}${nth}_total`)
    : familyNames(type, `${metricName(eventName)}${nth}_duration_seconds`)
}

const counterEvent = (eventName: string): string => familyNames('counter', eventName).base

/** The counter of an event's `count`; undefined at `max_metrics`. */
export const inferCounter = (state: State, eventName: string): NumberFamily | undefined =>
  infer(state, 'counter', eventName, (names) =>
    numberFamily('counter', names, `Sum of the count of ${shown(eventName)} events.`),
  ) as NumberFamily | undefined

/** The histogram of an event's `duration_ms`, in seconds; undefined at `max_metrics`. */
export const inferHistogram = (state: State, eventName: string): HistogramFamily | undefined =>
  infer(state, 'histogram', eventName, (names) =>
    histogramFamily(names, `Duration of ${shown(eventName)} events in seconds.`, state.settings.buckets),
  ) as HistogramFamily | undefined

const shown = (eventName: string): string => eventName.slice(0, maxHelpName)

function infer(
  state: State,
  type: 'counter' | 'histogram',
  eventName: string,
  make: (names: FamilyNames) => Family,
): Family | undefined {
  const asked = `${type} ${inferredNames(type, eventName).name}`
  const known = state.inferred.get(asked)
  if (known) return known
  if (state.families.length >= state.settings.max_metrics) return undefined
  // A name that something else has on the page gets a number: valid, and nobody's counts are mixed.
  let names = inferredNames(type, eventName)
  for (let attempt = 2; !isFree(state, type, names); attempt++) {
    names = inferredNames(type, eventName, attempt)
  }
  const family = add(state, make(names))
  state.inferred.set(asked, family)
  return family
}

const isFree = (state: State, type: FamilyType, names: FamilyNames): boolean =>
  occupiedNames(type, names).every((name) => !state.names.has(name) && !state.taken(name))

function add(state: State, family: Family): Family {
  for (const name of occupiedNames(family.type, family)) state.names.set(name, family)
  state.families.push(family)
  state.announce(family)
  return family
}
