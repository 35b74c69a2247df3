import type { Accumulation } from '../../../metrics/accumulation.ts'
import type { Declared } from '../../../metrics/aggregate.ts'
import type { DeclaredMetric } from '../../../metrics/declared.ts'
import type { Declarations } from '../../../metrics/redeclare.ts'
import { familyNames, labelName, occupiedNames } from '../names.ts'
import { createFamily, emptyFamily, type Family } from './families.ts'
import { layoutOf } from './layout.ts'
import type { State } from './state.ts'

/** Makes the family of a declared metric. */
export function declare(state: State, metric: DeclaredMetric): Declared<Accumulation> {
  const { type, text, description, buckets = state.settings.buckets, tags } = metric
  const family = createFamily(type, familyNames(type, text), description, buckets, state)
  if (type === 'histogram' && !metric.buckets) state.undecided.push(family)
  const layout = layoutOf(tags.map((key, offset) => ({ key, name: labelName(key), offset })))
  return { metric, family: addFamily(state, family), layout }
}

export function addFamily(state: State, family: Family): Family {
  for (const name of occupiedNames(family.type, family)) state.names.set(name, family)
  state.families.push(family)
  state.announce(family)
  return family
}

/** Takes a family off the page. Its names are free again. */
function removeFamily(state: State, family: Family): void {
  const { families, undecided, names, inferred } = state
  for (const list of [families, undecided]) if (list.includes(family)) list.splice(list.indexOf(family), 1)
  for (const [name, owner] of names) if (owner === family) names.delete(name)
  for (const [asked, one] of inferred) if (one === family) inferred.delete(asked)
  emptyFamily(family, state)
  state.withdraw(family)
}

/** How metrics of the configuration come and go. An inferred family that has their names gives way. */
export const declarationsOf = (state: State): Declarations<Accumulation> => ({
  declare(metric) {
    for (const name of occupiedNames(metric.type, familyNames(metric.type, metric.text))) {
      const owner = state.names.get(name)
      if (owner) removeFamily(state, owner)
    }
    return declare(state, metric)
  },
  withdraw: ({ family }) => removeFamily(state, family as Family),
  describe({ family }, description) {
    const shown = family as Family
    shown.help = description
  },
})
