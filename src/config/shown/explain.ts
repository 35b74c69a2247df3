import type { Change, KeySchema } from '../../exporters/exporter.ts'
import type { JsonSchema } from '../formats/format.ts'
import { formats } from '../formats/formats.ts'
import { choice } from '../formats/strings.ts'
import type { Resolved, ResolvedConfig } from '../judge.ts'
import { guardedKeys, type SystemConfig, systemSchema } from '../keys.ts'
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
  /** The name of the key's format; `choice` for a key that lists its values. */
  readonly format: string
  /** JSON Schema of the values that the format takes, or of a few more. */
  readonly schema: JsonSchema
  /** `null` is a value of the key. */
  readonly nullable: boolean
  /** The admin API and remote sources cannot change the key. */
  readonly guarded: boolean
}

/** What a value of the key may be. */
function rulesOf(
  path: string,
  key: KeySchema,
): Pick<Explanation, 'format' | 'schema' | 'nullable' | 'guarded'> {
  const isChoice = typeof key.format !== 'string'
  const format = isChoice ? choice : formats.get(key.format as string)
  return {
    format: isChoice ? 'choice' : (key.format as string),
    schema: format?.json(isChoice ? { choices: key.format as readonly string[] } : key) ?? {},
    nullable: key.nullable === true,
    // A file that somebody else names would be read with the rights of this process.
    guarded: key.format === 'file-path' || guardedPaths.has(path),
  }
}

const guardedPaths: ReadonlySet<string> = new Set(guardedKeys.map((name) => pathOf(undefined, name)))

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
    ...rulesOf(path, key),
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
    {
      ...explainKey(pathOf(id, 'type'), typeKey, type ? [type] : [], schema.type, redactor),
      // The type of a living exporter does not change.
      guarded: true,
    },
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

/** An exporter's configuration as it may be seen. */
export const shownConfig = (
  { schema, config, held }: Resolved,
  redactor: Redactor,
): Record<string, unknown> =>
  Object.fromEntries(
    [...schema.keys].map(([name, key]) => [
      name,
      shownValue(key, config[name], held.get(name)?.[0]?.entry, redactor),
    ]),
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
  const key = resolved.schema.keys.get(target.key)
  return (
    key && shownValue(key, resolved.config[target.key], resolved.held.get(target.key)?.[0]?.entry, redactor)
  )
}
