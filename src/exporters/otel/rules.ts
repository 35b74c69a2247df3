import type { OtelConfig } from './schema.ts'

type Problem = readonly [key: string, message: string]

/** Rules across keys. `obtains`: the program gives the headers by a function. */
export function problemsOf(config: OtelConfig, obtains: boolean): readonly Problem[] {
  const { client, client_certificate, client_key, headers_file } = config
  const problems: Problem[] = []
  if (client_key && !client_certificate)
    problems.push(['client_certificate', 'must be given together with client_key'])
  if (client_certificate && !client_key)
    problems.push(['client_key', 'must be given together with client_certificate'])
  if (obtains && headers_file)
    problems.push(['headers_file', 'must be unset where otel({ headers }) gives the headers'])
  if (client === 'package' && (obtains || headers_file))
    problems.push(['client', 'must be native where the headers come from otel({ headers }) or headers_file'])
  return problems
}
