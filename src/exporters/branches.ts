/** Where a node of a tree over the keys and values of metadata leads. */
export interface Branches<Child> {
  /** The first key seen here, and where its values lead: call sites rarely differ. */
  key: string | undefined
  values: Map<unknown, Child> | undefined
  others: Map<string, Map<unknown, Child>> | undefined
}

/** Where the values of a key lead, made if there is none yet. */
export function valuesOf<Child>(at: Branches<Child>, key: string): Map<unknown, Child> {
  at.key ??= key
  if (at.key === key) {
    at.values ??= new Map()
    return at.values
  }
  at.others ??= new Map()
  let values = at.others.get(key)
  if (!values) {
    values = new Map()
    at.others.set(key, values)
  }
  return values
}
