/** What telemachine needs of a logger; pino's shape. Strings only reach it redacted. */
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
      logger[level](details, message)
    } catch {
      // Nowhere left to say it.
    }
  }
  return { debug: guard('debug'), info: guard('info'), warn: guard('warn'), error: guard('error') }
}
