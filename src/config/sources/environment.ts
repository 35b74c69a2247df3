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
  /**
   * Variables that apply to every exporter of a type, strongest first: `TELEMETRY_<KEY>`, then ecosystem variables by
   * rank.
   */
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

const isCommon = (key: string): boolean => sharedVariables.has(key) || systemKeys.has(key)

const entryWith = (value: string, from: string): Entry => ({
  value,
  text: true,
  source: 'environment',
  from,
  ...(value.length > maxText && { lacking: `must have at most ${maxText} characters` }),
})

export function createEnvironment(variables: Variables): Environment {
  const entries = new Map<string, Entry>()
  for (const [name, value] of Object.entries(variables)) {
    // An empty variable is unset.
    if (typeof value === 'string' && value !== '') entries.set(name, entryWith(value, name))
  }

  const tableOf = (keys: readonly string[]): Table =>
    new Map(
      keys.flatMap((key) => {
        const entry = entries.get(prefix + key.toUpperCase())
        return entry ? [[key, entry]] : []
      }),
    )

  /**
   * Gives each variable to the ids it speaks to: the longest that it begins with and whose type has the key that
   * follows. Several ids may have the same spelling in a variable.
   */
  const assign = (peers: Peers) => {
    const spelt = new Map<string, string[]>()
    for (const id of peers.keys()) {
      const name = variableOf(id)
      spelt.set(name, [...(spelt.get(name) ?? []), id])
    }
    const tables = new Map<string, Map<string, Entry>>()
    const unknown: string[] = []
    for (const [name, entry] of entries) {
      const rest = name.slice(prefix.length)
      if (!name.startsWith(prefix) || name.length > maxVariable || isCommon(rest.toLowerCase())) continue
      let owners: readonly string[] = []
      let isNamed = false
      for (let end = rest.lastIndexOf('_'); end > 0 && owners.length === 0; ) {
        const ids = spelt.get(rest.slice(0, end)) ?? []
        const key = rest.slice(end + 1).toLowerCase()
        isNamed ||= ids.length > 0
        owners = ids.filter((id) => peers.get(id)?.keys.has(key))
        for (const id of owners) tables.set(id, (tables.get(id) ?? new Map()).set(key, entry))
        end = rest.lastIndexOf('_', end - 1)
      }
      if (isNamed && owners.length === 0) unknown.push(name)
    }
    return { peers, tables, unknown }
  }

  /** The latest is kept: most changes neither add an exporter nor remove one. */
  let assigned = assign(new Map())
  const assignedTo = (peers: Peers) => {
    if (!samePeers(assigned.peers, peers)) assigned = assign(peers)
    return assigned
  }

  const shortText = (name: string): string | undefined => {
    const entry = entries.get(name)
    return entry?.lacking === undefined ? (entry?.value as string | undefined) : undefined
  }

  const readEcosystem = ({ name, read }: NonNullable<KeySchema['env']>[number]): Entry | undefined => {
    const entry = entries.get(name)
    if (entry === undefined) return undefined
    if (read === undefined || entry.lacking !== undefined) return { ...entry, ecosystem: true }
    const base = { source: 'environment', from: name, ecosystem: true } as const
    try {
      const value = read(entry.value as string, shortText)
      // A reader that returns nothing says that the variable is not meant for this key.
      return value === undefined ? undefined : { ...base, value, text: typeof value === 'string' }
    } catch (error) {
      return { ...base, value: entry.value, lacking: `cannot be read: ${messageOf(error)}` }
    }
  }

  const readShared = ({ keys }: Schema): readonly Table[] => {
    const found = [...keys].map(
      ([name, { env = [] }]) =>
        [name, env.map(readEcosystem).filter((entry) => entry !== undefined)] as const,
    )
    const ranks = Math.max(0, ...found.map(([, ofKey]) => ofKey.length))
    const ecosystem = Array.from(
      { length: ranks },
      (_, rank): Table =>
        new Map(found.flatMap(([name, ofKey]) => (ofKey[rank] ? [[name, ofKey[rank]]] : []))),
    )
    return [tableOf([...keys.keys()].filter((key) => sharedVariables.has(key))), ...ecosystem]
  }

  /** Each type asks the same of the environment, and an entry that stays the same is judged once. */
  const shared = new WeakMap<Schema, readonly Table[]>()

  return {
    own: (peers) => assignedTo(peers).tables,
    shared: (schema) => {
      const tables = shared.get(schema) ?? readShared(schema)
      shared.set(schema, tables)
      return tables
    },
    system: tableOf([...systemKeys]),
    unknown: (peers) => assignedTo(peers).unknown,
  }
}
