// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references in the configuration look like this.
import type { PublishedKey } from '../src/config/published.ts'
import { type JsonSchema, valueSchema } from './value-schemas.ts'

type Keys = ReadonlyMap<string, PublishedKey>

const reference = (name: string): JsonSchema => ({ $ref: `#/definitions/${name}` })

/** What a key may be in a file, with what editors show of it. */
function property(key: PublishedKey): JsonSchema {
  const { doc, unit, nullable, sensitive, variables } = key
  const value = valueSchema(key)
  const notes = [
    doc,
    unit && `Unit: ${unit}.`,
    `A change is ${key.change === 'hot' ? 'hot' : `a ${key.change}`}.`,
    sensitive && 'Secret: refer to a variable, as in "${NAME}".',
    variables.length > 0 && `Environment: ${variables.join(', ')}.`,
  ]
  return {
    description: notes.filter(Boolean).join(' '),
    ...(key.default !== null && { default: key.default }),
    anyOf: [value, ...(nullable ? [{ type: 'null' }] : []), reference('reference')],
  }
}

const properties = (keys: Keys): Record<string, JsonSchema> =>
  Object.fromEntries([...keys].map(([name, key]) => [name, property(key)]))

/**
 * Makes the JSON Schema (draft 7, which editors know best) of a configuration file: of our own table; the others
 * belong to the application. It is made from convict's schemas, so it takes whatever they take. `anyOf` instead of
 * `if`: editors complete keys from it.
 */
export function configurationSchema(system: Keys, types: ReadonlyMap<string, Keys>): JsonSchema {
  const names = [...types.keys()]
  const ofType = (type: string, keys: Keys): JsonSchema => ({
    type: 'object',
    properties: {
      type: { description: 'The type of the exporter. Default: its id.', const: type },
      ...properties(keys),
    },
    additionalProperties: false,
  })
  const withOtherType = (type: string): JsonSchema => ({
    allOf: [reference('exporter')],
    properties: { type: { not: { const: type } } },
    required: ['type'],
  })
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'A configuration file of telemachine (TOML or JSON)',
    type: 'object',
    properties: { telemetry: reference('telemetry') },
    definitions: {
      reference: {
        description: 'A text with references that the environment fills in: ${NAME}, ${NAME:-default}.',
        type: 'string',
        pattern: '\\$\\{',
      },
      telemetry: {
        description: 'The configuration of telemachine: keys of its own, and one table for each exporter.',
        type: 'object',
        properties: {
          ...properties(system),
          ...Object.fromEntries(
            names.map((type) => [type, { anyOf: [reference(`exporter_${type}`), withOtherType(type)] }]),
          ),
        },
        additionalProperties: reference('exporter'),
      },
      exporter: {
        description: 'An exporter. Its type is its id unless it says otherwise.',
        type: 'object',
        anyOf: [
          ...names.map((type) => ({ allOf: [reference(`exporter_${type}`)], required: ['type'] })),
          { properties: { type: { type: 'string', not: { enum: names } } } },
        ],
      },
      ...Object.fromEntries([...types].map(([type, keys]) => [`exporter_${type}`, ofType(type, keys)])),
    },
  }
}
