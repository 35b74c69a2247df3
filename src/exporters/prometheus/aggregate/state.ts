import type { Registry } from 'prom-client'
import type { Shipping } from '../../../cluster/reporter.ts'
import type { Accumulation } from '../../../metrics/accumulation.ts'
import { type Aggregate, emptyAggregate, type Part } from '../../../metrics/aggregate.ts'
import type { DeclaredMetric } from '../../../metrics/declared.ts'
import { labelRule } from '../../../metrics/labels.ts'
import { forgetPlans } from '../../../metrics/plan-cache.ts'
import { redeclare } from '../../../metrics/redeclare.ts'
import type { Config } from '../../exporter.ts'
import { type FamilyNames, familyNames, labelName, metricName, occupiedNames } from '../names.ts'
import { type Operation, operationOf } from '../outcome.ts'
import { readSettings, type Settings } from '../settings.ts'
import { addFamily, declarationsOf, declare } from './declarations.ts'
import type { Exemplars } from './exemplars.ts'
import { createFamily, type Family } from './families.ts'

/** The aggregates of one exporter. Made before its first client, outlives them all, not shared. */
export interface State extends Aggregate<Accumulation> {
  readonly families: Family[]
  /** Every name taken on the page by us, in either format. */
  readonly names: Map<string, Family | undefined>
  /** Inferred families by part and the name asked for: `a.b` and `a_b` are one metric. */
  readonly inferred: Map<string, Family>
  /** Declared histograms without buckets of their own: until their first series they have those of the configuration. */
  readonly undecided: Family[]
  /** Totals of all families: series, and bytes of the page. */
  readonly totals: { series: number; bytes: number }
  settings: Settings
  /** Undefined while exemplars are switched off. */
  exemplars: Exemplars | undefined
  /** When gauges were set, in epoch milliseconds; undefined until the page is shared with other processes or threads. */
  setAt: WeakMap<Accumulation, number> | undefined
  /** The reports that each group of processes with a shared page has from this one. */
  readonly shippings: Map<string, Shipping>
  /** Equal for settings with the same treatment of labels and limits; empty before the first configuration. */
  fingerprint: string
  /** Set by the first open, or by the user from the start. */
  registry: Registry | undefined
  /** Whether the registry holds a foreign metric of this name. */
  taken: (name: string) => boolean
  /** Called for each new family, and for each that is given up. */
  announce: (family: Family) => void
  withdraw: (family: Family) => void
  /** Metrics of others that were left off the last page. */
  conflicts: readonly string[]
}

const maxHelpName = 200

export function createState(
  metrics: readonly DeclaredMetric[],
  registry: Registry | undefined,
  reserved: Iterable<string>,
): State {
  const state: State = {
    ...emptyAggregate<Accumulation>(),
    ...{ families: [], names: new Map(), inferred: new Map(), undecided: [] },
    ...{ totals: { series: 0, bytes: 0 }, settings: readSettings({}), exemplars: undefined, fingerprint: '' },
    ...{ setAt: undefined, shippings: new Map() },
    ...{ registry, taken: () => false, announce: () => {}, withdraw: () => {} },
    conflicts: [],
  }
  for (const name of reserved) state.names.set(name, undefined)
  for (const metric of metrics) state.declared.push(declare(state, metric))
  return state
}

/** Takes a configuration over; every cache that depends on it is forgotten, no series is. */
export function configure(state: State, config: Config): void {
  const settings = readSettings(config)
  const fingerprint = JSON.stringify(settings)
  if (fingerprint === state.fingerprint) return
  state.fingerprint = fingerprint
  state.settings = settings
  state.exemplars = settings.exemplars ? (state.exemplars ?? new WeakMap()) : undefined
  state.labelRule = labelRule(settings, labelName, true)
  state.maxRemembered = 8 * settings.max_total_series + 4096
  redeclare(state, settings.metrics, declarationsOf(state))
  forgetPlans(state)
  for (const family of state.undecided) {
    if (family.series.size === 0 && !family.overflow) family.buckets = settings.buckets
  }
}

/** With `outcome_label`, what events of this name end: their durations are in the histogram of that. */
export const operationIn = ({ settings }: State, eventName: string): Operation | undefined =>
  settings.outcome_label ? operationOf(eventName) : undefined

const typeOf = (part: Part) => (part === 'count' ? 'counter' : 'histogram')

/** Returns the subject of an event's measurements: durations may belong to the operation that the event ends. */
const subjectOf = (state: State, part: Part, eventName: string): string =>
  (part === 'duration' && operationIn(state, eventName)?.name) || eventName

export function inferredNames(state: State, part: Part, eventName: string, attempt = 1): FamilyNames {
  const nth = attempt > 1 ? `_${attempt}` : ''
  if (part === 'count') return familyNames('counter', `${familyNames('counter', eventName).base}${nth}_total`)
  return familyNames('histogram', `${metricName(subjectOf(state, part, eventName))}${nth}_duration_seconds`)
}

/** The counter of an event's `count`, or the histogram of its `duration_ms` in seconds; undefined at `max_metrics`. */
export function inferFamily(state: State, part: Part, eventName: string): Family | undefined {
  let names = inferredNames(state, part, eventName)
  const asked = `${part} ${names.name}`
  const known = state.inferred.get(asked)
  if (known) return known
  if (state.families.length >= state.settings.max_metrics) return undefined
  // A name that another metric on the page uses gets a number, so that their counts are not mixed.
  for (let attempt = 2; !isFree(state, part, names); attempt++) {
    names = inferredNames(state, part, eventName, attempt)
  }
  const events = `${subjectOf(state, part, eventName).slice(0, maxHelpName)} events`
  const help = part === 'count' ? `Sum of the count of ${events}.` : `Duration of ${events} in seconds.`
  const family = createFamily(typeOf(part), names, help, state.settings.buckets, state)
  state.inferred.set(asked, family)
  return addFamily(state, family)
}

const isFree = (state: State, part: Part, names: FamilyNames): boolean =>
  occupiedNames(typeOf(part), names).every((name) => !state.names.has(name) && !state.taken(name))
/** The metrics at a limit of series, with the label that has most values. */
export const overflowsOf = ({ families }: { readonly families: readonly Family[] }) =>
  families.flatMap(({ name, overflow, culprit = '', limit = '' }) =>
    overflow ? [{ metric: name, label: culprit, limit }] : [],
  )
