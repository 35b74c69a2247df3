import { createHash } from 'node:crypto'

/** A correlation id as a key: `42` and `"42"` differ. */
export type CorrelationKey = string | number

/** A SHA-512 in hex has as many characters: no id this long is ever a key itself, so none can pass for a hash. */
const hashedFrom = 128

/**
 * Returns the correlation key of an event: `correlation_id`, or else `request_id`, of the flat fields from `start`.
 * Strings and finite numbers are valid (`0` too); an empty string, null and other values are not.
 */
export function correlationKeyOf(fields: readonly unknown[], start: number): CorrelationKey | undefined {
  let request: CorrelationKey | undefined
  for (let i = start; i < fields.length; i += 2) {
    const field = fields[i]
    if (field === 'correlation_id') {
      const key = correlationKey(fields[i + 1])
      if (key !== undefined) return key
    } else if (field === 'request_id') request = correlationKey(fields[i + 1])
  }
  return request
}

/** Converts an id to a key; undefined for an invalid id. */
export function correlationKey(id: unknown): CorrelationKey | undefined {
  if (typeof id === 'number') return Number.isFinite(id) ? id : undefined
  if (typeof id !== 'string' || id === '') return undefined
  if (id.length < hashedFrom) return id
  // UTF-16, because UTF-8 makes all lone surrogates the same.
  return createHash('sha512').update(id, 'utf16le').digest('hex')
}
