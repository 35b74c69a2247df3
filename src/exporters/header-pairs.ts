/** Field names, RFC 9110 section 5.1, without those that would change a prototype. */
const token = /^(?!(?:__proto__|constructor|prototype)$)[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,1024}$/

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
const maxValueBytes = 8 * 1024

const tooLong = (text: string): boolean =>
  text.length > maxValueBytes || Buffer.byteLength(text) > maxValueBytes

/** Returns what valid headers would be, to complete "it must be …"; undefined if they are valid. */
export function wrongHeaders(pairs: readonly (readonly [string, unknown])[]): string | undefined {
  if (pairs.length > maxHeaders) return `a table of at most ${maxHeaders} headers`
  const seen = new Set<string>()
  for (const [name, value] of pairs) {
    // An invalid name may be a credential in the wrong place, so it is not repeated.
    if (!token.test(name)) return 'a table whose keys are valid header names'
    const lower = name.toLowerCase()
    if (framing.has(lower)) return `a table without ${name}, which only the connection sets`
    if (seen.has(lower)) return `a table that has the header ${name} once`
    if (typeof value !== 'string') return `a table of strings (see ${name})`
    if (tooLong(value)) return `a table of values of at most 8 KiB (see ${name})`
    if (!latin1.test(value)) return `a table of values in Latin-1 without control characters (see ${name})`
    seen.add(lower)
  }
  return undefined
}

/** Reads `k=v,k2=v2` with percent-encoding, as OTEL_EXPORTER_OTLP_HEADERS has it; undefined if it is malformed. */
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
