import type { Aggregate, Declared } from './aggregate.ts'
import type { DeclaredMetric } from './declared.ts'
import type { Series } from './families.ts'
import { type MetricTable, metricOf } from './tables.ts'

/** How an exporter takes declared metrics in. */
export interface Declarations<S extends Series> {
  /** Makes the family. A family of another kind that has its names gives way. */
  declare(metric: DeclaredMetric): Declared<S>
  /** Gives the family up, with its series. */
  withdraw(declared: Declared<S>): void
  /** Changes the help text of the family. */
  describe(declared: Declared<S>, description: string): void
  /** Called once before anything is withdrawn or declared. */
  before?(): void
}

/** Returns the identity of a declaration: everything but its help text. */
const identityOf = ({ description: _, ...table }: MetricTable): string =>
  JSON.stringify(Object.entries(table).sort(([a], [b]) => (a < b ? -1 : 1)))

/**
 * Puts the metrics that a configuration declares in the place of those that it declared before. One that has not changed
 * keeps its series, at any place in the list; one that has changed starts over.
 * Returns false if the declarations are the same: then the plans may stay.
 */
export function redeclare<S extends Series>(
  state: Aggregate<S>,
  tables: readonly MetricTable[],
  exporter: Declarations<S>,
): boolean {
  if (tables === state.tables) return false
  state.tables = tables
  const { configured, declared } = state
  const wanted = new Map(tables.map((table) => [identityOf(table), metricOf(table)]))
  const gone = [...configured].filter(([identity]) => !wanted.has(identity))
  const added = [...wanted].filter(([identity]) => !configured.has(identity))
  for (const [identity, { description }] of wanted) {
    const one = configured.get(identity)
    if (one) exporter.describe(one, description)
  }
  if (gone.length === 0 && added.length === 0) return false
  exporter.before?.()
  for (const [identity, one] of gone) {
    exporter.withdraw(one)
    configured.delete(identity)
    declared.splice(declared.indexOf(one), 1)
  }
  for (const [identity, metric] of added) {
    const one = exporter.declare(metric)
    configured.set(identity, one)
    declared.push(one)
  }
  return true
}

/**
 * Says which declared metrics of a configuration want the same name, or one that the code has declared.
 * @param namesOf all names that a metric occupies at the backend.
 * @param taken the names that are taken before the configuration is read.
 */
export function sharedNames(
  tables: readonly MetricTable[],
  namesOf: (metric: DeclaredMetric) => readonly string[],
  taken: Iterable<string>,
): readonly (readonly [key: string, message: string])[] {
  const owners = new Map<string, string>()
  for (const name of taken) owners.set(name, 'telemachine or a metric declared in code')
  for (const [index, table] of tables.entries()) {
    const names = namesOf(metricOf(table))
    const name = names.find((one) => owners.has(one))
    if (name !== undefined)
      return [
        [
          'metrics',
          `metric [${index}] needs the name ${name}, which ${owners.get(name)} has: give it another`,
        ],
      ]
    for (const one of names) owners.set(one, `metric [${index}]`)
  }
  return []
}
