import { type Format, isRecord, type Reading, wrong } from './reading.ts'
import { tooLong } from './strings.ts'

/** Field names, RFC 9110 section 5.1. */
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,1024}$/

/** What a field value may hold beyond the RFC's visible characters: Latin-1, no control characters. */
const latin1 = /^[\x20-\x7e\xa0-\xff]*$/

/** Whoever frames the message decides on these; a configured one would let it be smuggled, or break it. */
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

const mostHeaders = 128

const polluting: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])

function readPairs(pairs: readonly (readonly [string, unknown])[]): Reading {
  if (pairs.length > mostHeaders) return wrong(`a table of at most ${mostHeaders} headers`)
  const seen = new Set<string>()
  const headers: [string, string][] = []
  for (const [name, value] of pairs) {
    // A name that is no token may be a credential in the wrong place: it is not repeated.
    if (!token.test(name) || polluting.has(name)) return wrong('a table whose keys are valid header names')
    const lower = name.toLowerCase()
    if (framing.has(lower)) return wrong(`a table without ${name}, which belongs to the connection`)
    if (seen.has(lower)) return wrong(`a table without two headers ${name}`)
    if (typeof value !== 'string') return wrong(`a table of strings (see ${name})`)
    if (tooLong(value)) return wrong(`a table of values of at most 8 KiB (see ${name})`)
    if (!latin1.test(value))
      return wrong(`a table of values in Latin-1 without control characters (see ${name})`)
    seen.add(lower)
    headers.push([name, value])
  }
  return { value: Object.freeze(Object.fromEntries(headers)) }
}

/** `k=v,k2=v2` with percent-encoding, as OTEL_EXPORTER_OTLP_HEADERS has it. */
export function parseHeaderPairs(text: string): [string, string][] | undefined {
  const pairs: [string, string][] = []
  for (const part of text.split(',')) {
    if (part.trim() === '') continue
    const equals = part.indexOf('=')
    if (equals < 1) return undefined
    try {
      pairs.push([
        decodeURIComponent(part.slice(0, equals).trim()),
        decodeURIComponent(part.slice(equals + 1).trim()),
      ])
    } catch {
      return undefined
    }
  }
  return pairs
}

export const headers: Format = {
  read: (value) =>
    isRecord(value) ? readPairs(Object.entries(value)) : wrong('a table of header names and values'),
  parse: (text) => {
    const pairs = parseHeaderPairs(text)
    return pairs ? readPairs(pairs) : wrong('name=value pairs separated by commas, percent-encoded')
  },
}
