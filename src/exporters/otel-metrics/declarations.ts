import type { Declared } from '../../metrics/aggregate.ts'
import type { DeclaredMetric } from '../../metrics/declared.ts'
import type { Declarations } from '../../metrics/redeclare.ts'
import { createFamily, emptyFamily, histogramKind, kindOf, type MetricFamily } from './aggregate/families.ts'
import type { MetricSeries } from './aggregate/series.ts'
import { attributeName, identityOf, instrumentName, layoutOf, unitOf } from './names.ts'
import type { State } from './state.ts'

/** Makes the family of a declared metric. */
export function declare(state: State, metric: DeclaredMetric): Declared<MetricSeries> {
  const { settings } = state
  const { plainText, description, buckets = settings.buckets, unit, tags } = metric
  const family = createFamily(
    {
      ...{ name: instrumentName(plainText), kind: kindOf(metric, histogramKind(settings)) },
      ...{ description, unit: unitOf(unit), buckets },
    },
    state,
  )
  if (metric.kind === 'distribution' && !metric.buckets) state.undecided.push(family)
  const named = tags.flatMap((key, offset) => {
    const name = attributeName(key)
    return name === undefined ? [] : [{ key, name, offset }]
  })
  return { metric, family: addFamily(state, family), layout: layoutOf(named) }
}

export function addFamily(state: State, family: MetricFamily): MetricFamily {
  state.names.set(identityOf(family.name), family)
  state.families.push(family)
  return family
}

/** Forgets a family and its series. Its name is free again. */
function removeFamily(state: State, family: MetricFamily): void {
  const { families, undecided, names, inferred } = state
  for (const list of [families, undecided]) if (list.includes(family)) list.splice(list.indexOf(family), 1)
  names.delete(identityOf(family.name))
  for (const [asked, one] of inferred) if (one === family) inferred.delete(asked)
  emptyFamily(family, state)
}

/** How metrics of the configuration come and go: `before` sends what has been summed up with those that go. */
export const declarationsOf = (state: State, before: () => void): Declarations<MetricSeries> => ({
  before,
  declare(metric) {
    const inTheWay = state.names.get(identityOf(instrumentName(metric.plainText)))
    if (inTheWay) removeFamily(state, inTheWay)
    return declare(state, metric)
  },
  withdraw: ({ family }) => removeFamily(state, family as MetricFamily),
  describe({ family }, description) {
    const exported = family as MetricFamily
    exported.description = description
  },
})
