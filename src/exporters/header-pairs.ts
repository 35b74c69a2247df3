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
