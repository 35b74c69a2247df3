import type { Config } from '../exporters/exporter.ts'
import type { Entry, LayerName, Table } from './layers.ts'
import type { Schema } from './schema.ts'

/** A value that a layer gives to a key, in the shape drivers see. */
export interface Held {
  readonly layer: LayerName
  readonly entry: Entry
  readonly value: unknown
  /** The place of what says it among all that speak to the exporter; 0 is the strongest. */
  readonly rank?: number
  /** It follows from another key, which the entry is of. */
  readonly isDerived?: boolean
}

/** The values of one layer for one exporter, or for telemachine itself. */
export type Said = readonly [layer: LayerName, table: Table | undefined]

/** Keys with the values that all layers together give them. */
export interface ResolvedKeys {
  /** The exporter; undefined for the keys of telemachine itself. */
  readonly id: string | undefined
  readonly schema: Pick<Schema, 'keys' | 'defaults'>
  readonly config: Config
  /** Per key what the layers above the defaults say, strongest first; keys that no layer names are missing. */
  readonly held: ReadonlyMap<string, readonly Held[]>
  /** Warnings about a configuration that is valid and in force. */
  readonly warnings: readonly string[]
}
