import { messageOf, TelemetryError } from '../errors.ts'
import type { AnyExporterDefinition, KeySchema } from '../exporters/exporter.ts'
import { type Convict, convictName, untyped } from './convict.ts'
import { formats } from './formats/formats.ts'
import { convictOf, declare, keyJudgeOf, type Verdict } from './key-judge.ts'
import { commonKeys, sharedVariables } from './keys.ts'
import type { Entry } from './layers.ts'
import { isPolluting } from './paths.ts'

export { isSensitive, type Verdict } from './key-judge.ts'

/** A key as convict's own schema has it, in plain JSON. For the reference and the JSON Schema. */
export interface PublishedKey extends Pick<KeySchema, 'doc' | 'default' | 'change' | 'unit' | 'min' | 'max'> {
  readonly format: string
  readonly choices?: readonly string[]
  readonly nullable: boolean
  readonly sensitive: boolean
  /** The variable of one exporter, and those that speak to several, strongest first. */
  readonly env: string
  readonly variables: readonly string[]
}

/** The keys of one exporter type, or of telemachine itself. convict holds their declarations and judges their values. */
export interface Schema {
  readonly keys: ReadonlyMap<string, KeySchema>
  /** In the shape drivers see. */
  readonly defaults: ReadonlyMap<string, unknown>
  /** What convict says of an entry that has a value. An entry is judged once. */
  verdict(name: string, entry: Entry): Verdict
  /** convict's own schema. */
  published(): ReadonlyMap<string, PublishedKey>
}

/** Hears of each entry when it is judged. */
export type OnJudged = (key: KeySchema, entry: Entry, verdict: Verdict) => void

export interface TypeSchema extends Schema {
  readonly type: string
  readonly definition: AnyExporterDefinition
}

/** Makes the schema of keys. `owner` is the part of a variable that names whose they are, such as `OTEL_`. */
export function createSchema(
  keys: ReadonlyMap<string, KeySchema>,
  owner: string,
  convict: Convict,
  onJudged: OnJudged = () => {},
): Schema {
  const defaults = new Map<string, unknown>()
  for (const [name, key] of keys) {
    const { fallback } = keyJudgeOf(key, convict)
    if ('right' in fallback) throw new TypeError(`the default of ${name} must be ${fallback.right}`)
    defaults.set(name, fallback.value)
  }

  const verdicts = new WeakMap<Entry, Verdict>()

  const verdict: Schema['verdict'] = (name, entry) => {
    const known = verdicts.get(entry)
    if (known) return known
    const key = keys.get(name)!
    const made = keyJudgeOf(key, convict).judge(entry.value, entry.text === true)
    verdicts.set(entry, made)
    onJudged(key, entry, made)
    return made
  }

  const variablesOf = (name: string, { env = [] }: KeySchema): Pick<PublishedKey, 'env' | 'variables'> => ({
    env: `TELEMETRY_${owner}${name.toUpperCase()}`,
    variables: [
      ...(owner !== '' && sharedVariables.has(name) ? [`TELEMETRY_${name.toUpperCase()}`] : []),
      // One that is read twice stands where its value counts, which is the last place.
      ...env.map((variable) => variable.name).filter((each, i, all) => all.lastIndexOf(each) === i),
    ],
  })

  const published = (): ReadonlyMap<string, PublishedKey> => {
    const declared = [...keys].map(
      ([name, key]) => [name, { ...declare(key), ...variablesOf(name, key) }] as const,
    )
    const whole = convictOf(Object.fromEntries(declared), convict)
    const { _cvtProperties: properties } = whole.getSchema() as unknown as {
      readonly _cvtProperties: Readonly<Record<string, PublishedKey>>
    }
    return new Map(
      Object.entries(properties).map(([name, key]) => [
        name,
        {
          ...key,
          format: key.format.replace(convictName(''), ''),
          default: untyped(whole.default(name)),
        },
      ]),
    )
  }

  return { keys, defaults, verdict, published }
}

const invalid = (type: unknown, why: string): TelemetryError =>
  new TelemetryError('EXPORTER_DEFINITION_INVALID', `exporter type ${String(type)}: ${why}`)

function mergedKeys({
  type,
  schema,
  defaults = {},
  ...definition
}: AnyExporterDefinition): Map<string, KeySchema> {
  const common = commonKeys(definition)
  const keys = new Map(Object.entries(common))
  for (const [name, key] of Object.entries(schema)) {
    if (!/^[a-z][a-z0-9_]*$/.test(name) || isPolluting(name) || name === 'type') {
      throw invalid(type, `${name} cannot be the name of a key`)
    }
    if (typeof key.format === 'string' && !formats.has(key.format)) {
      const known = [...formats.keys()].join(', ')
      throw invalid(type, `${name} has the unknown format ${String(key.format)} (known: ${known}, or a list)`)
    }
    const base = common[name]
    const own = base && {
      ...base,
      default: key.default,
      doc: key.doc ?? base.doc,
      ...(key.env && { env: key.env }),
    }
    keys.set(name, own ?? key)
  }
  for (const [name, value] of Object.entries(defaults)) {
    const key = keys.get(name)
    if (!key) throw invalid(type, `defaults names ${name}, which is not one of its keys`)
    keys.set(name, { ...key, default: value })
  }
  return keys
}

/** Derives the schema of a type from its definition; throws `EXPORTER_DEFINITION_INVALID`. */
export function createTypeSchema(
  definition: AnyExporterDefinition,
  convict: Convict,
  onJudged?: OnJudged,
): TypeSchema {
  const { type } = definition
  const keys = mergedKeys(definition)
  try {
    const schema = createSchema(keys, `${type.toUpperCase().replace(/[^A-Z0-9]/g, '_')}_`, convict, onJudged)
    return { ...schema, type, definition }
  } catch (error) {
    throw invalid(type, messageOf(error))
  }
}

/** The schemas of all types, by name; throws `EXPORTER_DEFINITION_INVALID`, also for a name given twice. */
export function createTypeSchemas(
  types: readonly AnyExporterDefinition[],
  convict: Convict,
  onJudged?: OnJudged,
): ReadonlyMap<string, TypeSchema> {
  const schemas = new Map<string, TypeSchema>()
  for (const definition of types) {
    if (schemas.has(definition.type)) throw invalid(definition.type, 'it is given twice')
    schemas.set(definition.type, createTypeSchema(definition, convict, onJudged))
  }
  return schemas
}
