import type convictModule from 'convict'
import { messageOf, TelemetryError } from '../errors.ts'
import type { AnyExporterDefinition, KeySchema } from '../exporters/exporter.ts'
import { type Convict, convictName, type DeclaredKey, typed, untyped } from './convict.ts'
import { type Format, isRecord, Refusal } from './formats/format.ts'
import { formats } from './formats/formats.ts'
import { commonKeys, sharedVariables } from './keys.ts'
import type { Entry } from './layers.ts'
import { isPolluting } from './paths.ts'

/** What convict says of an entry: its value in the shape drivers see, or what would have been right. */
export type Verdict = { readonly value: unknown } | { readonly right: string }

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

/** Header values are secret whatever the declaration says: authorization travels in them. */
export const isSensitive = (key: KeySchema): boolean => key.sensitive === true || key.format === 'headers'

/** A copy that nobody can change, of plain objects. Adding zero makes 0 of -0, which would differ from it for ever. */
function frozen(value: unknown): unknown {
  if (typeof value === 'number') return value + 0
  if (Array.isArray(value)) return Object.freeze(value.map(frozen))
  if (!isRecord(value)) return value
  return Object.freeze(Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, frozen(inner)])))
}

const withoutEnvironment = { env: {}, args: [] }

/** Makes the schema of keys. `owner` is the part of a variable that names whose they are, such as `OTEL_`. */
export function createSchema(
  keys: ReadonlyMap<string, KeySchema>,
  owner: string,
  convict: Convict,
  onJudged: OnJudged = () => {},
): Schema {
  /** What the format said of the value that convict validates just now. */
  let refused: string | undefined

  const declare = (name: string, key: KeySchema): DeclaredKey & PublishedKey => {
    const { format, default: fallback, destination: _d, hint: _h, env: ecosystem = [], ...rest } = key
    return {
      ...rest,
      format: convictName(typeof format === 'string' ? format : 'choice'),
      ...(typeof format !== 'string' && { choices: format }),
      default: isRecord(fallback) ? typed(fallback) : (expanded(key, fallback) ?? null),
      nullable: key.nullable === true,
      sensitive: isSensitive(key),
      env: `TELEMETRY_${owner}${name.toUpperCase()}`,
      variables: [
        ...(owner !== '' && sharedVariables.has(name) ? [`TELEMETRY_${name.toUpperCase()}`] : []),
        ...ecosystem.map((variable) => variable.name),
      ],
      refused: (right) => {
        refused = right
      },
    }
  }

  type Store = convictModule.Config<Record<string, unknown>>
  // Its own environment and arguments are switched off: it would put them above files.
  const convictOf = (declaration: Readonly<Record<string, DeclaredKey>>): Store =>
    convict(declaration as unknown as convictModule.Schema<Record<string, unknown>>, withoutEnvironment)

  /** One for each key: convict validates all it holds, so a change of one key would pay for every other. */
  const stores = new Map<string, Store>()
  const storeOf = (name: string, key: KeySchema): Store => {
    const store = stores.get(name) ?? convictOf({ value: declare(name, key) })
    stores.set(name, store)
    return store
  }

  const judge = (name: string, key: KeySchema, value: unknown, isText: boolean): Verdict => {
    const store = storeOf(name, key)
    refused = undefined
    try {
      // A text is coerced by its format; all else keeps its type.
      store.set('value', isText && typeof value === 'string' ? value : typed(expanded(key, value)))
      store.validate({ allowed: 'strict', output: () => {} })
      return { value: frozen(untyped(store.get('value'))) }
    } catch (error) {
      const right = error instanceof Refusal ? error.right : refused
      if (right === undefined) throw error
      return { right }
    }
  }

  const defaults = new Map<string, unknown>()
  for (const [name, key] of keys) {
    const { default: fallback = null } = key
    // Whether an exporter can do without a value is for its driver to say.
    const verdict = fallback === null ? { value: null } : judge(name, key, fallback, false)
    if ('right' in verdict) throw new TypeError(`the default of ${name} must be ${verdict.right}`)
    defaults.set(name, verdict.value)
  }

  const verdicts = new WeakMap<Entry, Verdict>()

  const verdictOf: Schema['verdict'] = (name, entry) => {
    const known = verdicts.get(entry)
    if (known) return known
    const key = keys.get(name)!
    const verdict = judge(name, key, entry.value, entry.text === true)
    verdicts.set(entry, verdict)
    onJudged(key, entry, verdict)
    return verdict
  }

  const published = (): ReadonlyMap<string, PublishedKey> => {
    const whole = convictOf(Object.fromEntries([...keys].map(([name, key]) => [name, declare(name, key)])))
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

  return { keys, defaults, verdict: verdictOf, published }
}

const formatOf = ({ format }: KeySchema): Format | undefined =>
  typeof format === 'string' ? formats.get(format) : undefined

const expanded = (key: KeySchema, value: unknown): unknown => formatOf(key)?.expand?.(value) ?? value

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
    if (!key) throw invalid(type, `defaults names ${name}, which is no key of it`)
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
