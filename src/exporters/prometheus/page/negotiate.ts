import type { Format } from '../names.ts'

/**
 * Negotiates format and encoding from Accept and Accept-Encoding (RFC 9110). Never throws: invalid headers are ignored.
 */

interface Choice {
  readonly name: string
  readonly quality: number
  readonly parameters: ReadonlyMap<string, string>
}

const mostChoices = 32

function choices(header: string | undefined): Choice[] {
  return (header ?? '')
    .split(',', mostChoices)
    .map((part) => {
      const [name = '', ...rest] = part.split(';')
      const parameters = new Map(
        rest.map((parameter) => {
          const [key = '', value = ''] = parameter.split('=')
          return [key.trim().toLowerCase(), value.trim().replace(/^"(.*)"$/, '$1')] as const
        }),
      )
      const q = parameters.get('q')
      const quality = q === undefined ? 1 : /^(0(\.\d{0,3})?|1(\.0{0,3})?)$/.test(q) ? Number(q) : 0
      return { name: name.trim().toLowerCase(), quality, parameters }
    })
    .filter(({ name }) => name !== '')
}

const openMetricsVersions = new Set([undefined, '1.0.0', '0.0.1'])

/** OpenMetrics where it is named and not wanted less than plain text. */
export function formatFor(accept: string | undefined): Format {
  const all = choices(accept)
  const qualityOf = (fits: (choice: Choice) => boolean): number | undefined => {
    const fitting = all.filter(fits)
    return fitting.length === 0 ? undefined : Math.max(...fitting.map(({ quality }) => quality))
  }
  const open = qualityOf(
    ({ name, parameters }) =>
      name === 'application/openmetrics-text' && openMetricsVersions.has(parameters.get('version')),
  )
  if (!open) return 'text'
  const text = qualityOf(({ name }) => name === 'text/plain') ?? 0
  return open >= text ? 'openmetrics' : 'text'
}

/** Whether gzip is named and not wanted less than no encoding at all. */
export function wantsGzip(acceptEncoding: string | undefined): boolean {
  const all = choices(acceptEncoding)
  const gzip = all.find(({ name }) => name === 'gzip' || name === 'x-gzip')?.quality ?? 0
  const identity = all.find(({ name }) => name === 'identity')?.quality ?? 0
  return gzip > 0 && gzip >= identity
}
