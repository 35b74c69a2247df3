import type { KeySchema } from '../exporters/exporter.ts'
import { type Convict, convictName, untyped } from './convict.ts'
import { convictOf, declare } from './key-judge.ts'
import { sharedVariables } from './keys.ts'

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

const variablesOf = (
  name: string,
  owner: string,
  { env = [] }: KeySchema,
): Pick<PublishedKey, 'env' | 'variables'> => ({
  env: `TELEMETRY_${owner}${name.toUpperCase()}`,
  variables: [
    ...(owner !== '' && sharedVariables.has(name) ? [`TELEMETRY_${name.toUpperCase()}`] : []),
    // One that is read twice stands where its value counts, which is the last place.
    ...env.map((variable) => variable.name).filter((each, i, all) => all.lastIndexOf(each) === i),
  ],
})

/** The part of a variable that names the type of an exporter, such as `OTEL_`. */
export const ownerOf = (type: string): string => `${type.toUpperCase().replace(/[^A-Z0-9]/g, '_')}_`

/** Keys as convict's own schema has them. `owner`: the part of a variable that names whose they are. */
export function published(
  keys: ReadonlyMap<string, KeySchema>,
  owner: string,
  convict: Convict,
): ReadonlyMap<string, PublishedKey> {
  const declared = [...keys].map(
    ([name, key]) => [name, { ...declare(key), ...variablesOf(name, owner, key) }] as const,
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
