/** The source of a value. `put` is the program itself; `admin` and `remote` are operators and stores on a network. */
export type Source = 'default' | 'environment' | 'file' | 'init' | 'put' | 'admin' | 'remote'

export const isUntrusted = (source: Source): boolean => source === 'admin' || source === 'remote'

/** Where a value lies, lowest first. Not convict's own order, which puts the environment over files. */
const layerNames = ['default', 'environment', 'file', 'init', 'runtime'] as const
/** The name of a configuration layer. */
export type LayerName = (typeof layerNames)[number]

/** One value as one layer says it, before its key is known. Immutable, so that it is judged once. */
export interface Entry {
  readonly value: unknown
  readonly source: Source
  /** The value is text that the key's format coerces: variables, and strings that are wholly one reference. */
  readonly text?: boolean
  /** Why there is no value to judge, to follow the path in a sentence. In a file: a variable that is not set. */
  readonly lacking?: string
  /** It comes from a variable of the ecosystem: where it is malformed it is ignored with a warning. */
  readonly ecosystem?: boolean
  /** The value as it may be seen, when parts of it came from variables that hold secrets. */
  readonly shown?: unknown
  /** The variable or the remote source it came from. */
  readonly from?: string
  readonly file?: string
  readonly line?: number
  readonly column?: number
  /** Where the parts of a list of tables stand in the file. */
  readonly parts?: Parts
}

/** Lines and columns from 1, columns in UTF-16 units, as editors count. */
export interface Position {
  readonly line: number
  readonly column: number
}

/** Where the tables of a list stand, and their keys, by {@link partKey}. */
export type Parts = ReadonlyMap<string, Position>

/** The name of a part of a value in {@link Parts}. */
export const partKey = (path: readonly (string | number)[]): string => path.join('\0')

export type Table = ReadonlyMap<string, Entry>

export const noTable: Table = new Map()

/** The contents of one layer: keys of telemachine itself, and one table per exporter. */
export interface Tables {
  readonly system: Table
  readonly exporters: ReadonlyMap<string, Table>
}

/**
 * Every layer that changes; defaults and environment are looked up. `remote` has one element per source, weakest
 * first, below `runtime`.
 */
export interface Layers {
  readonly file: Tables
  readonly init: Tables
  readonly remote: readonly Tables[]
  readonly runtime: Tables
}

export const noTables: Tables = { system: noTable, exporters: new Map() }

/** The place of a value: a key of an exporter, or of telemachine itself when `id` is undefined. */
export interface Place {
  readonly id: string | undefined
  readonly key: string
}

/** Changes of one layer. Tables that do not change stay the same objects; each that does is copied once. */
export function draftOf(tables: Tables) {
  let { system } = tables
  let exporters = new Map(tables.exporters)
  const copies = new WeakSet<Table>()

  const writable = (table: Table = noTable): Map<string, Entry> => {
    if (copies.has(table)) return table as Map<string, Entry>
    const copy = new Map(table)
    copies.add(copy)
    return copy
  }

  return {
    /** Adds an empty table, if the exporter has none. */
    table: (id: string): void => {
      if (!exporters.has(id)) exporters.set(id, writable())
    },
    set: ({ id, key }: Place, entry: Entry): void => {
      const table = writable(id === undefined ? system : exporters.get(id)).set(key, entry)
      if (id === undefined) system = table
      else exporters.set(id, table)
    },
    /** A table that loses its last key is removed: an exporter made of single keys ends when they are unset. */
    unset: ({ id, key }: Place): void => {
      const old = id === undefined ? system : exporters.get(id)
      if (!old?.has(key)) return
      const table = writable(old)
      table.delete(key)
      if (id === undefined) system = table
      else if (table.size > 0) exporters.set(id, table)
      else exporters.delete(id)
    },
    removeTable: (id: string): void => void exporters.delete(id),
    clear: (): void => {
      system = noTable
      exporters = new Map()
    },
    done: (): Tables => ({ system, exporters }),
  }
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
