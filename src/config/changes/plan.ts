import { isDeepStrictEqual } from 'node:util'
import type { AnyExporterDefinition, Change, Config } from '../../exporters/exporter.ts'
import type { Resolved, ResolvedConfig } from '../judge.ts'
import type { SystemConfig } from '../keys.ts'
import { systemSchema } from '../keys.ts'
import { pathOf } from '../paths.ts'
import { shownValue } from '../shown/problems.ts'
import type { Redactor } from '../shown/redact.ts'

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
  readonly action: 'add' | 'remove' | 'update'
  /** The strongest of the changed keys; `rebuild` for an exporter that comes or goes. */
  readonly change: Change
  readonly before?: ExporterConfig
  readonly after?: ExporterConfig
  readonly keys: readonly string[]
}

/** What one transaction has to put in force. */
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

const strength: readonly Change[] = ['hot', 'rebuild', 'replace']
const stronger = (a: Change, b: Change): Change => (strength.indexOf(a) >= strength.indexOf(b) ? a : b)

const differs = (a: unknown, b: unknown): boolean => a !== b && !isDeepStrictEqual(a, b)

export const exporterConfig = ({ id, schema, config, guarded }: Resolved): ExporterConfig => ({
  id,
  type: schema.type,
  definition: schema.definition,
  config,
  guarded,
})

const changedKeys = (before: Resolved, after: Resolved): string[] =>
  before === after
    ? []
    : [...after.schema.keys.keys()].filter((key) => differs(before.config[key], after.config[key]))

/** What has to happen so that `after` is in force where `before` is; flip the arguments to undo it. */
export function diffExporters(before: ResolvedConfig, after: ResolvedConfig): ExporterChange[] {
  const changes: ExporterChange[] = []
  for (const [id, old] of before.exporters) {
    if (after.exporters.has(id)) continue
    const keys = [...old.schema.keys.keys()]
    changes.push({ id, action: 'remove', change: 'rebuild', before: exporterConfig(old), keys })
  }
  for (const [id, resolved] of after.exporters) {
    const old = before.exporters.get(id)
    const now = exporterConfig(resolved)
    if (!old) {
      changes.push({
        id,
        action: 'add',
        change: 'rebuild',
        after: now,
        keys: [...resolved.schema.keys.keys()],
      })
      continue
    }
    const was = exporterConfig(old)
    const keys = changedKeys(old, resolved)
    if (keys.length === 0 && was.guarded === now.guarded) continue
    const change = keys.reduce<Change>(
      (all, key) => stronger(all, resolved.schema.keys.get(key)!.change),
      // The check of the address is the client's for life.
      was.guarded === now.guarded ? 'hot' : 'rebuild',
    )
    changes.push({ id, action: 'update', change, before: was, after: now, keys })
  }
  return changes
}

/** Each effective value that differs, in the order of exporters and their keys. */
export function diffValues(before: ResolvedConfig, after: ResolvedConfig, redactor: Redactor): ValueChange[] {
  const changes: ValueChange[] = []
  const shown = (resolved: Resolved | undefined, key: string): unknown =>
    resolved &&
    shownValue(
      resolved.schema.keys.get(key)!,
      resolved.config[key],
      resolved.held.get(key)?.[0]?.entry,
      redactor,
    )

  for (const [key, schema] of Object.entries(systemSchema)) {
    const name = key as keyof SystemConfig
    const [oldValue, newValue] = [before.system.config[name], after.system.config[name]]
    if (!differs(oldValue, newValue)) continue
    const [oldShown, newShown] = [oldValue, newValue].map((value) =>
      shownValue(schema, value, undefined, redactor),
    )
    changes.push({ path: pathOf(undefined, key), oldValue: oldShown, newValue: newShown })
  }
  for (const id of new Set([...before.exporters.keys(), ...after.exporters.keys()])) {
    const [old, now] = [before.exporters.get(id), after.exporters.get(id)]
    if (old && now) {
      for (const key of changedKeys(old, now)) {
        changes.push({ path: pathOf(id, key), oldValue: shown(old, key), newValue: shown(now, key) })
      }
      continue
    }
    changes.push({ path: pathOf(id, 'type'), oldValue: old?.schema.type, newValue: now?.schema.type })
    for (const key of (old ?? now)!.schema.keys.keys()) {
      changes.push({ path: pathOf(id, key), oldValue: shown(old, key), newValue: shown(now, key) })
    }
  }
  return changes
}
