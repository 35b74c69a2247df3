import { parseHeaderPairs } from '../../exporters/header-pairs.ts'
import { type Format, isRecord, polluting, refuse } from './format.ts'
import { tooLong } from './strings.ts'

/** Field names, RFC 9110 section 5.1. */
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,1024}$/

/** Field values: Latin-1 without control characters, somewhat more than RFC 9110 has. */
const latin1 = /^[\x20-\x7e\xa0-\xff]*$/

/** Only the transport may set these: a configured one would break the framing of messages. */
const framing: ReadonlySet<string> = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'keep-alive',
  'te',
  'trailer',
  'upgrade',
  'proxy-connection',
  'expect',
])

export const maxHeaders = 128

function checkPairs(pairs: readonly (readonly [string, unknown])[]): void {
  if (pairs.length > maxHeaders) refuse(`a table of at most ${maxHeaders} headers`)
  const seen = new Set<string>()
  for (const [name, value] of pairs) {
    // An invalid name may be a credential in the wrong place, so it is not repeated.
    if (!token.test(name) || polluting.has(name)) refuse('a table whose keys are valid header names')
    const lower = name.toLowerCase()
    if (framing.has(lower)) refuse(`a table without ${name}, which only the connection sets`)
    if (seen.has(lower)) refuse(`a table that has the header ${name} once`)
    if (typeof value !== 'string') refuse(`a table of strings (see ${name})`)
    if (tooLong(value)) refuse(`a table of values of at most 8 KiB (see ${name})`)
    if (!latin1.test(value)) refuse(`a table of values in Latin-1 without control characters (see ${name})`)
    seen.add(lower)
  }
}

export const headers: Format = {
  validate: (value) =>
    isRecord(value) ? checkPairs(Object.entries(value)) : refuse('a table of header names and values'),
  coerce: (text) => {
    const pairs = parseHeaderPairs(text) ?? refuse('name=value pairs separated by commas, percent-encoded')
    // An object would keep the last of two equal names and hide the mistake.
    checkPairs(pairs)
    return Object.fromEntries(pairs)
  },
}
