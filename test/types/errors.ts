// Guards that an error code with a typo does not compile. Nothing here runs.
import type { ConfigProblem, TelemetryError } from '../../src/index.ts'

export const known = (error: TelemetryError, problem: ConfigProblem): boolean =>
  error.code === 'STOPPED' || problem.code === 'CONFIG_UNKNOWN_KEY'
// @ts-expect-error: there is no such code
export const typo = (error: TelemetryError): boolean => error.code === 'TYPO'
// @ts-expect-error: there is no such code
export const typoInProblem = (problem: ConfigProblem): boolean => problem.code === 'CONFIG_UNKNOWN'
