import { labelsText } from '../names.ts'
import type { PlainFamily } from '../page/render.ts'
import type { Change, Portion, Rule } from './portion.ts'

/** Changes in families that we do not aggregate: health, and other metrics in the registry. */

/** The values reported, by the text of the sample. */
interface ReportedFamily {
  readonly definition: FamilyChange['definition']
  readonly values: Map<string, number>
}

/** By the name of the family. */
export type Reported = Map<string, ReportedFamily>

/** A change of a series, with the family it belongs to. */
export interface FamilyChange {
  readonly definition: Omit<Portion, 'series'>
  /** Not a sum: it is forgotten with its reporter. */
  readonly isLive: boolean
  readonly change: Change
}

/** Rules for health metrics that are not sums. */
const healthRules: Readonly<Record<string, Rule>> = {
  telemachine_config_version: 'max',
  telemachine_config_last_reload_successful: 'min',
  telemachine_config_last_reload_success_timestamp_seconds: 'max',
}

/** These the hub measures of the page as a whole. */
const ofThePage = new Set([
  'telemachine_metric_families',
  'telemachine_metric_series',
  'telemachine_metric_overflow',
])

const rules: readonly unknown[] = ['sum', 'min', 'max', 'first', 'average']

export function* plainChanges(
  families: readonly PlainFamily[],
  { plainSums, plainLive }: { readonly plainSums: Reported; readonly plainLive: Reported },
): Generator<FamilyChange> {
  const seen = new Set<string>()
  for (const family of families) {
    if (family.aggregator === 'omit' || ofThePage.has(family.name)) continue
    const rule = liveRuleOf(family)
    const reported = rule ? plainLive : plainSums
    const definition = definitionOf(family, rule)
    const known = reported.get(family.name) ?? { definition, values: new Map<string, number>() }
    reported.set(family.name, known)
    for (const { suffix, labels, value } of family.samples) {
      // Quantiles of several processes have no common one.
      if (family.type === 'summary' && suffix === '') continue
      const text = `${suffix}{${labelsText(labels.toSorted(([a], [b]) => (a < b ? -1 : 1)))}`
      if (rule) seen.add(`${family.name} ${text}`)
      const old = known.values.get(text)
      if (Object.is(old, value) || (!rule && !Number.isFinite(value))) continue
      known.values.set(text, value)
      // A counter that was reset has counted its whole value since.
      const change = rule || old === undefined || value < old ? value : value - old
      yield { definition, isLive: rule !== undefined, change: [text, change] }
    }
  }
  for (const [name, { definition, values }] of plainLive)
    for (const text of values.keys()) {
      if (seen.has(`${name} ${text}`)) continue
      values.delete(text)
      yield { definition, isLive: true, change: [text] }
    }
}

/** Undefined for sums: prom-client says of each metric how its values become one. */
function liveRuleOf({ name, type, aggregator }: PlainFamily): Rule | undefined {
  const asked = rules.includes(aggregator) ? (aggregator as Rule) : undefined
  if (type === 'gauge' || type === 'untyped') return healthRules[name] ?? asked ?? 'sum'
  return asked === 'sum' ? undefined : asked
}

function definitionOf({ name, type, help }: PlainFamily, rule: Rule | undefined): FamilyChange['definition'] {
  const base = type === 'counter' ? name.replace(/_total$/, '') : name
  return { name, base, type, help, plain: true, ...(rule && { rule }) }
}
