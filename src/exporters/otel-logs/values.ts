import { ErrorSnapshot } from '../../bus/event.ts'
import { cutText } from '../otel/spans/attributes.ts'

/**
 * A value as a log record has it: as it was emitted, lists and tables too, with texts of at most `length` characters.
 * Numbers that are not finite are null in a list or table. Undefined for a number of that kind that stands alone.
 */
export function logValue(value: unknown, length: number): unknown {
  if (typeof value === 'string') return cutText(value, length)
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined
  if (typeof value === 'boolean') return value
  return nestedValue(value, length)
}

function nestedValue(value: unknown, length: number): unknown {
  if (typeof value === 'string') return cutText(value, length)
  if (typeof value === 'number') return Number.isFinite(value) ? value : null
  if (typeof value !== 'object' || value === null) return value ?? null
  if (Array.isArray(value)) return value.map((each) => nestedValue(each, length))
  const entries = value instanceof ErrorSnapshot ? snapshotEntries(value) : Object.entries(value)
  return Object.fromEntries(entries.map(([key, each]) => [key, nestedValue(each, length)]))
}

const snapshotEntries = ({ type, message, stack }: ErrorSnapshot): [string, unknown][] =>
  Object.entries({ type, message, ...(stack !== undefined && { stack }) })

/** The body of a log record. An Error is its message. No limit of attributes concerns it. */
export const bodyOf = (value: unknown): unknown =>
  value instanceof ErrorSnapshot ? value.message : logValue(value, Number.POSITIVE_INFINITY)
