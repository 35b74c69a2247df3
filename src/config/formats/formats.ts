import type { KeySchema } from '../../exporters/exporter.ts'
import { headers } from './headers.ts'
import { buckets, destinations, labels, patterns, tags } from './lists.ts'
import { boolean, integer, number, port, seconds } from './numbers.ts'
import { type Format, type Reading, wrong } from './reading.ts'
import { filePath, host, httpUrl, name, path, string } from './strings.ts'

/** Every format a key may declare, besides a list of allowed values. Strict: none of them guesses. */
export const formats: ReadonlyMap<string, Format> = new Map(
  Object.entries({
    number,
    integer,
    boolean,
    string,
    port,
    seconds,
    patterns,
    headers,
    tags,
    labels,
    buckets,
    destinations,
    path,
    name,
    host,
    'http-url': httpUrl,
    'file-path': filePath,
  }),
)

function oneOf(allowed: readonly string[]): Format {
  const right = wrong(`one of ${allowed.join(', ')}`)
  const read = (value: unknown): Reading =>
    typeof value === 'string' && allowed.includes(value) ? { value } : right
  return { read, parse: (text) => read(text.trim()) }
}

export const formatOf = (key: KeySchema): Format | undefined =>
  typeof key.format === 'string' ? formats.get(key.format) : oneOf(key.format)

/**
 * Reads a value for a key: `text` is parsed, anything else must already have the right type.
 * The value that comes back is a frozen copy in the shape drivers see.
 */
export function readKey(key: KeySchema, value: unknown, text: boolean): Reading {
  if (value === null) return key.nullable ? { value } : wrong('given: null is no value')
  const format = formatOf(key)
  if (!format) return wrong('of a known format')
  return text && typeof value === 'string' ? format.parse(value, key) : format.read(value, key)
}
