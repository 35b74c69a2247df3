import { withoutRejection } from './errors.ts'

/** The methods of a logger that telemachine calls, in pino's shape. Strings are redacted before. */
export interface Logger {
  debug(details: object, message?: string): void
  info(details: object, message?: string): void
  warn(details: object, message?: string): void
  error(details: object, message?: string): void
}

const nothing = (): void => {}

const line = (details: object, message = ''): void => {
  try {
    process.stderr.write(`telemachine: ${message} ${JSON.stringify(details)}\n`)
  } catch {
    // A closed stderr or a cyclic detail is no reason to harm the host.
  }
}

/** Warnings and errors to stderr, nothing else. */
export const stderrLogger: Logger = { debug: nothing, info: nothing, warn: line, error: line }

/** A user's logger that cannot harm us: a throw in it is swallowed. */
export function guardedLogger(logger: Logger): Logger {
  const guard = (level: keyof Logger) => (details: object, message?: string) => {
    try {
      withoutRejection(logger[level](details, message) as unknown)
    } catch {
      // Nowhere left to say it.
    }
  }
  return { debug: guard('debug'), info: guard('info'), warn: guard('warn'), error: guard('error') }
}

const deepest = 8

/** Every string inside a log record, and the message of every error in it. */
function redactedDetail(value: unknown, redact: (text: string) => string, depth = 0): unknown {
  if (typeof value === 'string') return redact(value)
  if (typeof value !== 'object' || value === null) return value
  if (depth === deepest) return '…'
  const inner = (part: unknown): unknown => redactedDetail(part, redact, depth + 1)
  if (value instanceof Error) return redact(String(value))
  if (Array.isArray(value)) return value.map(inner)
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [redact(key), inner(part)]))
}

/** Creates the logger of exporters, which redacts: a backend may echo a secret of the configuration. */
export function redactedLogger(logger: Logger, redact: (text: string) => string): Logger {
  const at = (level: keyof Logger) => (details: object, message?: string) => {
    try {
      const shown = redactedDetail(details, redact) as object
      withoutRejection(logger[level](shown, message && redact(message)) as unknown)
    } catch {
      // A detail that cannot be read cannot be judged either.
    }
  }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}
