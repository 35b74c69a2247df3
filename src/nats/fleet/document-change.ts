import { isRecord } from '../../config/formats/format.ts'
import { isProblem, parsePath, pathOfTarget, type Target } from '../../config/paths.ts'
import { TelemetryConfigError } from '../../errors.ts'
import { builtInTypes } from '../../exporters/built-in.ts'

type Table = Record<string, unknown>

/** A change of a document: values by path, and paths to remove. */
export interface DocumentChange {
  readonly put: Readonly<Record<string, unknown>>
  readonly unset: readonly string[]
}

function targetOf(path: string): Exclude<Target, { readonly kind: 'root' }> {
  const target = parsePath(path)
  if (isProblem(target)) throw new TelemetryConfigError([target])
  if (target.kind !== 'root') return target
  const message = `${path} is the whole document, which --file replaces`
  throw new TelemetryConfigError([{ code: 'CONFIG_PATH', path, message }])
}

/** The tables of a document, which may have them inside a table `telemetry`. */
const tablesOf = (document: Table): Table =>
  Object.hasOwn(document, 'telemetry') && isRecord(document.telemetry) ? document.telemetry : document

/** Returns what a change makes of a document. @throws TelemetryConfigError for an invalid path. */
export function changedDocument(document: Table, { put, unset }: DocumentChange): Table {
  const changed = structuredClone(document)
  const tables = tablesOf(changed)
  const tableOf = (id: string): Table => {
    const table = Object.hasOwn(tables, id) ? tables[id] : undefined
    return isRecord(table) ? table : {}
  }
  for (const [path, value] of Object.entries(put)) {
    const target = targetOf(path)
    if (target.kind === 'key') tables[target.id] = { ...tableOf(target.id), [target.key]: value }
    else tables[target.kind === 'exporter' ? target.id : target.key] = value
  }
  for (const path of unset) {
    const target = targetOf(path)
    if (target.kind !== 'key') delete tables[target.kind === 'exporter' ? target.id : target.key]
    else if (Object.hasOwn(tables, target.id)) {
      const { [target.key]: _, ...rest } = tableOf(target.id)
      tables[target.id] = rest
    }
  }
  return changed
}

/** Describes a change without its values, which may be secret. */
export function describeChange({ put, unset }: DocumentChange): string {
  const name = (path: string): string => pathOfTarget(targetOf(path))
  return [...Object.keys(put).map(name), ...unset.map((path) => `-${name(path)}`)].join(', ')
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

/**
 * The exporters that speak to another destination, or in another way, by a new document: those of which a key changed
 * that opens a new client. Of a type that is not built in, every key counts.
 */
export function reconnected(before: Table, after: Table): string[] {
  const [old, now] = [tablesOf(before), tablesOf(after)]
  const schemas = new Map(builtInTypes().map(({ type, schema }) => [type, schema]))
  return Object.keys(now).filter((id) => {
    const table = now[id]
    if (!isRecord(table)) return false
    const earlier = isRecord(old[id]) ? old[id] : {}
    const schema = schemas.get(typeof table.type === 'string' ? table.type : id)
    const keys = new Set([...Object.keys(table), ...Object.keys(earlier)])
    const opens = (key: string): boolean =>
      schema === undefined || (Object.hasOwn(schema, key) && schema[key]!.change !== 'hot')
    return [...keys].some((key) => opens(key) && !same(table[key], earlier[key]))
  })
}
