import { glob } from '../../bus/glob.ts'

/** A severity of OpenTelemetry's log data model: its number and short name. */
export interface Severity {
  /** From 1 to 24. */
  readonly number: number
  /** Such as `ERROR` or `WARN2`. */
  readonly name: string
}

const groups = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL']
const inGroup = [1, 2, 3, 4]

/** At the index of its number less one. */
const severities: readonly Severity[] = groups.flatMap((group, i) =>
  inGroup.map((step) => ({ number: i * inGroup.length + step, name: step === 1 ? group : group + step })),
)

const byName: ReadonlyMap<string, Severity> = new Map(
  severities.flatMap((severity) => [
    [severity.name, severity],
    [severity.name.toLowerCase(), severity],
  ]),
)

const longestName = 6

/** The severity that a number from 1 to 24 or a short name, in any case, means; undefined for any other value. */
export function severityOf(value: unknown): Severity | undefined {
  if (typeof value === 'number') return Number.isInteger(value) ? severities[value - 1] : undefined
  if (typeof value !== 'string' || value.length > longestName) return undefined
  return byName.get(value) ?? byName.get(value.toUpperCase())
}

/** Finds the severity of an event by its name; undefined where no rule says one. */
export type SeverityRules = (name: string) => Severity | undefined

/** What `severities` may be given: patterns with their severities, or a list such as `["*.error:error"]`. */
export type SeveritySetting = Readonly<Record<string, string>> | readonly string[]

function entriesOf(setting: SeveritySetting): readonly (readonly [pattern: string, severity: string])[] {
  if (!Array.isArray(setting)) return Object.entries(setting)
  return (setting as readonly string[]).map((rule) => {
    const colon = rule.lastIndexOf(':')
    return colon < 0 ? [rule, ''] : [rule.slice(0, colon), rule.slice(colon + 1)]
  })
}

/** The number of a severity may be written as a text. */
const written = (text: string): Severity | undefined =>
  severityOf(/^\d{1,2}$/.test(text) ? Number(text) : text)

/** Returns the problem of the first invalid rule; undefined if all are valid. */
export function severityProblem(setting: SeveritySetting): string | undefined {
  const wrong = entriesOf(setting).find(([, severity]) => written(severity) === undefined)
  return (
    wrong &&
    `must give each pattern a severity of OpenTelemetry (trace, debug, info, warn, error, fatal, each also with 2, 3 or 4 behind it, or a number from 1 to 24), which "${wrong[0]}" does not have`
  )
}

/** Makes the rules, of which the first that matches decides. */
export function severityRules(setting: SeveritySetting): SeverityRules {
  const rules = entriesOf(setting).map(([pattern, text]) => ({
    matches: glob(pattern),
    severity: written(text),
  }))
  return (name) => rules.find(({ matches }) => matches(name))?.severity
}
