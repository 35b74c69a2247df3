import type { Config } from '../exporters/exporter.ts'
import { oncePerSchema } from './once-per-schema.ts'
import { pathOf } from './paths.ts'
import type { ProblemList } from './presentation/problem-list.ts'
import { problemAt, whereOf } from './presentation/problems.ts'
import type { Held, ResolvedKeys } from './resolved.ts'

/** A list takes the place of a key with a single value. */
export interface Alternative {
  readonly list: string
  readonly single: string
}

/** The lists that take the place of another key, by declaration. */
export const alternativesOf: (schema: ResolvedKeys['schema']) => readonly Alternative[] = oncePerSchema(
  ({ keys }) =>
    [...keys].flatMap(([list, { insteadOf }]) =>
      insteadOf === undefined ? [] : [{ list, single: insteadOf }],
    ),
)

const isStronger = (one: Held, other: Held | undefined): boolean =>
  other === undefined || (one.rank ?? 0) < (other.rank ?? 0)

/** The list that is in force by what layers say; undefined where the single value is. */
export function listInForce(
  list: readonly Held[] = [],
  single: readonly Held[] = [],
): { readonly held: Held; readonly values: readonly unknown[] } | undefined {
  const [held] = list
  if (!held || !Array.isArray(held.value) || !isStronger(held, single[0])) return undefined
  return { held, values: held.value }
}

/** The value that a key gets from its alternative key, with the origin of that value. */
const derived = ({ layer, rank, entry }: Held, value: unknown): Held => {
  const shown = Array.isArray(entry.shown) ? entry.shown[0] : undefined
  return { layer, rank, value, isDerived: true, entry: { ...entry, shown } }
}

/** Both keys in one place contradict each other. */
function refuseBoth(
  id: string,
  { list, single }: Alternative,
  held: ResolvedKeys['held'],
  problems: ProblemList,
): void {
  for (const one of held.get(list) ?? []) {
    const other = held.get(single)?.find(({ rank }) => rank === one.rank)
    if (!other || one.value === null) continue
    const path = pathOf(id, list)
    problems.add(path, () =>
      problemAt(
        'CONFIG_INVALID_VALUE',
        path,
        one.entry,
        `is given beside ${pathOf(id, single)} (${whereOf(other.entry)}): give one of them; ${single} is the same as ${list} with one element`,
      ),
    )
  }
}

/**
 * Keys whose alternative is in force have the value that follows from it: `endpoint` is the first of `endpoints`, and
 * `endpoints` is null where a stronger layer gives `endpoint`.
 */
export function withAlternatives(id: string, keys: ResolvedKeys, problems: ProblemList): ResolvedKeys {
  let { config } = keys
  const held = new Map(keys.held)
  for (const alternative of alternativesOf(keys.schema)) {
    const { list, single } = alternative
    const lists = keys.held.get(list)
    if (!lists) continue
    refuseBoth(id, alternative, keys.held, problems)
    const singles = keys.held.get(single)
    const inForce = listInForce(lists, singles)
    if (inForce) {
      const [first] = inForce.values
      config = { ...config, [single]: first }
      held.set(single, [derived(inForce.held, first), ...(singles ?? [])])
    } else if (config[list] !== null && singles?.[0]) {
      config = { ...config, [list]: null }
      held.set(list, [derived(singles[0], null), ...lists])
    }
  }
  return config === keys.config ? keys : { ...keys, config: Object.freeze(config) as Config, held }
}
