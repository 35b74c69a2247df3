import { messageOf } from '../../errors.ts'
import type { KeySchema } from '../../exporters/exporter.ts'
import { sharedVariables } from '../keys.ts'
import type { Entry } from '../layers.ts'
import type { TypeSchema } from '../schema.ts'
import type { Variables } from './interpolate.ts'

/** A value of the environment layer. `ecosystem`: a variable that is not ours, weakest of the layer. */
export interface EnvironmentEntry extends Entry {
  readonly from: string
  readonly ecosystem: boolean
  /** What an ecosystem variable's reader threw. */
  readonly failed?: string
}

export interface Environment {
  /** Entries of an exporter, per key, strongest first. `peers`: the schemas of all exporters by id. */
  of(id: string, peers: ReadonlyMap<string, TypeSchema>): ReadonlyMap<string, readonly EnvironmentEntry[]>
  /** Entries of telemachine's own keys. */
  system(keys: Iterable<string>): ReadonlyMap<string, EnvironmentEntry>
  /** `TELEMETRY_<EXPORTER>_<KEY>` of exporters that exist, whose key does not. */
  unknown(peers: ReadonlyMap<string, TypeSchema>): readonly string[]
}

const variableOf = (name: string): string => name.toUpperCase().replace(/[^A-Z0-9]/g, '_')

/** Whether `TELEMETRY_<rest>` names a key of the exporter. */
const ownKey = (id: string, schema: TypeSchema, rest: string): string | undefined => {
  const prefix = `${variableOf(id)}_`
  if (!rest.startsWith(prefix)) return undefined
  const key = rest.slice(prefix.length).toLowerCase()
  return schema.keys.has(key) ? key : undefined
}

export function createEnvironment(variables: Variables): Environment {
  const values = new Map<string, string>()
  for (const [name, value] of Object.entries(variables)) {
    // An empty variable is unset.
    if (typeof value === 'string' && value !== '') values.set(name, value)
  }

  const own = (from: string): EnvironmentEntry | undefined => {
    const value = values.get(from)
    return value === undefined
      ? undefined
      : { value, text: true, source: 'environment', from, ecosystem: false }
  }

  /** The longest id that the variable fits has it. */
  const belongs = (rest: string, id: string, peers: ReadonlyMap<string, TypeSchema>): boolean => {
    for (const [other, schema] of peers) {
      if (variableOf(other).length > variableOf(id).length && ownKey(other, schema, rest) !== undefined)
        return false
    }
    return true
  }

  const ecosystem = (key: KeySchema): EnvironmentEntry | undefined => {
    for (const { name, read } of key.env ?? []) {
      const text = values.get(name)
      if (text === undefined) continue
      const base = { source: 'environment', from: name, ecosystem: true } as const
      try {
        const value = read ? read(text, (other) => values.get(other)) : text
        // A reader that returns nothing says that the variable is not meant for this key.
        if (value !== undefined) return { ...base, value, text: typeof value === 'string' }
      } catch (error) {
        return { ...base, value: text, text: true, failed: messageOf(error) }
      }
    }
    return undefined
  }

  const of: Environment['of'] = (id, peers) => {
    const entries = new Map<string, EnvironmentEntry[]>()
    for (const [name, key] of peers.get(id)?.keys ?? []) {
      const rest = `${variableOf(id)}_${name.toUpperCase()}`
      const specific = sharedVariables.has(rest.toLowerCase()) ? undefined : own(`TELEMETRY_${rest}`)
      const found = [
        specific && belongs(rest, id, peers) ? specific : undefined,
        sharedVariables.has(name) ? own(`TELEMETRY_${name.toUpperCase()}`) : undefined,
        ecosystem(key),
      ].filter((entry) => entry !== undefined)
      if (found.length > 0) entries.set(name, found)
    }
    return entries
  }

  const system: Environment['system'] = (keys) => {
    const entries = new Map<string, EnvironmentEntry>()
    for (const key of keys) {
      const entry = own(`TELEMETRY_${key.toUpperCase()}`)
      if (entry) entries.set(key, entry)
    }
    return entries
  }

  const unknown: Environment['unknown'] = (peers) => {
    const names: string[] = []
    for (const name of values.keys()) {
      if (!name.startsWith('TELEMETRY_')) continue
      const rest = name.slice('TELEMETRY_'.length)
      if (sharedVariables.has(rest.toLowerCase())) continue
      const named = [...peers].filter(([id]) => rest.startsWith(`${variableOf(id)}_`))
      if (named.length > 0 && !named.some(([id, schema]) => ownKey(id, schema, rest) !== undefined))
        names.push(name)
    }
    return names
  }

  return { of, system, unknown }
}
