import type { Clock } from '../../../clock.ts'
import { messageOf } from '../../../errors.ts'
import type { HttpServer } from '../../../http-server/server.ts'
import { pause } from '../../../waiting.ts'

/** The server of the page, opened by the process that serves it. */
export interface PageServer {
  readonly current: HttpServer | undefined
  /** Why it cannot listen, while it goes on trying. */
  readonly problem: string | undefined
  /** Opens it, unless it is open. `patient`: returns at once, and goes on trying while the port is taken. */
  open(patient: boolean): Promise<void>
  release(): void
  close(patienceMs: number): Promise<void>
}

export interface PageServerOptions {
  readonly clock: Clock
  readonly listen: () => Promise<HttpServer>
  /** How long an impatient opening waits for a port that another process is about to leave. */
  readonly graceMs: () => number
  /** Whether another one of the group has the port. */
  readonly isServedElsewhere: () => boolean
  /** Called when it has been opened in the background. */
  readonly opened: () => void
}

export const isPortTaken = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'PORT_TAKEN'

const firstWaitMs = 5
const maxWaitMs = 1000

export function createPageServer({
  clock,
  listen,
  graceMs,
  isServedElsewhere,
  opened,
}: PageServerOptions): PageServer {
  let server: HttpServer | undefined
  let problem: string | undefined
  let isClosed = false
  let isTrying = false

  const attempt = async (): Promise<void> => {
    const one = await listen()
    problem = undefined
    if (isClosed) await one.close(0)
    else server = one
  }

  const persist = async (until: number): Promise<void> => {
    for (let wait = firstWaitMs; !server && !isClosed; wait = Math.min(maxWaitMs, 2 * wait)) {
      try {
        return await attempt()
      } catch (error) {
        const isServed = isServedElsewhere()
        const isPatient = until === Number.POSITIVE_INFINITY
        if (!isPatient && isServed && isPortTaken(error)) return tryOn()
        if (!isPatient && (!isPortTaken(error) || clock.now() >= until)) throw error
        problem = isServed ? undefined : messageOf(error)
        await pause(clock, wait)
      }
    }
  }

  const tryOn = (): void => {
    if (isTrying || server) return
    isTrying = true
    persist(Number.POSITIVE_INFINITY)
      .then(opened, () => {})
      .finally(() => {
        isTrying = false
      })
  }

  return {
    get current() {
      return server
    },
    get problem() {
      return problem
    },
    async open(patient) {
      if (!patient) return persist(clock.now() + graceMs())
      tryOn()
    },
    release() {
      isClosed = true
      server?.release()
    },
    async close(patienceMs) {
      isClosed = true
      await server?.close(patienceMs)
    },
  }
}
