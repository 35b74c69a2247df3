import { types } from 'node:util'

/** Every error telemachine throws or rejects with. Match `code`, never the message. */
export class TelemetryError extends Error {
  readonly code: string
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'TelemetryError'
    this.code = code
  }
}

/** One thing that is wrong with a configuration. `path` is the full key, such as `telemetry.otel.batch_size`. */
export interface ConfigProblem {
  readonly code: string
  readonly path: string
  /** Names the key, the value (unless it is sensitive) and what would be right. */
  readonly message: string
  /** Where it was said: `file`, `environment`, `init`, `put`, `admin`, `remote`. */
  readonly source?: string
  readonly file?: string
  readonly line?: number
  readonly column?: number
}

/** A configuration or a change was refused as a whole; the one in force before stays in force. */
export class TelemetryConfigError extends TelemetryError {
  readonly problems: readonly ConfigProblem[]
  constructor(problems: readonly ConfigProblem[], options?: ErrorOptions) {
    const [first] = problems
    super(
      first?.code ?? 'CONFIG_INVALID',
      problems.map((problem) => problem.message).join('; ') || 'the configuration was refused',
      options,
    )
    this.name = 'TelemetryConfigError'
    this.problems = problems
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
