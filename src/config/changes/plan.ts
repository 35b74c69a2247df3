import { isDeepStrictEqual } from 'node:util'
import type { ChangeEffect } from '../../../machines/index.ts'
import type { AnyExporterDefinition, Config } from '../../exporters/exporter.ts'
import { shownKey } from '../explain.ts'
import type { Resolved, ResolvedConfig } from '../judge.ts'
import type { SystemConfig } from '../keys.ts'
import { pathOf } from '../paths.ts'
import type { Redactor } from '../presentation/redact.ts'
import type { ResolvedKeys } from '../resolved.ts'

export interface ExporterConfig {
  readonly id: string
  readonly type: string
  readonly definition: AnyExporterDefinition
  /** Every key of the type; frozen. */
  readonly config: Config
  /** The admin API or a remote source named its destination: the transport must check the address it connects to. */
  readonly guarded: boolean
}

export interface ExporterChange {
  readonly id: string
  readonly effect: ChangeEffect
  readonly before?: ExporterConfig
  readonly after?: ExporterConfig
  readonly keys: readonly string[]
}

/** The changes that one transaction puts in force. */
export interface ConfigPlan {
  readonly version: number
  readonly system: SystemConfig
  readonly exporters: readonly ExporterChange[]
}

/** One effective value that differs, as it may be seen. */
export interface ValueChange {
  readonly path: string
  readonly oldValue: unknown
  readonly newValue: unknown
}

const differs = (a: unknown, b: unknown): boolean => a !== b && !isDeepStrictEqual(a, b)

export const exporterConfig = ({ id, schema, config, guarded }: Resolved): ExporterConfig => ({
  id,
  type: schema.type,
  definition: schema.definition,
  config,
  guarded,
})

/** The keys whose values differ; all keys of an exporter that is added or removed. */
const changedKeys = (before: ResolvedKeys | undefined, after: ResolvedKeys | undefined): string[] =>
  before === after
    ? []
    : [...(after ?? before)!.schema.keys.keys()].filter(
        (key) => !before || !after || differs(before.config[key], after.config[key]),
      )

const changedExporters = (before: ResolvedConfig, after: ResolvedConfig) =>
  [...new Set([...before.exporters.keys(), ...after.exporters.keys()])].map((id) => {
    const [old, now] = [before.exporters.get(id), after.exporters.get(id)]
    return { id, old, now, keys: changedKeys(old, now) }
  })

/** The strongest effect of the changed keys, unless the exporter comes, goes, or is enabled or disabled. */
function effectOf(before: Resolved | undefined, after: Resolved | undefined, keys: string[]): ChangeEffect {
  if (!before) return 'add'
  if (!after) return 'remove'
  const [was, is] = [before.config.enabled !== false, after.config.enabled !== false]
  if (!is) return was ? 'disable' : 'none'
  const effects = keys.map((key) => after.schema.keys.get(key)!.change)
  if (was && effects.includes('replace')) return 'replace'
  // A client checks addresses, or does not, for as long as it lives.
  const isRebuilt = !was || effects.includes('rebuild') || before.guarded !== after.guarded
  return isRebuilt ? 'rebuild' : 'hot'
}

/** Returns the changes that lead from `before` to `after`. */
export const diffExporters = (before: ResolvedConfig, after: ResolvedConfig): ExporterChange[] =>
  changedExporters(before, after)
    .filter(({ old, now, keys }) => keys.length > 0 || old?.guarded !== now?.guarded)
    .map(({ id, old, now, keys }) => ({
      id,
      effect: effectOf(old, now, keys),
      ...(old && { before: exporterConfig(old) }),
      ...(now && { after: exporterConfig(now) }),
      keys,
    }))

/** Each effective value that differs, in the order of exporters and their keys. */
export function diffValues(before: ResolvedConfig, after: ResolvedConfig, redactor: Redactor): ValueChange[] {
  const shown = (one: ResolvedKeys | undefined, key: string) => one && shownKey(one, key, redactor)
  const valuesOf = (
    keys: readonly string[],
    old: ResolvedKeys | undefined,
    now: ResolvedKeys | undefined,
  ): ValueChange[] =>
    keys.map((key) => ({
      path: pathOf((now ?? old)?.id, key),
      oldValue: shown(old, key),
      newValue: shown(now, key),
    }))
  return [
    ...valuesOf(changedKeys(before.system, after.system), before.system, after.system),
    ...changedExporters(before, after).flatMap(({ id, old, now, keys }) => {
      const type = { path: pathOf(id, 'type'), oldValue: old?.schema.type, newValue: now?.schema.type }
      return [...(old && now ? [] : [type]), ...valuesOf(keys, old, now)]
    }),
  ]
}
