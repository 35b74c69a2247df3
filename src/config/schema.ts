import { messageOf, TelemetryError } from '../errors.ts'
import type { AnyExporterDefinition, KeySchema } from '../exporters/exporter.ts'
import { commonKeys } from '../exporters/keys.ts'
import type { Convict } from './convict.ts'
import { formats } from './formats/formats.ts'
import { secretsOfProxyUrl } from './formats/proxy-url.ts'
import { isSensitive, keyJudgeOf, type Verdict } from './key-judge.ts'
import { systemSchema } from './keys.ts'
import type { Entry } from './layers.ts'
import { isPolluting } from './paths.ts'
import type { Redactor } from './presentation/redact.ts'

export { isSensitive, type Verdict } from './key-judge.ts'

/** The keys of one exporter type, or of telemachine itself. convict holds their declarations and judges their values. */
export interface Schema {
  readonly keys: ReadonlyMap<string, KeySchema>
  /** In the shape drivers see. */
  readonly defaults: ReadonlyMap<string, unknown>
  /** Convict's verdict on an entry that has a value. An entry is validated once. */
  verdict(name: string, entry: Entry): Verdict
}

export interface TypeSchema extends Schema {
  readonly type: string
  readonly definition: AnyExporterDefinition
}

/** True for static secrets, which are kept for good; runtime ones are evicted oldest first. */
const isLasting = ({ source }: Entry): boolean =>
  source === 'environment' || source === 'file' || source === 'init'

/** Makes the schema of keys. Teaches the redactor each secret that is judged, whatever becomes of it. */
function createSchema(keys: ReadonlyMap<string, KeySchema>, convict: Convict, redactor?: Redactor): Schema {
  const defaults = new Map<string, unknown>()
  for (const [name, key] of keys) {
    const { fallback } = keyJudgeOf(key, convict)
    if ('right' in fallback) throw new TypeError(`the default of ${name} must be ${fallback.right}`)
    defaults.set(name, fallback.value)
  }

  const learn = (key: KeySchema, entry: Entry, made: Verdict): void => {
    if (key.format === 'headers')
      redactor?.learnHeaders('value' in made ? made.value : entry.value, isLasting(entry))
    else if (key.format === 'proxy-url') redactor?.learn(secretsOfProxyUrl(entry.value), isLasting(entry))
    else if (isSensitive(key)) redactor?.learn(entry.value, isLasting(entry))
  }

  const verdicts = new WeakMap<Entry, Verdict>()

  const verdict: Schema['verdict'] = (name, entry) => {
    const known = verdicts.get(entry)
    if (known) return known
    const key = keys.get(name)!
    const made = keyJudgeOf(key, convict).judge(entry.value, entry.text === true)
    verdicts.set(entry, made)
    learn(key, entry, made)
    return made
  }

  return { keys, defaults, verdict }
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
  redactor?: Redactor,
): TypeSchema {
  const { type } = definition
  const keys = mergedKeys(definition)
  try {
    return { ...createSchema(keys, convict, redactor), type, definition }
  } catch (error) {
    throw invalid(type, messageOf(error))
  }
}

/** All schemas of one configuration. */
export interface Schemas {
  readonly types: ReadonlyMap<string, TypeSchema>
  readonly system: Schema
}

/** Throws `EXPORTER_DEFINITION_INVALID`, also for a type that is given twice. */
export function createSchemas(
  definitions: readonly AnyExporterDefinition[],
  convict: Convict,
  redactor: Redactor,
): Schemas {
  const types = new Map<string, TypeSchema>()
  for (const definition of definitions) {
    if (types.has(definition.type)) throw invalid(definition.type, 'it is given twice')
    types.set(definition.type, createTypeSchema(definition, convict, redactor))
  }
  return { types, system: createSchema(new Map(Object.entries(systemSchema)), convict, redactor) }
}
