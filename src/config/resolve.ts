import type { ConfigProblem } from '../errors.ts'
import { messageOf } from '../errors.ts'
import type { Config, KeySchema } from '../exporters/exporter.ts'
import { type Held, holds, type ReadEntry } from './changes/holds.ts'
import { readKey } from './formats/formats.ts'
import type { Reading } from './formats/reading.ts'
import { type Entry, exporterIds, type LayerName, type Layers, strongestFirst, type Table } from './layers.ts'
import { pathOf } from './paths.ts'
import { createSystemResolver, type SystemResolver } from './resolve-system.ts'
import { isSensitive, type TypeSchema } from './schema.ts'
import { nearest, problemAt, valueProblem } from './shown/problems.ts'
import type { Redactor } from './shown/redact.ts'
import type { Environment, EnvironmentEntry } from './sources/environment.ts'

/** An exporter as all layers together make it. */
export interface Resolved {
  readonly id: string
  readonly schema: TypeSchema
  readonly config: Config
  /** Per key what the layers above the defaults say, strongest first. */
  readonly held: ReadonlyMap<string, readonly Held[]>
  /** Who named the type; undefined where it follows from the id. */
  readonly type: Held | undefined
}

export type Peers = ReadonlyMap<string, TypeSchema>

export interface Resolver {
  /** The types of the exporters there are; those whose type is unknown are missing. */
  peers(layers: Layers): Peers
  exporter(
    id: string,
    layers: Layers,
    peers: Peers,
  ): { resolved?: Resolved; problems: readonly ConfigProblem[] }
  readonly system: SystemResolver
}

/** What operators wrote down is bounded by them; what comes at runtime is not. */
const lasts = ({ source }: Entry): boolean =>
  source === 'environment' || source === 'file' || source === 'init'

interface Resolution {
  readonly tables: readonly (Table | undefined)[]
  readonly environmental: ReadonlyMap<string, readonly EnvironmentEntry[]>
  readonly resolved: Resolved
  /** Nothing was wrong with it, so that it can be built upon. */
  readonly sound: boolean
}

const samePeers = (a: Peers, b: Peers): boolean =>
  a === b || (a.size === b.size && [...a].every(([id, schema]) => b.get(id) === schema))

export function createResolver(
  schemas: ReadonlyMap<string, TypeSchema>,
  environment: Environment,
  redactor: Redactor,
): Resolver {
  const readings = new WeakMap<Entry, { readonly key: KeySchema; readonly reading: Reading }>()
  let cachedFor: Peers = new Map()
  let variables = new Map<string, ReadonlyMap<string, readonly EnvironmentEntry[]>>()

  const read: ReadEntry = (key, entry) => {
    const known = readings.get(entry)
    if (known?.key === key) return known.reading
    const reading = readKey(key, entry.value, entry.text === true)
    readings.set(entry, { key, reading })
    if (key.format === 'headers')
      redactor.learnHeaders('value' in reading ? reading.value : entry.value, lasts(entry))
    else if (isSensitive(key)) redactor.learn(entry.value, lasts(entry))
    return reading
  }

  const variablesOf = (id: string, peers: Peers) => {
    if (!samePeers(cachedFor, peers)) {
      cachedFor = peers
      variables = new Map()
    }
    const entries = variables.get(id) ?? environment.of(id, peers)
    variables.set(id, entries)
    return entries
  }

  const typeOf = (id: string, layers: Layers): { name: unknown; held: Held | undefined } => {
    for (const [layer, tables] of strongestFirst(layers)) {
      const entry = tables.exporters.get(id)?.get('type')
      if (entry) return { name: entry.value, held: { layer, entry, value: entry.value } }
    }
    return { name: id, held: undefined }
  }

  /** Of the latest two layers: what is in force or waits, and what would come upon it. */
  let peersOf: readonly (readonly [Layers, Peers])[] = []
  const peers = (layers: Layers): Peers => {
    const known = peersOf.find(([of]) => of === layers)?.[1]
    if (known) return known
    const found = new Map<string, TypeSchema>()
    for (const id of exporterIds(layers)) {
      const schema = schemas.get(typeOf(id, layers).name as string)
      if (schema) found.set(id, schema)
    }
    peersOf = [[layers, found], ...peersOf.slice(0, 1)]
    return found
  }

  const noType = (id: string, layers: Layers): ConfigProblem => {
    const path = pathOf(id, 'type')
    const { held } = typeOf(id, layers)
    const right = `one of ${[...schemas.keys()].join(', ')}`
    if (held) {
      const key: KeySchema = { format: 'name', default: null, change: 'replace', doc: '' }
      return { ...valueProblem(path, key, held.entry, right, redactor), code: 'CONFIG_UNKNOWN_TYPE' }
    }
    const meant = nearest(id, schemas.keys())
    const message = `${pathOf(id)} is the name of no exporter type: it needs a type, ${right}${meant ? ` (did you mean ${meant}?)` : ''}`
    return { code: 'CONFIG_UNKNOWN_TYPE', path, message }
  }

  const unknownKeys = (id: string, layers: Layers, schema: TypeSchema): ConfigProblem[] => {
    const problems: ConfigProblem[] = []
    for (const [, tables] of strongestFirst(layers)) {
      for (const [key, entry] of tables.exporters.get(id) ?? []) {
        if (key === 'type' || schema.keys.has(key)) continue
        const meant = nearest(key, schema.keys.keys())
        const hint = meant ? `: did you mean ${meant}?` : `; it has ${[...schema.keys.keys()].join(', ')}`
        problems.push(
          problemAt(
            'CONFIG_UNKNOWN_KEY',
            pathOf(id, key),
            entry,
            `is no key of the exporter type ${schema.type}${hint}`,
          ),
        )
      }
    }
    return problems
  }

  const crossKey = (id: string, { definition }: TypeSchema, config: Config): ConfigProblem[] => {
    try {
      return (definition.validate?.(config) ?? []).map(([key, message]) => ({
        code: 'CONFIG_INVALID_VALUE',
        path: pathOf(id, key),
        message: redactor.text(`${pathOf(id, key)}: ${message}`),
      }))
    } catch (error) {
      const message = redactor.text(`${pathOf(id)} cannot be validated: ${messageOf(error)}`)
      return [{ code: 'CONFIG_INVALID_VALUE', path: pathOf(id), message }]
    }
  }

  /** The last resolution of each exporter: most changes touch one key of it. */
  const latest = new Map<string, Resolution>()

  /** Keys about which the tables say something else than last time. */
  const changedSince = (last: Resolution, tables: Resolution['tables']): Set<string> => {
    const names = new Set<string>()
    tables.forEach((table, i) => {
      const old = last.tables[i]
      if (table === old) return
      for (const [name, entry] of table ?? []) if (old?.get(name) !== entry) names.add(name)
      for (const name of old?.keys() ?? []) if (!table?.has(name)) names.add(name)
    })
    return names
  }

  const exporter: Resolver['exporter'] = (id, layers, among) => {
    const schema = among.get(id)
    if (!schema) return { problems: [noType(id, layers)] }
    const named = strongestFirst(layers).map(([layer, { exporters }]) => [layer, exporters.get(id)] as const)
    const tables = named.map(([, table]) => table)
    const environmental = variablesOf(id, among)
    const known = latest.get(id)
    const last =
      known?.environmental === environmental && known.resolved.schema === schema && known.sound
        ? known
        : undefined
    const names = last ? changedSince(last, tables) : schema.keys.keys()
    const config: Record<string, unknown> = { ...last?.resolved.config }
    const held = new Map(last?.resolved.held)
    const problems = unknownKeys(id, layers, schema)
    for (const name of names) {
      const key = schema.keys.get(name)
      if (!key) continue
      const said: (readonly [LayerName, Entry])[] = []
      for (const [layer, table] of named) {
        const entry = table?.get(name)
        if (entry) said.push([layer, entry])
      }
      for (const entry of environmental.get(name) ?? []) said.push(['environment', entry])
      const result = holds(pathOf(id, name), key, said, read, redactor)
      problems.push(...result.problems)
      held.set(name, result.held)
      config[name] = result.held.length > 0 ? result.held[0]!.value : schema.defaults.get(name)
    }
    Object.freeze(config)
    if (problems.length === 0) problems.push(...crossKey(id, schema, config))
    const resolved: Resolved = { id, schema, config, held, type: typeOf(id, layers).held }
    latest.set(id, { tables, environmental, resolved, sound: problems.length === 0 })
    return { resolved, problems }
  }

  return { peers, exporter, system: createSystemResolver(environment, read, redactor) }
}
