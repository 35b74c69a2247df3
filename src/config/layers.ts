/** Who said a value. `put` is the program itself; `admin` and `remote` are people and stores that speak through a network. */
export type Source = 'default' | 'environment' | 'file' | 'init' | 'put' | 'admin' | 'remote'

/** Where a value lies, lowest first. Not convict's own order, which puts the environment over files. */
export const layerNames = ['default', 'environment', 'file', 'init', 'runtime'] as const
export type LayerName = (typeof layerNames)[number]

/** One value as one layer says it, before its key is known. Immutable. */
export interface Entry {
  readonly value: unknown
  readonly source: Source
  /** The value is text that the key's format parses: variables, and strings that are wholly one reference. */
  readonly text?: boolean
  /** The value as it may be seen, when parts of it came from variables that hold secrets. */
  readonly shown?: unknown
  /** The variable or the remote source it came from. */
  readonly from?: string
  readonly file?: string
  readonly line?: number
  readonly column?: number
  /** Origins that a credential brought by an untrusted source was brought for. */
  readonly boundTo?: readonly string[]
}

export type Table = ReadonlyMap<string, Entry>

/** What one layer says: keys of telemachine itself, and one table per exporter. */
export interface Tables {
  readonly system: Table
  readonly exporters: ReadonlyMap<string, Table>
}

/** Every layer that changes; defaults and environment are looked up. `remote` has one element per source, weakest first, below `runtime`. */
export interface Layers {
  readonly file: Tables
  readonly init: Tables
  readonly remote: readonly Tables[]
  readonly runtime: Tables
}

export const noTables: Tables = { system: new Map(), exporters: new Map() }

/** The place of a value: a key of an exporter, or of telemachine itself when `id` is undefined. */
export interface Place {
  readonly id: string | undefined
  readonly key: string
}

export function withTable(tables: Tables, id: string): Tables {
  if (tables.exporters.has(id)) return tables
  return { system: tables.system, exporters: new Map(tables.exporters).set(id, new Map()) }
}

export function withEntry(tables: Tables, { id, key }: Place, entry: Entry): Tables {
  if (id === undefined) {
    return { system: new Map(tables.system).set(key, entry), exporters: tables.exporters }
  }
  const table = new Map(tables.exporters.get(id)).set(key, entry)
  return { system: tables.system, exporters: new Map(tables.exporters).set(id, table) }
}

/** A table that loses its last key goes with it: an exporter made of single keys ends when they are unset. */
export function withoutEntry(tables: Tables, { id, key }: Place): Tables {
  const before = id === undefined ? tables.system : tables.exporters.get(id)
  if (!before?.has(key)) return tables
  const table = new Map(before)
  table.delete(key)
  if (id === undefined) return { system: table, exporters: tables.exporters }
  if (table.size === 0) return withoutTable(tables, id)
  return { system: tables.system, exporters: new Map(tables.exporters).set(id, table) }
}

export function withoutTable(tables: Tables, id: string): Tables {
  if (!tables.exporters.has(id)) return tables
  const exporters = new Map(tables.exporters)
  exporters.delete(id)
  return { system: tables.system, exporters }
}

/** The changing layers, strongest first, each under the name it is shown by. */
export function strongestFirst(layers: Layers): readonly (readonly [LayerName, Tables])[] {
  return [
    ['runtime', layers.runtime],
    ...layers.remote.toReversed().map((tables) => ['runtime', tables] as const),
    ['init', layers.init],
    ['file', layers.file],
  ]
}

/** An exporter exists when the file, `init` or a runtime change has a table for it; the environment makes none. */
export function exporterIds(layers: Layers): string[] {
  const ids = new Set<string>()
  for (const [, tables] of strongestFirst(layers).toReversed())
    for (const id of tables.exporters.keys()) ids.add(id)
  return [...ids]
}
