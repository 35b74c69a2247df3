import type { ConfigProblem } from '../errors.ts'
import { type Held, holds, type ReadEntry } from './changes/holds.ts'
import { type SystemConfig, systemSchema } from './keys.ts'
import { type Entry, type LayerName, type Layers, strongestFirst, type Table } from './layers.ts'
import { pathOf } from './paths.ts'
import type { Redactor } from './shown/redact.ts'
import type { Environment } from './sources/environment.ts'

/** The keys of telemachine itself, as all layers together make them. */
export interface ResolvedSystem {
  readonly config: SystemConfig
  readonly held: ReadonlyMap<string, readonly Held[]>
}

interface Resolution {
  readonly resolved: ResolvedSystem
  readonly problems: readonly ConfigProblem[]
}

export type SystemResolver = (layers: Layers) => Resolution

export function createSystemResolver(
  environment: Environment,
  read: ReadEntry,
  redactor: Redactor,
): SystemResolver {
  const environmental = environment.system(Object.keys(systemSchema))
  let latest: { readonly tables: readonly Table[]; readonly resolution: Resolution } | undefined

  const resolve = (layers: Layers): Resolution => {
    const problems: ConfigProblem[] = []
    const config: Record<string, unknown> = {}
    const held = new Map<string, readonly Held[]>()
    for (const [name, key] of Object.entries(systemSchema)) {
      const said: (readonly [LayerName, Entry])[] = []
      for (const [layer, tables] of strongestFirst(layers)) {
        const entry = tables.system.get(name)
        if (entry) said.push([layer, entry])
      }
      const variable = environmental.get(name)
      if (variable) said.push(['environment', variable])
      const result = holds(pathOf(undefined, name), key, said, read, redactor)
      problems.push(...result.problems)
      held.set(name, result.held)
      config[name] = result.held.length > 0 ? result.held[0]!.value : key.default
    }
    return { resolved: { config: Object.freeze(config) as unknown as SystemConfig, held }, problems }
  }

  return (layers) => {
    const tables = strongestFirst(layers).map(([, one]) => one.system)
    const known = latest
    // Nearly every change leaves these keys alone.
    if (known && tables.every((table, i) => table === known.tables[i])) return known.resolution
    const resolution = resolve(layers)
    latest = { tables, resolution }
    return resolution
  }
}
