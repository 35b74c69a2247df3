import type { Clock } from '../clock.ts'
import { messageOf } from '../errors.ts'
import type { Logger } from '../logger.ts'

/** The latest thing that went wrong with an exporter, for its status. */
export interface LastError {
  /** Redacted. */
  readonly message: string
  readonly code?: string
  /** Epoch milliseconds. */
  readonly at: number
}

/** At most one line in the log per exporter, and per kind of its disk's errors, in this time; the status always shows the last error. */
const quietMs = 5_000

/** The code of anything that was thrown; never throws itself. */
function codeOf(thrown: unknown): string | undefined {
  try {
    const { code } = thrown as { code?: unknown }
    return typeof code === 'string' ? code : undefined
  } catch {
    return undefined
  }
}

/** Keeps an exporter's last error and logs errors, not too often. */
export interface ErrorLog {
  /** Never throws. */
  note(error: unknown): void
  /** Notes an error of the spool. In an outage its line is not left out because the backend's errors have one. */
  noteOfSpool(error: unknown): void
  /** An error that may leave the exporter: its message is redacted, its code is kept. */
  redacted(error: unknown): Error
  readonly last: LastError | undefined
}

export function createErrorLog({
  id,
  clock,
  logger,
  redact,
}: {
  id: string
  clock: Clock
  logger: Logger
  redact: (text: string) => string
}): ErrorLog {
  let last: LastError | undefined
  /** When a line was written, by what the errors have in common. */
  const loggedAt = new Map<string, number>()

  /** An injected clock may be what failed. */
  const now = (): number => {
    try {
      return Math.floor(clock.now())
    } catch {
      return last?.at ?? 0
    }
  }

  const note = (error: unknown, kind: string): void => {
    const code = codeOf(error)
    const at = now()
    last = { message: redact(messageOf(error)), ...(code !== undefined && { code }), at }
    // A driver that throws on each event must not flood the log as well. A clock that was set back must not mute it.
    if (Math.abs(at - (loggedAt.get(kind) ?? Number.NEGATIVE_INFINITY)) < quietMs) return
    loggedAt.set(kind, at)
    logger.warn({ exporter: id, ...last }, 'exporter error')
  }

  return {
    note: (error) => note(error, 'exporter'),
    noteOfSpool: (error) => note(error, `spool ${codeOf(error)}`),
    redacted(error) {
      const code = codeOf(error)
      const safe = new Error(redact(messageOf(error)), { cause: error })
      return code === undefined ? safe : Object.assign(safe, { code })
    },
    get last() {
      return last
    },
  }
}
