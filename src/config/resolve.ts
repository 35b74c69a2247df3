import type { TelemetryErrorCode } from '../error-codes.ts'
import { type ConfigProblem, messageOf } from '../errors.ts'
import type { Config, KeySchema } from '../exporters/exporter.ts'
import { alternativesOf, withAlternatives } from './alternatives.ts'
import type { Entry, Table } from './layers.ts'
import { oncePerSchema } from './once-per-schema.ts'
import { pathOf } from './paths.ts'
import { createProblems, type ProblemList } from './presentation/problem-list.ts'
import { nearest, problemAt, valueProblem } from './presentation/problems.ts'
import type { Redactor } from './presentation/redact.ts'
import type { Held, ResolvedKeys, Said } from './resolved.ts'
import type { Schema, TypeSchema } from './schema.ts'

const lackingCode = ({ source }: Entry): TelemetryErrorCode =>
  source === 'file' ? 'CONFIG_INTERPOLATION' : 'CONFIG_INVALID_VALUE'

const defaultsOf = oncePerSchema(({ defaults }) => Object.fromEntries(defaults))

const placesOf = oncePerSchema(({ keys }) => new Map([...keys.keys()].map((name, place) => [name, place])))

/** The keys of a schema that tables speak of, in the schema's order. */
function namesSaid(schema: Schema, tables: readonly { readonly table: Table }[]): string[] {
  const places = placesOf(schema)
  const names = new Set(tables.flatMap(({ table }) => [...table.keys()]))
  return [...names].filter((name) => places.has(name)).sort((a, b) => places.get(a)! - places.get(b)!)
}

/** Lays what the layers say over the defaults. `said`: strongest first. `ignored`: entries that are not to count. */
export function resolveKeys(
  id: string | undefined,
  schema: Schema,
  said: readonly Said[],
  problems: ProblemList,
  redactor: Redactor,
  ignored: readonly Entry[] = [],
): ResolvedKeys {
  const speaking = said.flatMap(([layer, table], rank) =>
    table !== undefined && table.size > 0 ? [{ layer, table, rank }] : [],
  )
  const config: Record<string, unknown> = { ...defaultsOf(schema) }
  const held = new Map<string, Held[]>()
  const warnings: string[] = []
  const lacking: (readonly [path: string, say: () => ConfigProblem])[] = []

  for (const name of namesSaid(schema, speaking)) {
    const key = schema.keys.get(name)!
    const values: Held[] = []
    for (const { layer, table, rank } of speaking) {
      const entry = table.get(name)
      if (entry === undefined || ignored.includes(entry)) continue
      const verdict = entry.lacking === undefined ? schema.verdict(name, entry) : undefined
      if (verdict && 'value' in verdict) {
        values.push({ layer, entry, value: verdict.value, rank })
        continue
      }
      const path = pathOf(id, name)
      const say = (): ConfigProblem =>
        verdict
          ? valueProblem(path, key, entry, verdict, redactor)
          : problemAt(lackingCode(entry), path, entry, entry.lacking ?? '')
      // A variable that others share is our business only where it would be in force.
      if (entry.ecosystem && values.length === 0) warnings.push(`${say().message}; it is ignored`)
      else if (entry.ecosystem) continue
      else if (!verdict && entry.source === 'file') lacking.push([path, say])
      else problems.add(path, say)
    }
    if (values.length === 0) continue
    held.set(name, values)
    config[name] = values[0]!.value
  }

  for (const [path, say] of lacking) {
    if (config.enabled === false) warnings.push(`${say().message}; the exporter needs it once it is enabled`)
    else problems.add(path, say)
  }
  // A variable that is read twice for a key says the same twice.
  return { id, schema, config: Object.freeze(config), held, warnings: [...new Set(warnings)] }
}

/** Keys that a type does not have, in any layer. */
function unknownKeys(id: string, schema: TypeSchema, said: readonly Said[], problems: ProblemList): void {
  for (const [, table] of said) {
    for (const [key, entry] of table ?? []) {
      if (key === 'type' || schema.keys.has(key)) continue
      const path = pathOf(id, key)
      problems.add(path, () => {
        const meant = nearest(key, schema.keys.keys())
        const hint = meant ? `: did you mean ${meant}?` : `; it has ${[...schema.keys.keys()].join(', ')}`
        return problemAt(
          'CONFIG_UNKNOWN_KEY',
          path,
          entry,
          `is not a key of the exporter type ${schema.type}${hint}`,
        )
      })
    }
  }
}

const noSpool = ({ type }: TypeSchema['definition']): readonly [key: string, message: string] => [
  'spool',
  `exporters of the type ${type} cannot keep batches on disk, because the type has no pack and unpack: remove the key`,
]

/** Applies the rules that a driver has across its keys. */
function brokenRules(
  id: string,
  { definition }: TypeSchema,
  config: Config,
  redactor: Redactor,
): readonly ConfigProblem[] {
  const code = 'CONFIG_INVALID_VALUE'
  const of = (path: string, message: string): ConfigProblem => ({
    code,
    path,
    message: redactor.text(message),
  })
  const problem = ([key, message]: readonly [key: string, message: string]): ConfigProblem =>
    of(pathOf(id, key), `${pathOf(id, key)}: ${message}`)
  try {
    const broken = definition.validate?.(config) ?? []
    const unfit = config.spool && definition.pack === undefined
    return (unfit ? [...broken, noSpool(definition)] : broken).map(problem)
  } catch (error) {
    return [of(pathOf(id), `${pathOf(id)} cannot be validated: ${messageOf(error)}`)]
  }
}

/** Resolves the keys of an exporter, by all rules there are for them. */
export function resolveExporter(
  id: string,
  schema: TypeSchema,
  said: readonly Said[],
  problems: ProblemList,
  redactor: Redactor,
): ResolvedKeys {
  const before = problems.count
  unknownKeys(id, schema, said, problems)
  const keys = withAlternatives(id, resolveKeys(id, schema, said, problems, redactor), problems)
  // Rules across keys are written for valid ones.
  if (problems.count > before) return keys
  const broken = brokenRules(id, schema, keys.config, redactor)
  if (broken.length === 0) return keys
  // A variable of the ecosystem that breaks them is ignored, as one with a malformed text is.
  const suspects = [...keys.held.values()].flatMap(([held]) => (held?.entry.ecosystem ? [held.entry] : []))
  for (const ignored of [...suspects.map((entry) => [entry]), suspects]) {
    const resolved = resolveKeys(id, schema, said, createProblems(), redactor, ignored)
    const others = withAlternatives(id, resolved, createProblems())
    if (ignored.length === 0 || brokenRules(id, schema, others.config, redactor).length > 0) continue
    const names = ignored.map(({ from }) => from).join(', ')
    const why = broken.map(({ message }) => message).join('; ')
    return { ...others, warnings: [...others.warnings, `${why}; environment variable ${names} is ignored`] }
  }
  for (const problem of broken) problems.add(problem.path, () => problem)
  return keys
}

function hintOf(key: KeySchema, value: unknown): string | undefined {
  try {
    return key.hint?.(value)
  } catch {
    // It only says what is odd: a value that it cannot read is not.
    return undefined
  }
}

const hintedKeys = oncePerSchema(({ keys }) => [...keys].filter(([, { hint }]) => hint !== undefined))

/** Returns warnings about values that are valid but probably not intended. */
export function hints(id: string, schema: TypeSchema, config: Config, redactor: Redactor): string[] {
  if (config.enabled === false) return []
  const found: string[] = []
  const replaced = new Set(
    alternativesOf(schema).flatMap(({ list, single }) => (config[list] === null ? [] : [single])),
  )
  for (const [name, key] of hintedKeys(schema)) {
    // The list that is in force speaks of it.
    if (replaced.has(name)) continue
    const hint = hintOf(key, config[name])
    if (hint !== undefined)
      found.push(`${pathOf(id, name)} is ${JSON.stringify(redactor.value(config[name]))}, which ${hint}`)
  }
  return found
}
