import { certificateProblems } from './connection-keys.ts'
import type { OtelConfig } from './schema.ts'

type Problem = readonly [key: string, message: string]

/** Rules across keys. `obtains`: the program gives the headers by a function. */
export function problemsOf(config: OtelConfig, obtains: boolean): readonly Problem[] {
  const { client, headers_file } = config
  const problems: Problem[] = [...certificateProblems(config)]
  if (obtains && headers_file)
    problems.push(['headers_file', 'must be unset where otel({ headers }) gives the headers'])
  if (client === 'package' && (obtains || headers_file))
    problems.push(['client', 'must be native where the headers come from otel({ headers }) or headers_file'])
  return problems
}
