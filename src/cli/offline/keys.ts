import { loadConvict } from '../../config/convict.ts'
import { systemSchema } from '../../config/keys.ts'
import { nearest } from '../../config/presentation/problems.ts'
import { ownerOf, type PublishedKey, published } from '../../config/published.ts'
import { createTypeSchema } from '../../config/schema.ts'
import type { AnyExporterDefinition } from '../../exporters/exporter.ts'
import { exporterKeys, pushKeys } from '../../exporters/keys.ts'

/** A key, and those who have it. */
export interface KnownKey {
  /** Where it stands in a file, such as `telemetry.<exporter>.batch_size`. */
  readonly path: string
  readonly name: string
  /** The exporter types that have it in this form; none for a key of telemachine itself. */
  readonly types: readonly string[]
  readonly key: PublishedKey
}

/** Every key of every exporter type, and of telemachine itself. */
export async function knownKeys(definitions: readonly AnyExporterDefinition[]): Promise<readonly KnownKey[]> {
  const convict = await loadConvict()
  const own = published(new Map(Object.entries(systemSchema)), '', convict)
  const keys: KnownKey[] = [...own].map(([name, key]) => ({
    path: `telemetry.${name}`,
    name,
    types: [],
    key,
  }))
  for (const definition of definitions) {
    for (const [name, key] of published(
      createTypeSchema(definition, convict).keys,
      ownerOf(definition.type),
      convict,
    )) {
      const same = keys.findIndex(
        (one) => one.name === name && one.types.length > 0 && meansTheSame(one.key, key),
      )
      const types = [...(keys[same]?.types ?? []), definition.type]
      const env = `TELEMETRY_<EXPORTER>_${name.toUpperCase()}`
      const known = { path: `telemetry.<exporter>.${name}`, name, types, key: { ...key, env } }
      if (same >= 0) keys[same] = known
      else keys.push(known)
    }
  }
  return keys
}

const meansTheSame = (a: PublishedKey, b: PublishedKey): boolean => facts(a) === facts(b)

/** The variables too: those of OpenTelemetry differ from signal to signal. */
const facts = ({ env: _own, ...key }: PublishedKey): string => JSON.stringify(key)

/** Common keys come first, as in the reference. */
export const isCommon = (name: string): boolean =>
  Object.hasOwn(exporterKeys, name) || Object.hasOwn(pushKeys, name)

/** Finds the keys that a name may mean: `batch_size`, `otel.batch_size` or `telemetry.otel.batch_size`. */
export function findKeys(keys: readonly KnownKey[], asked: string): readonly KnownKey[] {
  const parts = asked.replace(/^telemetry\./, '').split('.')
  const name = parts.at(-1)!
  const type = parts.length > 1 ? parts[0]! : undefined
  const named = keys.filter((one) => one.name === name)
  if (type === undefined) return named
  return named
    .filter(({ types }) => types.includes(type))
    .map(({ key, ...one }) => ({
      ...one,
      path: `telemetry.${type}.${name}`,
      key: { ...key, env: key.env.replace('<EXPORTER>', variableOf(type)) },
    }))
}

/** An id as it is spelt in a variable. */
const variableOf = (id: string): string => id.toUpperCase().replace(/[^A-Z0-9]/g, '_')

/** The key that was probably meant. */
export const nearestKey = (keys: readonly KnownKey[], asked: string): string | undefined =>
  nearest(asked.split('.').at(-1)!, new Set(keys.map(({ name }) => name)))
