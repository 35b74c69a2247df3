import { createDestinations } from './changes/destinations.ts'
import { guardedKeys, type SystemConfig } from './keys.ts'
import { exporterIds, isUntrusted, type Layers, strongestFirst, type Table } from './layers.ts'
import { pathOf } from './paths.ts'
import { createProblems, type ProblemList } from './problem-list.ts'
import { type Held, hints, type ResolvedKeys, resolveExporter, resolveKeys, type Said } from './resolve.ts'
import type { Schema, TypeSchema } from './schema.ts'
import { nearest, problemAt, valueProblem } from './shown/problems.ts'
import type { Redactor } from './shown/redact.ts'
import type { Environment } from './sources/environment.ts'

/** An exporter as all layers together make it. */
export interface Resolved extends ResolvedKeys {
  readonly id: string
  readonly schema: TypeSchema
  /** Who named the type; undefined where it follows from the id. */
  readonly type: Held | undefined
  /** An untrusted source named its destination: the transport must check the address it connects to. */
  readonly guarded: boolean
  /** What it was made of: with the same again it is the same. */
  readonly said: readonly Said[]
  readonly allowed: readonly string[]
  /** Nothing is wrong with it. */
  readonly sound: boolean
}

/** The keys of telemachine itself, as all layers together make them. */
export interface ResolvedSystem extends Omit<ResolvedKeys, 'config'> {
  readonly config: SystemConfig
  readonly said: readonly Said[]
  readonly sound: boolean
}

/** Layers, and everything they amount to. */
export interface ResolvedConfig {
  readonly layers: Layers
  readonly exporters: ReadonlyMap<string, Resolved>
  readonly system: ResolvedSystem
  /** The types of the exporters there are; those whose type is unknown are missing. */
  readonly peers: ReadonlyMap<string, TypeSchema>
}

export interface Judgement {
  readonly config: ResolvedConfig
  readonly problems: ProblemList
}

export interface JudgeOptions {
  /** How many exporters there may be that the base does not have; more are refused unread. */
  readonly maxAdded?: number
  /** Tells which paths are of interest; problems elsewhere are not listed. */
  readonly isOwn?: (path: string) => boolean
  /** Nothing runs yet, so types may still change. */
  readonly beforeStart?: boolean
}

/**
 * Judges layers: resolves everything they amount to and lists everything wrong with it. What is as it was in `base` is
 * taken from there, so a change costs as much as what it touches.
 */
export type Judge = (layers: Layers, base?: ResolvedConfig, options?: JudgeOptions) => Judgement

const sameSaid = (a: readonly Said[], b: readonly Said[]): boolean =>
  a.length === b.length && a.every(([, table], i) => sameTable(table, b[i]![1]))

const sameTable = (a: Table | undefined, b: Table | undefined): boolean =>
  a === b ||
  (a !== undefined &&
    b !== undefined &&
    a.size === b.size &&
    [...a].every(([key, entry]) => b.get(key) === entry))

const samePeers = (a: ResolvedConfig['peers'], b: ResolvedConfig['peers']): boolean =>
  a.size === b.size && [...a].every(([id, schema]) => b.get(id) === schema)

const typeKey = { format: 'name', default: null, change: 'replace', doc: '' } as const

type Ordered = ReturnType<typeof strongestFirst>

function typeOf(id: string, ordered: Ordered): { readonly name: unknown; readonly held: Held | undefined } {
  for (const [layer, tables] of ordered) {
    const entry = tables.exporters.get(id)?.get('type')
    if (entry) return { name: entry.value, held: { layer, entry, value: entry.value } }
  }
  return { name: id, held: undefined }
}

export function createJudge(
  schemas: ReadonlyMap<string, TypeSchema>,
  systemKeys: Schema,
  environment: Environment,
  redactor: Redactor,
): Judge {
  const destinations = createDestinations()

  const system = (
    ordered: Ordered,
    base: ResolvedConfig | undefined,
    problems: ProblemList,
  ): ResolvedSystem => {
    const said: Said[] = ordered.map(([layer, tables]) => [layer, tables.system])
    said.push(['environment', environment.system])
    if (base?.system.sound && sameSaid(base.system.said, said)) return base.system
    const before = problems.count
    const resolved = resolveKeys(undefined, systemKeys, said, problems, redactor)
    for (const key of guardedKeys) {
      const entry = resolved.held.get(key)?.[0]?.entry
      if (!entry || !isUntrusted(entry.source)) continue
      const path = pathOf(undefined, key)
      problems.add(path, () =>
        problemAt(
          'CONFIG_FORBIDDEN',
          path,
          entry,
          'can only be set by the environment, the file, init and the program',
        ),
      )
    }
    const config = resolved.config as unknown as SystemConfig
    return { ...resolved, config, said, sound: problems.count === before }
  }

  const unknownType = (id: string, ordered: Ordered, problems: ProblemList): void => {
    const path = pathOf(id, 'type')
    const { held } = typeOf(id, ordered)
    problems.add(held ? path : pathOf(id), () => {
      const right = `one of ${[...schemas.keys()].join(', ')}`
      if (held)
        return { ...valueProblem(path, typeKey, held.entry, right, redactor), code: 'CONFIG_UNKNOWN_TYPE' }
      const meant = nearest(id, schemas.keys())
      const message = `${pathOf(id)} is not the name of an exporter type: give it a type, ${right}${meant ? ` (did you mean ${meant}?)` : ''}`
      return { code: 'CONFIG_UNKNOWN_TYPE', path, message }
    })
  }

  const refuseOtherType = (id: string, was: string, is: string, problems: ProblemList): void => {
    const path = pathOf(id, 'type')
    const message = `${path} can't change from ${was} to ${is} while the exporter exists: remove it first, or give the new one another id`
    problems.add(path, () => ({ code: 'CONFIG_TYPE_FIXED', path, message }))
  }

  const exporter = (
    id: string,
    type: Held | undefined,
    schema: TypeSchema,
    said: readonly Said[],
    allowed: readonly string[],
    problems: ProblemList,
  ): Resolved => {
    const before = problems.count
    const keys = resolveExporter(id, schema, said, problems, redactor)
    const guarded = destinations.check({ id, schema, ...keys }, allowed, problems)
    const warnings = [...keys.warnings, ...hints(id, schema, keys.config, redactor)]
    return { ...keys, warnings, id, schema, type, guarded, said, allowed, sound: problems.count === before }
  }

  const peersOf = (
    ids: readonly string[],
    ordered: Ordered,
    base: ResolvedConfig | undefined,
  ): ResolvedConfig['peers'] => {
    const peers = new Map<string, TypeSchema>()
    for (const id of ids) {
      const schema = schemas.get(typeOf(id, ordered).name as string)
      if (schema) peers.set(id, schema)
    }
    return base && samePeers(base.peers, peers) ? base.peers : peers
  }

  return (layers, base, { maxAdded = Number.POSITIVE_INFINITY, isOwn, beforeStart = false } = {}) => {
    const problems = createProblems(isOwn)
    const ordered = strongestFirst(layers)
    const ours = system(ordered, base, problems)
    const ids = exporterIds(layers)
    const exporters = new Map<string, Resolved>()
    const added = ids.filter((id) => !base?.exporters.has(id)).length
    if (added > maxAdded) {
      const message = `the change adds ${added} exporters, but one change may add at most ${maxAdded} (${pathOf(undefined, 'max_exporters')})`
      problems.add('telemetry', () => ({ code: 'CONFIG_TOO_MANY_EXPORTERS', path: 'telemetry', message }))
      return { config: { layers, exporters, system: ours, peers: new Map() }, problems }
    }
    const peers = peersOf(ids, ordered, base)
    const allowed = ours.config.allowed_destinations
    for (const id of ids) {
      const schema = peers.get(id)
      if (!schema) {
        unknownType(id, ordered, problems)
        continue
      }
      const said: Said[] = ordered.map(([layer, tables]) => [layer, tables.exporters.get(id)])
      for (const table of [environment.own(id, peers), ...environment.shared(schema)])
        said.push(['environment', table])
      const old = base?.exporters.get(id)
      if (old?.sound && old.schema === schema && old.allowed === allowed && sameSaid(old.said, said)) {
        exporters.set(id, old)
        continue
      }
      if (old && old.schema !== schema && !beforeStart)
        refuseOtherType(id, old.schema.type, schema.type, problems)
      exporters.set(id, exporter(id, typeOf(id, ordered).held, schema, said, allowed, problems))
    }
    return { config: { layers, exporters, system: ours, peers }, problems }
  }
}
