import type { ConfigProblem } from '../../errors.ts'
import { isRecord } from '../formats/reading.ts'
import { systemKeys } from '../keys.ts'
import type { Entry, Place, Source, Tables } from '../layers.ts'
import { isExporterId, isPolluting, pathOf, shownName } from '../paths.ts'
import { snapshot } from '../snapshot.ts'

export interface DocumentReader {
  readonly source: Source
  /** A file must say `[telemetry.…]`; `init` and remote documents may leave the outer table out. */
  readonly wrapped: boolean
  /** The name of a remote source. */
  readonly from?: string
  /** Makes the entry of a value; a problem when it cannot stand. */
  entry?(place: Place, value: unknown): Entry | ConfigProblem
  /** Completes a problem with where its key is in the document. */
  located?(problem: ConfigProblem, keys: readonly string[]): ConfigProblem
}

export interface ReadDocument {
  readonly tables: Tables
  readonly problems: readonly ConfigProblem[]
}

/** Reads a whole document into one layer. Never throws; hostile shapes are problems. */
export function readDocument(raw: unknown, reader: DocumentReader): ReadDocument {
  const problems: ConfigProblem[] = []
  const system = new Map<string, Entry>()
  const exporters = new Map<string, Map<string, Entry>>()
  const tables: Tables = { system, exporters }
  const { source } = reader
  const from = reader.from === undefined ? {} : { from: reader.from }

  const refuse = (keys: readonly string[], why: string, code = 'CONFIG_UNKNOWN_KEY'): void => {
    const path = shownName(keys.join('.'))
    const problem = { code, path, message: `${path || 'the document'} (${source}) ${why}`, source }
    problems.push(reader.located?.(problem, keys) ?? problem)
  }

  const set = (place: Place, value: unknown): void => {
    if (value === undefined) return
    const entry = reader.entry?.(place, value) ?? { value, source, ...from }
    if ('code' in entry) problems.push(entry)
    else (place.id === undefined ? system : exporters.get(place.id))?.set(place.key, entry)
  }

  const readExporter = (keys: readonly string[], id: string, table: Record<string, unknown>): void => {
    exporters.set(id, new Map())
    for (const [key, value] of Object.entries(table)) {
      if (isPolluting(key)) refuse([...keys, key], 'is reserved', 'CONFIG_PATH')
      else if (key === '' || key.includes('.') || key.length > 64) refuse([...keys, key], 'is no key')
      else set({ id, key }, value)
    }
  }

  const readTelemetry = (keys: readonly string[], telemetry: Record<string, unknown>): void => {
    for (const [name, value] of Object.entries(telemetry)) {
      const at = [...keys, name]
      if (value === undefined) continue
      if (isPolluting(name)) refuse(at, 'is reserved', 'CONFIG_PATH')
      else if (systemKeys.has(name)) set({ id: undefined, key: name }, value)
      else if (!isRecord(value))
        refuse(
          at,
          `is no key of telemetry itself (those are ${[...systemKeys].join(', ')}) and no exporter's table`,
        )
      else if (!isExporterId(name))
        refuse(at, 'is no exporter id: letters, digits, _ and -, at most 64, a letter first')
      else readExporter(at, name, value)
    }
  }

  const document = snapshot(raw)
  if (!isRecord(document)) {
    refuse([], 'must be a table', 'CONFIG_INVALID_VALUE')
    return { tables, problems }
  }
  const names = Object.keys(document)
  if (!reader.wrapped && !names.includes('telemetry')) {
    readTelemetry(['telemetry'], document)
    return { tables, problems }
  }
  for (const name of names) {
    const value = document[name]
    if (name !== 'telemetry')
      refuse([name], `is outside of telemetry: exporters are tables such as ${pathOf('otel')}`)
    else if (isRecord(value)) readTelemetry(['telemetry'], value)
    else refuse([name], 'must be a table', 'CONFIG_INVALID_VALUE')
  }
  return { tables, problems }
}
