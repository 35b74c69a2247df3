import type { EcosystemVariable } from '../exporter.ts'
import { parseHeaderPairs, wrongHeaders } from '../header-pairs.ts'
import type { Signal } from './signal.ts'

type Variables = (name: string) => string | undefined

/** The variable of a signal, then the general one, as the specification orders them. */
export const otlp = (
  { variable }: Signal,
  key: string,
  read?: (text: string) => unknown,
): readonly EcosystemVariable[] => [
  { name: `OTEL_EXPORTER_OTLP_${variable}_${key}`, read },
  { name: `OTEL_EXPORTER_OTLP_${key}`, read },
]

/** The signal's path is added to the general endpoint (OTLP exporter specification, endpoint URLs). */
export function endpointVariables({ variable, path }: Signal): readonly EcosystemVariable[] {
  const belowBase = (base: string): string => {
    if (!URL.canParse(base)) return base
    const url = new URL(base)
    url.pathname += url.pathname.endsWith('/') ? path : `/${path}`
    return url.href
  }
  return [
    { name: `OTEL_EXPORTER_OTLP_${variable}_ENDPOINT` },
    { name: 'OTEL_EXPORTER_OTLP_ENDPOINT', read: belowBase },
  ]
}

const generalName = 'OTEL_EXPORTER_OTLP_HEADERS'

/** Returns the general headers; undefined if they are absent or malformed. */
function generalHeaders(text: string | undefined): [string, string][] | undefined {
  const pairs = text === undefined ? undefined : parseHeaderPairs(text)
  return pairs && wrongHeaders(pairs) === undefined ? pairs : undefined
}

/** The signal's headers come on top of the general ones, as OpenTelemetry's exporters have it. */
function combinedHeaders(text: string, variable: Variables): unknown {
  const specific = parseHeaderPairs(text)
  const general = generalHeaders(variable(generalName))
  if (specific === undefined || general === undefined) return text
  const names = new Set(specific.map(([name]) => name.toLowerCase()))
  return Object.fromEntries([...general.filter(([name]) => !names.has(name.toLowerCase())), ...specific])
}

export function headerVariables(signal: Signal): readonly EcosystemVariable[] {
  const specificName = `OTEL_EXPORTER_OTLP_${signal.variable}_HEADERS`
  /** Malformed general headers are missing beside those of the signal, which does not show otherwise. */
  const checkGeneral = (text: string, variable: Variables): undefined => {
    if (variable(specificName) !== undefined && generalHeaders(text) === undefined)
      throw new Error('must be name=value pairs separated by commas, percent-encoded, of valid headers')
  }
  return [
    { name: generalName, read: checkGeneral },
    { name: specificName, read: combinedHeaders },
    { name: generalName },
  ]
}
