import type { ResolvedKeys } from './resolved.ts'

type Schema = ResolvedKeys['schema']

/**
 * Remembers what a function makes of a schema. Every change of a configuration asks for the same few of the many keys of
 * a type, and a schema never changes.
 */
export function oncePerSchema<Result>(make: (schema: Schema) => Result): (schema: Schema) => Result {
  const made = new WeakMap<Schema, Result>()
  return (schema) => {
    const known = made.get(schema)
    if (known !== undefined) return known
    const result = make(schema)
    made.set(schema, result)
    return result
  }
}
