import type { Metric, Registry } from 'prom-client'
import type { Accumulation } from '../../../metrics/accumulation.ts'
import type { Family } from '../aggregate/families.ts'
import type { State } from '../aggregate/state.ts'
import type { Format, Labels } from '../names.ts'
import { boundText, escapeLabelValue, labelName, labelsIn, labelValue, textNames } from '../names.ts'
import { healthNames } from './health.ts'
import type { Slices } from './page.ts'
import type { PlainFamily, PlainSample } from './render.ts'

/**
 * The bridge to prom-client's registry: our families are in it as metrics of their own kind, and what else is in
 * it comes onto our page. prom-client's own rendering is not used for the page: it renames counters for good once
 * asked for OpenMetrics, and one registry must answer both formats.
 */

type PromClient = typeof import('prom-client')

/** Metrics of our exporters. A page never takes them for metrics of the application. */
const ours = new WeakSet<object>()

const registered = new WeakMap<Family, object>()

const defaults = new WeakMap<State, readonly Metric[]>()

/** Puts the families, those there are and those to come, into the registry. Idempotent: a cleared one is refilled. */
export function join(state: State, registry: Registry): void {
  state.registry = registry
  state.taken = (name) => isForeign(registry.getSingleMetric(name))
  state.announce = (family) => register(registry, family)
  state.withdraw = (family) => unregister(registry, family)
  for (const family of state.families) register(registry, family)
}

/** A registry finds `Object.prototype` under the name `__proto__`: what cannot be collected is no metric. */
const isForeign = (metric: unknown): boolean =>
  typeof metric === 'object' && metric !== null && 'get' in metric && !ours.has(metric)

/** A name that is taken stays so: the page settles who is shown. */
function register(registry: Registry, family: Family): void {
  if (registry.getSingleMetric(family.name)) return
  const metric = metricOf(registry, family)
  ours.add(metric)
  registered.set(family, metric)
  registry.registerMetric(metric as unknown as Metric)
}

/** Another exporter may have the name in a shared registry. */
function unregister(registry: Registry, family: Family): void {
  const metric: unknown = registry.getSingleMetric(family.name)
  if (metric !== undefined && metric === registered.get(family)) registry.removeSingleMetric(family.name)
}

/** A metric as a registry sees one: what prom-client's own have in common. */
function metricOf(registry: Registry, family: Family): object {
  let registered = false
  const name = (): string => {
    // prom-client cuts a counter's `_total` off, in place, before it renders OpenMetrics, and never gives it back.
    const open = registered && registry.contentType.startsWith('application/openmetrics-text')
    registered = true
    return open ? family.base : family.name
  }
  return {
    get name() {
      return name()
    },
    set name(_: string) {},
    get help() {
      return family.help
    },
    ...{ type: family.type, aggregator: 'sum', labelNames: [] },
    get: async () => ({
      ...{ name: name(), help: family.help, type: family.type, aggregator: 'sum' },
      values: family.type === 'histogram' ? histogramValues(family) : numberValues(family),
    }),
    /** Counters never decrease: not even for `registry.resetMetrics()`. */
    reset: () => {},
  }
}

const labelObject = ({ text }: Accumulation): Record<string, string> => Object.fromEntries(labelsIn(text))

function* all(family: Family): Iterable<Accumulation> {
  yield* family.series.values()
  if (family.overflow) yield family.overflow
}

const numberValues = (family: Family): object[] =>
  Array.from(all(family), (series) => ({ value: series.value, labels: labelObject(series) }))

function histogramValues(family: Family): object[] {
  const { name } = family
  const values: object[] = []
  const bounds = [...family.buckets, Infinity].map((bound) => boundText(bound, 'text'))
  for (const series of all(family)) {
    const labels = labelObject(series)
    let below = 0
    for (let i = 0; i < bounds.length; i++) {
      below += series.counts[i]!
      values.push({ metricName: `${name}_bucket`, labels: { ...labels, le: bounds[i] }, value: below })
    }
    values.push({ metricName: `${name}_sum`, labels, value: series.value })
    values.push({ metricName: `${name}_count`, labels, value: series.count })
  }
  return values
}

/** Shows or hides prom-client's metrics of the process. They are made once: their observers cannot be undone. */
export function showDefaultMetrics(state: State, client: PromClient, show: boolean): void {
  const { registry } = state
  if (!registry || (!show && !defaults.has(state))) return
  let metrics = defaults.get(state)
  if (!metrics) {
    const own = new client.Registry()
    client.collectDefaultMetrics({ register: own })
    metrics = own.getMetricsAsArray() as unknown as Metric[]
    defaults.set(state, metrics)
  }
  for (const metric of metrics) {
    const name = nameOf(metric)
    const known = registry.getSingleMetric(name)
    if (show && !known) registry.registerMetric(metric)
    if (!show && known === metric) registry.removeSingleMetric(name)
  }
}

const nameOf = (metric: unknown): string => String((metric as { name: unknown }).name)

/** The registry's default labels, made legal for any family. It has no public reader for them. */
export function fixedLabels(registry: Registry): Labels {
  const labels = labelsOf(Reflect.get(registry, '_defaultLabels'))
  return [...new Map(labels.map(([key, value]) => [labelName(key), labelValue(value)]))]
}

function labelsOf(labels: unknown): [string, string][] {
  if (typeof labels !== 'object' || labels === null) return []
  return Object.entries(labels)
    .filter(([, value]) => value !== undefined && value !== null && value !== '')
    .map(([key, value]) => [/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(key) ? key : labelName(key), String(value)])
}

export interface Foreign {
  readonly families: readonly PlainFamily[]
  /** Left off the page because their name is another's already, or no name. */
  readonly conflicts: readonly string[]
}

/** Collects the metrics of other libraries in the registry. Rejects when one of them cannot be collected. */
export async function collectForeign(
  state: State,
  registry: Registry,
  format: Format,
  slice: Slices,
): Promise<Foreign> {
  const metrics = registry
    .getMetricsAsArray()
    .filter((metric) => isForeign(metric)) as unknown as Collectable[]
  const collecting: Promise<Collected>[] = []
  for (const metric of metrics) {
    const one = collect(metric)
    // It may fail during a pause, before anybody awaits it.
    one.catch(() => {})
    collecting.push(one)
    await slice()
  }
  const collected = await Promise.all(collecting)
  const taken = new Set(metrics.length > 0 ? takenNames(state, format) : [])
  const families: PlainFamily[] = []
  const conflicts: string[] = []
  const fixed = fixedLabels(registry)
  for (const metric of collected) {
    const family = plain(metric, format, fixed)
    const occupied = namesOf(family, format)
    const legal = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(family.name)
    if (!legal || occupied.some((name) => taken.has(name))) {
      conflicts.push(family.name)
      continue
    }
    for (const name of occupied) taken.add(name)
    families.push(family)
  }
  return { families, conflicts }
}

/** Returns the names that our metrics use; in OpenMetrics also the bases of counters. */
function takenNames(state: State, format: Format): Iterable<string> {
  if (format === 'openmetrics') return state.names.keys()
  return [...state.families.flatMap(({ type, name }) => textNames(type, name)), ...healthNames]
}

const namesOf = ({ name, type }: PlainFamily, format: Format): readonly string[] =>
  type === 'counter' && format === 'openmetrics' ? [name, name.replace(/_total$/, '')] : textNames(type, name)

interface Collectable {
  get(): unknown
  getForPromString?(): unknown
}

interface Collected {
  readonly name: string
  readonly help: string
  readonly type: string
  /** How prom-client would make one value of those of several processes. */
  readonly aggregator?: string
  readonly values?: readonly CollectedValue[]
}

interface CollectedValue {
  readonly metricName?: string
  readonly labels?: object
  readonly sharedLabels?: object
  readonly value: number
  readonly exemplar?: { labelSet: object; value: number; timestamp: number } | null
}

async function collect(metric: Collectable): Promise<Collected> {
  const collected = metric.getForPromString ? await metric.getForPromString() : await metric.get()
  return collected as Collected
}

const types = new Set(['counter', 'gauge', 'histogram', 'summary'])

function plain(metric: Collected, format: Format, fixed: Labels): PlainFamily {
  const type = types.has(metric.type) ? (metric.type as PlainFamily['type']) : 'untyped'
  return {
    ...{ name: String(metric.name), help: String(metric.help), type, aggregator: metric.aggregator },
    samples: { [Symbol.iterator]: () => samplesOf(metric, format, fixed) },
  }
}

/** One by one, as the page is written: there may be many. */
function* samplesOf(metric: Collected, format: Format, fixed: Labels): Generator<PlainSample> {
  const name = String(metric.name)
  for (const value of metric.values ?? []) {
    const labels = new Map([...fixed, ...labelsOf(value.sharedLabels), ...labelsOf(value.labels)])
    const le = labels.get('le')
    if (le !== undefined && metric.type === 'histogram') labels.set('le', bound(le, format))
    const { metricName = name } = value
    const suffix = metricName.startsWith(name) ? metricName.slice(name.length) : ''
    yield { suffix, labels: [...labels], value: Number(value.value), exemplar: exemplarText(value) }
  }
}

const bound = (text: string, format: Format): string =>
  text === '+Inf' ? text : boundText(Number(text), format)

function exemplarText({ exemplar }: CollectedValue): string | undefined {
  if (!exemplar) return undefined
  const labels = labelsOf(exemplar.labelSet).map(([name, value]) => `${name}="${escapeLabelValue(value)}"`)
  return ` # {${labels.join(',')}} ${exemplar.value} ${exemplar.timestamp}`
}
