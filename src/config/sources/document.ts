import type { TelemetryErrorCode } from '../../error-codes.ts'
import type { ConfigProblem, TelemetryConfigError } from '../../errors.ts'
import { isRecord } from '../formats/format.ts'
import { systemKeys } from '../keys.ts'
import { type Entry, noTable, noTables, type Place, type Source, type Tables } from '../layers.ts'
import { isExporterId, isPolluting, pathOf, shownName } from '../paths.ts'
import { createProblems, type ProblemList } from '../presentation/problem-list.ts'
import { nearest, problemAt } from '../presentation/problems.ts'
import { snapshot, Unusable } from '../snapshot.ts'

export interface DocumentReader {
  readonly source: Source
  /**
   * `whole`: an application's file, whose tables beside `[telemetry.…]` are its own. `optional`: `init` and remote
   * documents, which may leave the outer table out and have nothing beside it.
   */
  readonly wrapping: 'whole' | 'optional'
  /** How many values the document may have. */
  readonly maxValues?: number
  /** The name of a remote source. */
  readonly from?: string
  /** Makes the entry of a value; a problem when it cannot stand. */
  entry?(place: Place, value: unknown): Entry | ConfigProblem
  /** Where a key is in the document. */
  position?(keys: readonly string[]): Pick<Entry, 'file' | 'line' | 'column'>
}

export interface ReadDocument {
  readonly tables: Tables
  readonly problems: ProblemList
  /** Names at the top of a file that are not ours. */
  readonly foreign: readonly string[]
}

/** A document that cannot be read at all. */
export function refusedDocument(error: TelemetryConfigError): ReadDocument {
  const problems = createProblems()
  for (const problem of error.problems) problems.add(problem.path, () => problem)
  return { tables: noTables, problems, foreign: [] }
}

/** No process has more exporters; a hostile document has. */
const maxTables = 1024

const outer = 'telemetry'

/** Reads a whole document into one layer. Never throws; hostile shapes are problems. */
export function readDocument(raw: unknown, reader: DocumentReader): ReadDocument {
  const problems = createProblems()
  const system = new Map<string, Entry>()
  const exporters = new Map<string, Map<string, Entry>>()
  const foreign: string[] = []
  const { source } = reader
  const from = reader.from === undefined ? {} : { from: reader.from }

  const refuse = (
    keys: readonly string[],
    why: string,
    code: TelemetryErrorCode = 'CONFIG_UNKNOWN_KEY',
  ): void => {
    const path = shownName(keys.join('.'))
    problems.add(path, () => {
      const at: Entry = { value: undefined, source, ...from, ...reader.position?.(keys) }
      return { ...problemAt(code, path || 'the document', at, why), path }
    })
  }

  const set = (place: Place, value: unknown): void => {
    if (value === undefined) return
    const entry = reader.entry?.(place, value) ?? { value, source, ...from }
    if ('code' in entry) problems.add(entry.path, () => entry)
    else (place.id === undefined ? system : exporters.get(place.id))?.set(place.key, entry)
  }

  const readExporter = (keys: readonly string[], id: string, table: Record<string, unknown>): void => {
    exporters.set(id, new Map())
    for (const [key, value] of Object.entries(table)) {
      if (isPolluting(key)) refuse([...keys, key], 'is reserved', 'CONFIG_PATH')
      else if (key === '' || key.includes('.') || key.length > 64)
        refuse([...keys, key], 'cannot be the name of a key')
      else set({ id, key }, value)
    }
  }

  const readTelemetry = (telemetry: Record<string, unknown>): void => {
    for (const [name, value] of Object.entries(telemetry)) {
      const at = [outer, name]
      if (value === undefined) continue
      if (isPolluting(name)) refuse(at, 'is reserved', 'CONFIG_PATH')
      else if (systemKeys.has(name)) set({ id: undefined, key: name }, value)
      else if (!isRecord(value))
        refuse(
          at,
          `is neither a key of telemetry itself (${[...systemKeys].join(', ')}) nor the table of an exporter`,
        )
      else if (!isExporterId(name))
        refuse(at, 'is not a valid exporter id: letters, digits, _ and -, at most 64, a letter first')
      else if (exporters.size === maxTables) {
        refuse(
          at,
          `is one exporter too many: a document has at most ${maxTables}`,
          'CONFIG_TOO_MANY_EXPORTERS',
        )
        return
      } else readExporter(at, name, value)
    }
  }

  const readOuter = (telemetry: unknown): void => {
    if (telemetry instanceof Unusable) refuse([outer], `is ${telemetry.what}`, 'CONFIG_INVALID_VALUE')
    else if (isRecord(telemetry)) readTelemetry(telemetry)
    else refuse([outer], 'must be a table', 'CONFIG_INVALID_VALUE')
  }

  const copied = (value: unknown): unknown => snapshot(value, reader.maxValues)

  /** Reads only our table; tables of the application are neither read nor copied. */
  const readWhole = (document: Record<string, unknown>): void => {
    for (const name of Object.keys(document)) {
      if (name === outer) readOuter(copied(document[name]))
      else if (nearest(name.toLowerCase(), [outer]))
        refuse([name], `is outside of telemetry: did you mean ${pathOf(undefined)}?`)
      // Editors look there for the JSON Schema of the file.
      else if (name !== '$schema') foreign.push(name)
    }
  }

  const readOptional = (document: Record<string, unknown>): void => {
    if (!Object.hasOwn(document, outer)) {
      readTelemetry(document)
      return
    }
    for (const [name, value] of Object.entries(document)) {
      if (name === outer) readOuter(value)
      else refuse([name], `is outside of telemetry: exporters are tables such as ${pathOf('otel')}`)
    }
  }

  const document = reader.wrapping === 'optional' ? copied(raw) : raw
  if (document instanceof Unusable) refuse([], `is ${document.what}`, 'CONFIG_INVALID_VALUE')
  else if (!isRecord(document)) refuse([], 'must be a table', 'CONFIG_INVALID_VALUE')
  else if (reader.wrapping === 'optional') readOptional(document)
  else readWhole(document)
  // Two documents that say nothing of telemachine's own keys say the same of them.
  return { tables: { system: system.size === 0 ? noTable : system, exporters }, problems, foreign }
}
