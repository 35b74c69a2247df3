import type { Change, KeySchema } from '../../exporters/exporter.ts'
import type { Resolved, ResolvedConfig } from '../judge.ts'
import { type SystemConfig, systemSchema } from '../keys.ts'
import type { LayerName, Source } from '../layers.ts'
import { isProblem, parsePath, pathOf } from '../paths.ts'
import type { Held } from '../resolve.ts'
import { isSensitive } from '../schema.ts'
import { shownValue, whereOf } from './problems.ts'
import type { Redactor } from './redact.ts'

/** What is in force for one key, and where it comes from. Plain JSON; what is secret in it is a placeholder. */
export interface Explanation {
  readonly path: string
  readonly value: unknown
  readonly layer: LayerName
  readonly source: Source
  /** The variable, the file with line and column, or the remote source. */
  readonly from?: string
  /** What weaker layers say, strongest first, the default last. */
  readonly shadows: readonly { layer: LayerName; source: Source; from?: string; value: unknown }[]
  readonly doc: string
  readonly unit?: string
  readonly change: Change
  readonly sensitive: boolean
}

function explainKey(
  path: string,
  key: KeySchema,
  held: readonly Held[],
  fallback: unknown,
  redactor: Redactor,
): Explanation {
  const said = held.map(({ layer, entry, value }) => ({
    layer,
    source: entry.source,
    ...(hasPlace(entry) && { from: whereOf(entry) }),
    value: shownValue(key, value, entry, redactor),
  }))
  const byDefault = {
    layer: 'default' as const,
    source: 'default' as const,
    value: shownValue(key, fallback, undefined, redactor),
  }
  const [effective = byDefault, ...shadows] = [...said, byDefault]
  return {
    path,
    ...effective,
    shadows,
    doc: key.doc,
    ...(key.unit !== undefined && { unit: key.unit }),
    change: key.change,
    sensitive: isSensitive(key),
  }
}

const hasPlace = (entry: Held['entry']): boolean => entry.from !== undefined || entry.file !== undefined

function explainExporter({ id, schema, held, type }: Resolved, redactor: Redactor): Explanation[] {
  const typeKey: KeySchema = {
    format: 'name',
    default: null,
    change: 'replace',
    doc: 'The type of the exporter. Default: its id.',
  }
  return [
    explainKey(pathOf(id, 'type'), typeKey, type ? [type] : [], schema.type, redactor),
    ...[...schema.keys].map(([name, key]) =>
      explainKey(pathOf(id, name), key, held.get(name) ?? [], schema.defaults.get(name), redactor),
    ),
  ]
}

export function explainConfig({ exporters, system }: ResolvedConfig, redactor: Redactor): Explanation[] {
  const ours = Object.entries(systemSchema).map(([name, key]) =>
    explainKey(pathOf(undefined, name), key, system.held.get(name) ?? [], key.default, redactor),
  )
  return [...ours, ...[...exporters.values()].flatMap((one) => explainExporter(one, redactor))]
}

/** The value of a key of an exporter as it may be seen. */
export const shownKey = ({ schema, config, held }: Resolved, name: string, redactor: Redactor): unknown =>
  shownValue(schema.keys.get(name)!, config[name], held.get(name)?.[0]?.entry, redactor)

/** An exporter's configuration as it may be seen. */
export const shownConfig = (resolved: Resolved, redactor: Redactor): Record<string, unknown> =>
  Object.fromEntries(
    [...resolved.schema.keys.keys()].map((name) => [name, shownKey(resolved, name, redactor)]),
  )

const shownSystem = ({ system }: ResolvedConfig, name: string, redactor: Redactor): unknown =>
  shownValue(
    systemSchema[name as keyof SystemConfig],
    system.config[name as keyof SystemConfig],
    system.held.get(name)?.[0]?.entry,
    redactor,
  )

/** The effective value at a path as it may be seen: of a key, a table of them, or everything. Undefined where nothing is. */
export function shownAt(config: ResolvedConfig, path: string, redactor: Redactor): unknown {
  const target = parsePath(path)
  if (isProblem(target)) return undefined
  if (target.kind === 'system') return shownSystem(config, target.key, redactor)
  const table = (resolved: Resolved) => ({ type: resolved.schema.type, ...shownConfig(resolved, redactor) })
  if (target.kind === 'root') {
    const ours = Object.keys(systemSchema).map((name) => [name, shownSystem(config, name, redactor)])
    return Object.fromEntries([...ours, ...[...config.exporters].map(([id, one]) => [id, table(one)])])
  }
  const resolved = config.exporters.get(target.id)
  if (!resolved) return undefined
  if (target.kind === 'exporter') return table(resolved)
  if (target.key === 'type') return resolved.schema.type
  return resolved.schema.keys.has(target.key) ? shownKey(resolved, target.key, redactor) : undefined
}
