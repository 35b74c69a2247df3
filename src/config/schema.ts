import type convictModule from 'convict'
import { TelemetryError } from '../errors.ts'
import type { AnyExporterDefinition, KeySchema } from '../exporters/exporter.ts'
import { formatOf, formats, readKey } from './formats/formats.ts'
import { isRecord } from './formats/reading.ts'
import { commonKeys } from './keys.ts'
import { isPolluting } from './paths.ts'

/** The keys of one exporter type: its own and the common ones, with their defaults in the shape drivers see. */
export interface TypeSchema {
  readonly type: string
  readonly definition: AnyExporterDefinition
  readonly keys: ReadonlyMap<string, KeySchema>
  readonly defaults: ReadonlyMap<string, unknown>
  /** Keys whose values convict refuses, or does not know; none until {@link loadConvict}. */
  refused(config: Readonly<Record<string, unknown>>): readonly string[]
}

const invalid = (type: unknown, why: string): TelemetryError =>
  new TelemetryError('EXPORTER_DEFINITION_INVALID', `exporter type ${String(type)}: ${why}`)

/** convict merges nested records into their defaults and stumbles over dots in their keys; a Map is a leaf to it. */
const asLeaf = (value: unknown): unknown => (isRecord(value) ? new Map(Object.entries(value)) : value)
const fromLeaf = (value: unknown): unknown => (value instanceof Map ? Object.fromEntries(value) : value)

let convict: typeof convictModule | undefined

/**
 * Loads convict, which takes as long as all that is ours: the import of the library does not wait for it, the start
 * does. What is judged before the start is judged by our own, stricter reading alone, and at the start once more.
 */
export async function loadConvict(): Promise<void> {
  convict ??= (await import('convict')).default
}

const registered = new Map<string, string>()

/** Registers a format of ours under its own name, with an identity where convict would coerce. */
function convictFormat(key: KeySchema, convict: typeof convictModule): string {
  const id = `telemetry ${typeof key.format === 'string' ? key.format : key.format.join('|')}`
  if (!registered.has(id)) {
    convict.addFormat({
      name: id,
      coerce: (value: unknown) => value,
      validate: (value: unknown, declared) => {
        const { key: own } = declared as unknown as { key: KeySchema }
        // An absent default is the driver's to judge: only it knows whether it can do without.
        if (value === null || value === undefined) return
        const reading = readKey(own, fromLeaf(value), false)
        if ('wrong' in reading) throw new Error(`must be ${reading.wrong}`)
      },
    })
    registered.set(id, id)
  }
  return id
}

function convictSchema(
  keys: ReadonlyMap<string, KeySchema>,
  defaults: ReadonlyMap<string, unknown>,
  convict: typeof convictModule,
) {
  const schema: Record<string, convictModule.SchemaObj<unknown>> = {}
  for (const [name, key] of keys) {
    schema[name] = {
      doc: key.doc,
      format: convictFormat(key, convict),
      default: asLeaf(defaults.get(name) ?? null),
      nullable: true,
      sensitive: isSensitive(key),
      key,
    } as convictModule.SchemaObj<unknown>
  }
  return schema
}

/** Header values are secret whatever the declaration says: authorization travels in them. */
export const isSensitive = (key: KeySchema): boolean => key.sensitive === true || key.format === 'headers'

function mergedKeys(definition: AnyExporterDefinition): Map<string, KeySchema> {
  const common = commonKeys(definition)
  const keys = new Map(Object.entries(common))
  for (const [name, key] of Object.entries(definition.schema)) {
    if (!/^[a-z][a-z0-9_]*$/.test(name) || isPolluting(name) || name === 'type') {
      throw invalid(definition.type, `${name} cannot be the name of a key`)
    }
    const base = common[name]
    keys.set(
      name,
      base
        ? { ...base, default: key.default, doc: key.doc ?? base.doc, ...(key.env && { env: key.env }) }
        : key,
    )
  }
  for (const [name, value] of Object.entries(definition.defaults ?? {})) {
    const key = keys.get(name)
    if (!key) throw invalid(definition.type, `defaults names ${name}, which is no key of it`)
    keys.set(name, { ...key, default: value })
  }
  return keys
}

/** Derives the schema of a type from its definition; throws `EXPORTER_DEFINITION_INVALID`. */
export function createTypeSchema(definition: AnyExporterDefinition): TypeSchema {
  const { type } = definition
  const keys = mergedKeys(definition)
  const defaults = new Map<string, unknown>()
  for (const [name, key] of keys) {
    if (!formatOf(key)) {
      throw invalid(
        type,
        `${name} has the unknown format ${String(key.format)} (known: ${[...formats.keys()].join(', ')}, or a list)`,
      )
    }
    if (key.default === null || key.default === undefined) {
      defaults.set(name, null)
      continue
    }
    const reading = readKey(key, key.default, false)
    if ('wrong' in reading) throw invalid(type, `the default of ${name} must be ${reading.wrong}`)
    defaults.set(name, reading.value)
  }
  let declared: ReturnType<typeof convictSchema> | undefined

  const refused = (config: Readonly<Record<string, unknown>>): string[] => {
    if (convict === undefined) return []
    declared ??= convictSchema(keys, defaults, convict)
    // Its own environment and arguments are switched off: it would put them above files.
    const instance = convict(declared, { env: {}, args: [] })
    for (const [name, value] of Object.entries(config)) instance.set(name, asLeaf(value))
    try {
      instance.validate({ allowed: 'strict', output: () => {} })
      return []
    } catch (error) {
      const lines = String((error as Error).message).split('\n')
      return lines.map((line) => /^(?:configuration param ')?([a-z0-9_]+)/.exec(line)?.[1] ?? '')
    }
  }

  return { type, definition, keys, defaults, refused }
}

/** The schemas of all types, by name; throws `EXPORTER_DEFINITION_INVALID`, also for a name given twice. */
export function createTypeSchemas(types: readonly AnyExporterDefinition[]): ReadonlyMap<string, TypeSchema> {
  const schemas = new Map<string, TypeSchema>()
  for (const definition of types) {
    if (schemas.has(definition.type)) throw invalid(definition.type, 'it is given twice')
    schemas.set(definition.type, createTypeSchema(definition))
  }
  return schemas
}
