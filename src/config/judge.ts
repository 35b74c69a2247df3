import { isDeepStrictEqual } from 'node:util'
import type { Config } from '../exporters/exporter.ts'
import { createDestinations } from './destinations.ts'
import { secretsOfProxyUrl } from './formats/proxy-url.ts'
import { guardedKeys, type SystemConfig, systemSchema } from './keys.ts'
import {
  exporterIds,
  isUntrusted,
  type Layers,
  noTable,
  strongestFirst,
  type Table,
  type Tables,
} from './layers.ts'
import { oncePerSchema } from './once-per-schema.ts'
import { pathOf } from './paths.ts'
import { createProblems, type ProblemList } from './presentation/problem-list.ts'
import { nearest, problemAt, valueProblem } from './presentation/problems.ts'
import type { Redactor } from './presentation/redact.ts'
import { hints, resolveExporter, resolveKeys } from './resolve.ts'
import type { Held, ResolvedKeys, Said } from './resolved.ts'
import { isSensitive, type Schemas, type TypeSchema } from './schema.ts'
import type { Environment } from './sources/environment.ts'

/** An exporter as all layers together make it. */
export interface Resolved extends ResolvedKeys {
  readonly id: string
  readonly schema: TypeSchema
  /** Who named the type; undefined where it follows from the id. */
  readonly type: Held | undefined
  /** An untrusted source named its destination: the transport must check the address it connects to. */
  readonly guarded: boolean
  /** The tables it was made of: the same tables give the same result. */
  readonly said: readonly Said[]
}

/** The keys of telemachine itself, as all layers together make them. */
interface ResolvedSystem extends ResolvedKeys {
  readonly config: Config & SystemConfig
  readonly said: readonly Said[]
}

/** Layers, and everything they amount to. */
export interface ResolvedConfig {
  readonly layers: Layers
  readonly exporters: ReadonlyMap<string, Resolved>
  readonly system: ResolvedSystem
  /** The types of the exporters there are; those whose type is unknown are missing. */
  readonly peers: ReadonlyMap<string, TypeSchema>
}

interface Judgement {
  readonly config: ResolvedConfig
  readonly problems: ProblemList
}

export interface JudgeOptions {
  /** How many exporters there may be that the base does not have; more are refused unread. */
  readonly maxAdded?: number
  /** Tells which paths are of interest; problems elsewhere are not listed. */
  readonly isOwn?: (path: string) => boolean
  /** True before the start, when types of exporters may still change. */
  readonly beforeStart?: boolean
}

/**
 * Judges layers: resolves everything they amount to and lists everything wrong with it. After the start `base` is a
 * valid configuration: exporters whose tables are the same there are taken over, so that a change of one exporter
 * among a hundred takes as long as one of the only exporter.
 */
export type Judge = (layers: Layers, base?: ResolvedConfig, options?: JudgeOptions) => Judgement

const sameSaid = (a: readonly Said[], b: readonly Said[]): boolean =>
  a.length === b.length && a.every(([, table], i) => table === b[i]![1])

const systemKeySchemas = new Map(Object.entries(systemSchema))
const systemDefaults = new Map([...systemKeySchemas].map(([name, key]) => [name, key.default]))

/** Layers before their first validation: without exporters, and with the defaults of telemachine's own keys. */
export const unjudged = (layers: Layers): ResolvedConfig => ({
  layers,
  exporters: new Map(),
  system: {
    id: undefined,
    schema: { keys: systemKeySchemas, defaults: systemDefaults },
    config: Object.fromEntries(systemDefaults) as Config & SystemConfig,
    held: new Map(),
    warnings: [],
    said: [],
  },
  peers: new Map(),
})

const typeKey = { format: 'name', default: null, change: 'replace', doc: '' } as const

type Ordered = ReturnType<typeof strongestFirst>

function typeOf(id: string, ordered: Ordered): { readonly name: unknown; readonly held: Held | undefined } {
  for (const [layer, tables] of ordered) {
    const entry = tables.exporters.get(id)?.get('type')
    if (entry) return { name: entry.value, held: { layer, entry, value: entry.value } }
  }
  return { name: id, held: undefined }
}

/** Makes the judge of one configuration, as one environment has it. */
export function createJudge(schemas: Schemas, environment: Environment, redactor: Redactor): Judge {
  const destinations = createDestinations()

  const system = (said: readonly Said[], problems: ProblemList): ResolvedSystem => {
    const resolved = resolveKeys(undefined, schemas.system, said, problems, redactor)
    for (const key of guardedKeys) {
      const entry = resolved.held.get(key)?.[0]?.entry
      if (!entry || !isUntrusted(entry.source)) continue
      const path = pathOf(undefined, key)
      const why = 'can only be set by the environment, the file, init and the program'
      problems.add(path, () => problemAt('CONFIG_FORBIDDEN', path, entry, why))
    }
    return { ...resolved, config: resolved.config as Config & SystemConfig, said }
  }

  const unknownType = (id: string, held: Held | undefined, problems: ProblemList): void => {
    const path = pathOf(id, 'type')
    problems.add(held ? path : pathOf(id), () => {
      const right = `one of ${[...schemas.types.keys()].join(', ')}`
      if (held)
        return {
          ...valueProblem(path, typeKey, held.entry, { right, at: [] }, redactor),
          code: 'CONFIG_UNKNOWN_TYPE',
        }
      const meant = nearest(id, schemas.types.keys())
      const message = `${pathOf(id)} is not the name of an exporter type: give it a type, ${right}${meant ? ` (did you mean ${meant}?)` : ''}`
      return { code: 'CONFIG_UNKNOWN_TYPE', path, message }
    })
  }

  const refuseOtherType = (id: string, was: string, is: string, problems: ProblemList): void => {
    const path = pathOf(id, 'type')
    const message = `${path} can't change from ${was} to ${is} while the exporter exists: remove it first, or give the new one another id`
    problems.add(path, () => ({ code: 'CONFIG_TYPE_FIXED', path, message }))
  }

  return (layers, base, { maxAdded = Number.POSITIVE_INFINITY, isOwn, beforeStart = false } = {}) => {
    const problems = createProblems(isOwn)
    const ordered = strongestFirst(layers)
    const said = (tablesOf: (tables: Tables) => Table | undefined, weakest: readonly Table[]): Said[] => [
      ...ordered.map(([layer, tables]): Said => [layer, tablesOf(tables)]),
      ...weakest.map((table): Said => ['environment', table]),
    ]
    const saidBySystem = said(({ system }) => system, [environment.system])
    const isSameSystem = !beforeStart && base !== undefined && sameSaid(base.system.said, saidBySystem)
    const ours = isSameSystem ? base.system : system(saidBySystem, problems)
    const allowed = ours.config.allowed_destinations
    // What is said of telemachine's own keys concerns exporters by this one only.
    const isSameGround =
      isSameSystem || (!beforeStart && isDeepStrictEqual(base?.system.config.allowed_destinations, allowed))
    const ids = exporterIds(layers)
    const exporters = new Map<string, Resolved>()
    const peers = new Map<string, TypeSchema>()
    const added = ids.filter((id) => !base?.exporters.has(id)).length
    if (added > maxAdded) {
      const message = `the change adds ${added} exporters, but one change may add at most ${maxAdded} (${pathOf(undefined, 'max_exporters')})`
      problems.add('telemetry', () => ({ code: 'CONFIG_TOO_MANY_EXPORTERS', path: 'telemetry', message }))
      return { config: { layers, exporters, system: ours, peers }, problems }
    }
    const typesOf = new Map(ids.map((id) => [id, typeOf(id, ordered)]))
    for (const [id, { name, held }] of typesOf) {
      const schema = schemas.types.get(name as string)
      if (schema) peers.set(id, schema)
      else unknownType(id, held, problems)
    }
    const own = environment.own(peers)
    for (const [id, schema] of peers) {
      const saidById = said(
        (tables) => tables.exporters.get(id),
        [own.get(id) ?? noTable, ...environment.shared(schema)],
      )
      const old = base?.exporters.get(id)
      if (old?.schema === schema && isSameGround && sameSaid(old.said, saidById)) {
        exporters.set(id, old)
        continue
      }
      if (old && old.schema !== schema && !beforeStart)
        refuseOtherType(id, old.schema.type, schema.type, problems)
      const keys = resolveExporter(id, schema, saidById, problems, redactor)
      const guarded = destinations.check({ ...keys, id, schema }, allowed, problems)
      const warnings = [...keys.warnings, ...hints(id, schema, keys.config, redactor)]
      const type = typesOf.get(id)?.held
      exporters.set(id, { ...keys, warnings, id, schema, type, guarded, said: saidById })
    }
    return { config: { layers, exporters, system: ours, peers }, problems }
  }
}

const secretKeys = oncePerSchema(({ keys }) =>
  [...keys].filter(([, key]) => isSensitive(key) || key.format === 'proxy-url'),
)

/** Keeps the secrets that are in force known, however many others were tried since they were put. */
export function rememberSecrets({ exporters }: ResolvedConfig, redactor: Redactor): void {
  for (const { schema, config } of exporters.values()) {
    for (const [name, key] of secretKeys(schema)) {
      if (key.format === 'headers') redactor.learnHeaders(config[name])
      else if (key.format === 'proxy-url') redactor.learn(secretsOfProxyUrl(config[name]))
      else redactor.learn(config[name])
    }
  }
}
