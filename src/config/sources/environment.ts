import { messageOf } from '../../errors.ts'
import type { KeySchema } from '../../exporters/exporter.ts'
import { sharedVariables, systemKeys } from '../keys.ts'
import type { Entry, Table } from '../layers.ts'
import type { Schema } from '../schema.ts'
import type { Variables } from './interpolate.ts'

/** The schemas of all exporters there are, by id. */
export type Peers = ReadonlyMap<string, Schema>

const samePeers = (a: Peers, b: Peers): boolean =>
  a.size === b.size && [...a].every(([id, schema]) => b.get(id) === schema)

export interface Environment {
  /** `TELEMETRY_<EXPORTER>_<KEY>` by exporter: those that belong to no longer id. */
  own(peers: Peers): ReadonlyMap<string, Table>
  /** What speaks to every exporter of a type, strongest first: `TELEMETRY_<KEY>`, then ecosystem variables by rank. */
  shared(schema: Schema): readonly Table[]
  /** Values of telemachine's own keys. */
  readonly system: Table
  /** `TELEMETRY_<EXPORTER>_<KEY>` of exporters that exist, whose key does not. */
  unknown(peers: Peers): readonly string[]
}

const prefix = 'TELEMETRY_'
/** An id and a key have at most 64 characters each: a longer variable cannot be ours. */
const maxVariable = prefix.length + 64 + 1 + 64

/** No value is longer, and coercing one would block the process. */
const maxText = 64 * 1024

const variableOf = (name: string): string => name.toUpperCase().replace(/[^A-Z0-9]/g, '_')

const entryWith = (value: string, from: string): Entry => ({
  value,
  text: true,
  source: 'environment',
  from,
  ...(value.length > maxText && { lacking: `must have at most ${maxText} characters` }),
})

export function createEnvironment(variables: Variables): Environment {
  const values = new Map<string, string>()
  /** The variables that may speak to one exporter, by what follows `TELEMETRY_`. */
  const specific = new Map<string, Entry>()
  for (const [name, value] of Object.entries(variables)) {
    // An empty variable is unset.
    if (typeof value !== 'string' || value === '') continue
    values.set(name, value)
    if (!name.startsWith(prefix) || name.length > maxVariable) continue
    const rest = name.slice(prefix.length)
    const key = rest.toLowerCase()
    if (!sharedVariables.has(key) && !systemKeys.has(key)) specific.set(rest, entryWith(value, name))
  }

  const entryOf = (from: string): Entry | undefined => {
    const value = values.get(from)
    return value === undefined ? undefined : entryWith(value, from)
  }

  const shortValue = (name: string): string | undefined => {
    const value = values.get(name)
    return value === undefined || value.length > maxText ? undefined : value
  }

  const tableOf = (
    keys: Iterable<string>,
    variable: (key: string) => string | undefined,
  ): Map<string, Entry> => {
    const table = new Map<string, Entry>()
    for (const key of keys) {
      const name = variable(key)
      const entry = name === undefined ? undefined : entryOf(name)
      if (entry) table.set(key, entry)
    }
    return table
  }

  /**
   * The ids a variable speaks to: the longest that it begins with and whose type has the key that follows. Several ids
   * may be spelt alike in a variable.
   */
  const ownersOf = (rest: string, spelt: ReadonlyMap<string, readonly string[]>, peers: Peers): Owners => {
    let named = false
    for (let end = rest.lastIndexOf('_'); end > 0; end = rest.lastIndexOf('_', end - 1)) {
      const ids = spelt.get(rest.slice(0, end))
      if (ids === undefined) continue
      named = true
      const key = rest.slice(end + 1).toLowerCase()
      const owners = ids.filter((id) => peers.get(id)?.keys.has(key))
      if (owners.length > 0) return { owners, key, named }
    }
    return { owners: [], key: '', named }
  }

  /** All variables that speak to one exporter, by what the exporters there are. */
  const assign = (peers: Peers) => {
    const spelt = new Map<string, string[]>()
    for (const id of peers.keys()) {
      const name = variableOf(id)
      spelt.set(name, [...(spelt.get(name) ?? []), id])
    }
    const tables = new Map<string, Map<string, Entry>>()
    const unknown: string[] = []
    for (const [rest, entry] of specific) {
      const { owners, key, named } = ownersOf(rest, spelt, peers)
      if (named && owners.length === 0) unknown.push(prefix + rest)
      for (const id of owners) {
        const table = tables.get(id) ?? new Map<string, Entry>()
        tables.set(id, table.set(key, entry))
      }
    }
    return { tables, unknown }
  }

  /** The latest is kept: most changes neither add an exporter nor remove one. */
  let assigned = { peers: new Map() as Peers, ...assign(new Map()) }
  const assignedTo = (peers: Peers) => {
    if (!samePeers(assigned.peers, peers)) assigned = { peers, ...assign(peers) }
    return assigned
  }

  const readEcosystem = ({ name, read }: NonNullable<KeySchema['env']>[number]): Entry | undefined => {
    const entry = entryOf(name)
    if (entry === undefined) return undefined
    if (read === undefined || entry.lacking !== undefined) return { ...entry, ecosystem: true }
    const base = { source: 'environment', from: name, ecosystem: true } as const
    try {
      const value = read(entry.value as string, (other) => shortValue(other))
      // A reader that returns nothing says that the variable is not meant for this key.
      return value === undefined ? undefined : { ...base, value, text: typeof value === 'string' }
    } catch (error) {
      return { ...base, value: entry.value, lacking: `cannot be read: ${messageOf(error)}` }
    }
  }

  const readShared = ({ keys }: Schema): readonly Table[] => {
    const own = tableOf(keys.keys(), (key) =>
      sharedVariables.has(key) ? prefix + key.toUpperCase() : undefined,
    )
    const found = [...keys].map(
      ([name, { env = [] }]) =>
        [name, env.map(readEcosystem).filter((entry) => entry !== undefined)] as const,
    )
    const ranks = Math.max(0, ...found.map(([, entries]) => entries.length))
    const ecosystem = Array.from({ length: ranks }, (_, rank): Table => {
      return new Map(found.flatMap(([name, entries]) => (entries[rank] ? [[name, entries[rank]]] : [])))
    })
    return [own, ...ecosystem]
  }

  /** The environment is read once, and each type asks the same of it. */
  const shared = new WeakMap<Schema, readonly Table[]>()

  return {
    own: (peers) => assignedTo(peers).tables,
    shared: (schema) => {
      const tables = shared.get(schema) ?? readShared(schema)
      shared.set(schema, tables)
      return tables
    },
    system: tableOf(systemKeys, (key) => prefix + key.toUpperCase()),
    unknown: (peers) => assignedTo(peers).unknown,
  }
}

interface Owners {
  readonly owners: readonly string[]
  readonly key: string
  /** It begins with the id of an exporter. */
  readonly named: boolean
}
