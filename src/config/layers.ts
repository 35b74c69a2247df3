/** Who said a value. `put` is the program itself; `admin` and `remote` are people and stores that speak through a network. */
export type Source = 'default' | 'environment' | 'file' | 'init' | 'put' | 'admin' | 'remote'

export const isUntrusted = (source: Source): boolean => source === 'admin' || source === 'remote'

/** Where a value lies, lowest first. Not convict's own order, which puts the environment over files. */
export const layerNames = ['default', 'environment', 'file', 'init', 'runtime'] as const
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
}

export type Table = ReadonlyMap<string, Entry>

export const noTable: Table = new Map()

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

export const noTables: Tables = { system: noTable, exporters: new Map() }

/** The place of a value: a key of an exporter, or of telemachine itself when `id` is undefined. */
export interface Place {
  readonly id: string | undefined
  readonly key: string
}

/** Changes of one layer: each table is copied once, however many of its keys change. */
export interface TablesDraft {
  /** Adds an empty table, if there is none. */
  table(id: string): void
  set(place: Place, entry: Entry): void
  /** A table that loses its last key is removed: an exporter made of single keys ends when they are unset. */
  unset(place: Place): void
  removeTable(id: string): void
  clear(): void
  done(): Tables
}

export function draftOf(tables: Tables): TablesDraft {
  let system = new Map(tables.system)
  let exporters = new Map(tables.exporters)
  let copies = new Map<string, Map<string, Entry>>()

  /** A copy of a table that may be written to. */
  const writable = (id: string): Map<string, Entry> => {
    let copy = copies.get(id)
    if (copy === undefined || exporters.get(id) !== copy) {
      copy = new Map(exporters.get(id))
      copies.set(id, copy)
      exporters.set(id, copy)
    }
    return copy
  }

  return {
    table: (id) => {
      if (!exporters.has(id)) exporters.set(id, new Map())
    },
    set: ({ id, key }, entry) => {
      if (id === undefined) system.set(key, entry)
      else writable(id).set(key, entry)
    },
    unset: ({ id, key }) => {
      if (id === undefined) {
        system.delete(key)
      } else if (exporters.get(id)?.has(key)) {
        const table = writable(id)
        table.delete(key)
        if (table.size === 0) exporters.delete(id)
      }
    },
    removeTable: (id) => void exporters.delete(id),
    clear: () => {
      system = new Map()
      exporters = new Map()
      copies = new Map()
    },
    done: () => ({ system: sameEntries(system, tables.system) ? tables.system : system, exporters }),
  }
}

const sameEntries = (a: Table, b: Table): boolean =>
  a.size === b.size && [...a].every(([key, entry]) => b.get(key) === entry)

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
