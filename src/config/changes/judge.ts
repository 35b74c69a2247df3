import type { ConfigProblem } from '../../errors.ts'
import { type Entry, exporterIds, type Layers, type Tables } from '../layers.ts'
import { pathOf } from '../paths.ts'
import { createResolver, type Peers, type Resolved } from '../resolve.ts'
import type { TypeSchema } from '../schema.ts'
import type { Redactor } from '../shown/redact.ts'
import type { Environment } from '../sources/environment.ts'
import { checkDestinations, originsOf } from './destinations.ts'
import type { Picture } from './plan.ts'

export interface Judgement {
  readonly picture: Picture
  readonly problems: readonly ConfigProblem[]
}

export interface Judge {
  /** Everything the layers amount to, and everything wrong with it. `before`: what is in force, whose types stay. */
  judge(layers: Layers, before?: Picture): Judgement
  /** What is wrong with the exporters of these ids only, quickly; types may not differ from those of `before`. */
  admit(layers: Layers, ids: ReadonlySet<string>, before: Layers | undefined): readonly ConfigProblem[]
  /** An entry that remembers which origins of its exporter it was brought for. */
  bind(entry: Entry, id: string | undefined, layers: Layers): Entry
  bindAll(tables: Tables, layers: Layers): Tables
  peers(layers: Layers): Peers
}

const typeFixed = (id: string, before: string, after: string): ConfigProblem => ({
  code: 'CONFIG_TYPE_FIXED',
  path: pathOf(id, 'type'),
  message: `${pathOf(id, 'type')} can't change from ${before} to ${after} while the exporter lives: remove it first, or give the new one another id`,
})

const systemRefused = (key: string): ConfigProblem => ({
  code: 'CONFIG_FORBIDDEN',
  path: pathOf(undefined, key),
  message: `${pathOf(undefined, key)} can only be set by the environment, the file, init and the program`,
})

export function createJudge(
  schemas: ReadonlyMap<string, TypeSchema>,
  environment: Environment,
  redactor: Redactor,
): Judge {
  const resolver = createResolver(schemas, environment, redactor)

  const system = (layers: Layers) => {
    const { resolved, problems } = resolver.system(layers)
    const source = resolved.held.get('allowed_destinations')?.[0]?.entry.source
    const forbidden = source === 'admin' || source === 'remote' ? [systemRefused('allowed_destinations')] : []
    return { resolved, problems: [...problems, ...forbidden] }
  }

  const judge: Judge['judge'] = (layers, before) => {
    const peers = resolver.peers(layers)
    const ours = system(layers)
    const problems: ConfigProblem[] = [...ours.problems]
    const exporters = new Map<string, Resolved>()
    const guarded = new Set<string>()
    for (const id of exporterIds(layers)) {
      const one = resolver.exporter(id, layers, peers)
      problems.push(...one.problems)
      if (!one.resolved) continue
      const { schema, config } = one.resolved
      exporters.set(id, one.resolved)
      const was = before?.exporters.get(id)?.schema.type
      if (was !== undefined && was !== schema.type) problems.push(typeFixed(id, was, schema.type))
      // convict has the last word on what passed our own, stricter reading.
      for (const key of one.problems.length > 0 ? [] : schema.refused(config)) {
        problems.push({
          code: 'CONFIG_INVALID_VALUE',
          path: pathOf(id, key),
          message: `${pathOf(id, key)} does not fit its schema`,
        })
      }
      const destinations = checkDestinations(one.resolved, ours.resolved.config.allowed_destinations)
      if (destinations.guarded) guarded.add(id)
      problems.push(...destinations.problems)
    }
    return { picture: { exporters, system: ours.resolved, guarded }, problems }
  }

  const admit: Judge['admit'] = (layers, ids, before) => {
    const peers = resolver.peers(layers)
    const peersBefore = before && resolver.peers(before)
    const ours = system(layers)
    const problems: ConfigProblem[] = [...ours.problems]
    const existing = new Set(exporterIds(layers))
    for (const id of ids) {
      if (!existing.has(id)) continue
      const one = resolver.exporter(id, layers, peers)
      problems.push(...one.problems)
      if (!one.resolved) continue
      const was = peersBefore?.get(id)?.type
      if (was !== undefined && was !== one.resolved.schema.type) {
        problems.push(typeFixed(id, was, one.resolved.schema.type))
      }
      problems.push(...checkDestinations(one.resolved, ours.resolved.config.allowed_destinations).problems)
    }
    return problems
  }

  const bind: Judge['bind'] = (entry, id, layers) => {
    if (id === undefined) return entry
    const { resolved } = resolver.exporter(id, layers, resolver.peers(layers))
    return resolved ? { ...entry, boundTo: originsOf(resolved) } : entry
  }

  const bindAll: Judge['bindAll'] = (tables, layers) => ({
    system: tables.system,
    exporters: new Map(
      [...tables.exporters].map(([id, table]) => [
        id,
        new Map([...table].map(([key, entry]) => [key, bind(entry, id, layers)])),
      ]),
    ),
  })

  return { judge, admit, bind, bindAll, peers: resolver.peers }
}
