import { types } from 'node:util'
import type { TelemetryErrorCode } from './error-codes.ts'

/** Every error that telemachine throws, or rejects a promise with. Match `code`, never the message. */
export class TelemetryError extends Error {
  /** The kind of error: docs/errors.md explains each code. */
  readonly code: TelemetryErrorCode
  constructor(code: TelemetryErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'TelemetryError'
    this.code = code
  }
}

/** One thing that is wrong with a configuration. `path` is the full key, such as `telemetry.otel.batch_size`. */
export interface ConfigProblem {
  readonly code: TelemetryErrorCode
  readonly path: string
  /** Names the key, the value (unless it is sensitive) and what would be right. */
  readonly message: string
  /** Origin of the value: `file`, `environment`, `init`, `put`, `admin`, `remote`. */
  readonly source?: string
  readonly file?: string
  readonly line?: number
  readonly column?: number
}

/** An error lists at most this many problems of a configuration. */
export const maxProblems = 20

/** A configuration or a change was refused as a whole; the one in force before stays in force. */
export class TelemetryConfigError extends TelemetryError {
  /** The first problems, at most 20. */
  readonly problems: readonly ConfigProblem[]
  /** The number of problems that are not listed. */
  readonly omitted: number
  constructor(
    problems: readonly ConfigProblem[],
    options: ErrorOptions & { readonly omitted?: number } = {},
  ) {
    const { omitted = 0, ...rest } = options
    const listed = problems.slice(0, maxProblems)
    const more = problems.length - listed.length + omitted
    const texts = listed.map((problem) => problem.message)
    if (more > 0) texts.push(`and ${more} more ${more === 1 ? 'problem' : 'problems'}`)
    super(listed[0]?.code ?? 'CONFIG_INVALID', texts.join('; ') || 'the configuration was refused', rest)
    this.name = 'TelemetryConfigError'
    this.problems = listed
    this.omitted = more
  }
}

/** True for errors of any realm: in Jest those of Node.js are no instances of the `Error` that we see. */
export const isError = (value: unknown): value is Error =>
  value instanceof Error || types.isNativeError(value)

/** The text of anything that was thrown; never throws itself. */
export function messageOf(thrown: unknown): string {
  try {
    return String(isError(thrown) ? thrown.message || thrown.name : thrown)
  } catch {
    return 'an error that cannot be shown'
  }
}

/** The class of an error; of anything else that was thrown its JavaScript type. Never throws itself. */
export function typeOf(thrown: unknown): string {
  try {
    if (!isError(thrown)) return thrown === null ? 'null' : typeof thrown
    // A subclass that never set its name is known by its constructor's.
    const { name } = thrown
    return String(name && name !== 'Error' ? name : thrown.constructor.name) || 'Error'
  } catch {
    return 'Error'
  }
}

/**
 * For the result of a caller's function that should not return a promise: if it returns one that rejects, nothing of it
 * must become an unhandled rejection. Returns the value.
 */
export function withoutRejection<Value>(value: Value): Value {
  try {
    if (
      typeof value === 'object' &&
      value !== null &&
      typeof (value as { then?: unknown }).then === 'function'
    )
      Promise.resolve(value).catch(() => {})
  } catch {
    // A `then` that throws when it is read: there is nothing to reject.
  }
  return value
}
