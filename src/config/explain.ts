import type { Change, KeySchema } from '../exporters/exporter.ts'
import type { Resolved, ResolvedConfig } from './judge.ts'
import { guardedKeys } from './keys.ts'
import type { LayerName, Source } from './layers.ts'
import { isProblem, parsePath, pathOf } from './paths.ts'
import { shownValue, whereOf } from './presentation/problems.ts'
import type { Redactor } from './presentation/redact.ts'
import type { Held, ResolvedKeys } from './resolved.ts'
import { isSensitive } from './schema.ts'
import { type JsonSchema, valueSchema } from './value-schemas.ts'

/** The value in force for one key, and its origin. Plain JSON; secrets are replaced by a placeholder. */
export interface Explanation {
  readonly path: string
  readonly value: unknown
  readonly layer: LayerName
  readonly source: Source
  /** The variable, the file with line and column, or the remote source. */
  readonly from?: string
  /** Values of weaker layers, strongest first, the default last. */
  readonly shadows: readonly { layer: LayerName; source: Source; from?: string; value: unknown }[]
  readonly doc: string
  readonly unit?: string
  readonly change: Change
  readonly sensitive: boolean
  /** The name of the key's format; `choice` for a key that lists its values. */
  readonly format: string
  /** JSON Schema of the values that the format accepts. It may permit a few more. */
  readonly schema: JsonSchema
  /** True if the value may be `null`. */
  readonly nullable: boolean
  /** The admin API and remote sources cannot change the key. */
  readonly guarded: boolean
}

const guardedPaths: ReadonlySet<string> = new Set(guardedKeys.map((name) => pathOf(undefined, name)))

/** Describes the valid values of a key. */
function rulesOf(
  path: string,
  key: KeySchema,
): Pick<Explanation, 'format' | 'schema' | 'nullable' | 'guarded'> {
  const { min, max } = key
  const limits = { ...(min !== undefined && { min }), ...(max !== undefined && { max }) }
  const rules =
    typeof key.format === 'string'
      ? { format: key.format, ...limits }
      : { format: 'choice', choices: key.format }
  return {
    format: rules.format,
    schema: valueSchema(rules),
    nullable: key.nullable === true,
    // A file named by an untrusted source would be read with the rights of this process.
    guarded: key.format === 'file-path' || key.format === 'spool' || guardedPaths.has(path),
  }
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
    ...rulesOf(path, key),
  }
}

const hasPlace = (entry: Held['entry']): boolean => entry.from !== undefined || entry.file !== undefined

const explainKeys = ({ id, schema, held }: ResolvedKeys, redactor: Redactor): Explanation[] =>
  [...schema.keys].map(([name, key]) =>
    explainKey(pathOf(id, name), key, held.get(name) ?? [], schema.defaults.get(name), redactor),
  )

const typeKey: KeySchema = {
  format: 'name',
  default: null,
  change: 'replace',
  doc: 'The type of the exporter. Default: its id.',
}

export const explainConfig = ({ exporters, system }: ResolvedConfig, redactor: Redactor): Explanation[] => [
  ...explainKeys(system, redactor),
  ...[...exporters.values()].flatMap((one) => [
    {
      ...explainKey(pathOf(one.id, 'type'), typeKey, one.type ? [one.type] : [], one.schema.type, redactor),
      // The type of a living exporter does not change.
      guarded: true,
    },
    ...explainKeys(one, redactor),
  ]),
]

/** The value of a key as it may be seen; undefined for a key that does not exist. */
export function shownKey({ schema, config, held }: ResolvedKeys, name: string, redactor: Redactor): unknown {
  const key = schema.keys.get(name)
  return key && shownValue(key, config[name], held.get(name)?.[0]?.entry, redactor)
}

/** All keys of an exporter, or of telemachine itself, as they may be seen. */
export const shownConfig = (resolved: ResolvedKeys, redactor: Redactor): Record<string, unknown> =>
  Object.fromEntries(
    [...resolved.schema.keys.keys()].map((name) => [name, shownKey(resolved, name, redactor)]),
  )

/**
 * The effective value at a path as it may be seen: of a key, a table of them, or everything. Undefined where nothing
 * is.
 */
export function shownAt({ system, exporters }: ResolvedConfig, path: string, redactor: Redactor): unknown {
  const target = parsePath(path)
  if (isProblem(target)) return undefined
  if (target.kind === 'system') return shownKey(system, target.key, redactor)
  const table = (resolved: Resolved) => ({ type: resolved.schema.type, ...shownConfig(resolved, redactor) })
  if (target.kind === 'root') {
    const tables = [...exporters].map(([id, one]) => [id, table(one)])
    return { ...shownConfig(system, redactor), ...Object.fromEntries(tables) }
  }
  const resolved = exporters.get(target.id)
  if (!resolved || target.kind === 'exporter') return resolved && table(resolved)
  return target.key === 'type' ? resolved.schema.type : shownKey(resolved, target.key, redactor)
}
