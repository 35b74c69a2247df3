import type { Agent } from 'node:http'
import { performance } from 'node:perf_hooks'
import type { Duplex } from 'node:stream'

/** Below Node's 5 s, the shortest default among common servers: closing first is how not to meet a stale socket. */
export const idleMs = 4_000

/** A connection is used no longer than this, so that a name whose address changes is followed however busy it is. */
export const maxAgeMs = 60_000

/** A connection that was in use so many milliseconds ago is still open. */
const justUsedMs = 2

/**
 * Milliseconds of both clocks: a frozen machine may stop the monotonic one, and the other may be set. They
 * are those of the system, whatever clock is injected, because servers go by theirs.
 */
interface Moment {
  readonly monotonic: number
  readonly wall: number
}

/** The kept connections of an agent. */
export interface KeptConnections {
  /** Whether a connection was idle before this use for so long that its server may have ended it. */
  wasIdle(socket: Duplex): boolean
  /** Destroys those that have been idle for too long by either clock, as after a freeze. */
  dropExpired(): void
  /** Destroys all of them: one has shown that its server is gone, or closes what is idle. */
  dropIdle(): void
}

/** Bounds how long an agent keeps a connection. */
export function boundKept(agent: Agent): KeptConnections {
  const keptFirst = new WeakMap<Duplex, Moment>()
  const idleSince = new WeakMap<Duplex, Moment>()

  const now = (): Moment => ({ monotonic: performance.now(), wall: Date.now() })
  const since = (moment: Moment | undefined): number => {
    if (moment === undefined) return 0
    const { monotonic, wall } = now()
    return Math.max(monotonic - moment.monotonic, wall - moment.wall)
  }

  const keep = agent.keepSocketAlive.bind(agent) as (socket: Duplex) => boolean
  agent.keepSocketAlive = (socket): boolean => {
    if (since(keptFirst.get(socket)) >= maxAgeMs || !keep(socket)) return false
    const moment = now()
    if (!keptFirst.has(socket)) keptFirst.set(socket, moment)
    idleSince.set(socket, moment)
    return true
  }

  const dropWhere = (expired: (socket: Duplex) => boolean): void => {
    for (const sockets of Object.values(agent.freeSockets))
      for (const socket of [...(sockets ?? [])]) {
        if (!expired(socket)) continue
        // The agent would hand out one that is destroyed until it has closed.
        socket.emit('agentRemove')
        socket.destroy()
      }
  }

  return {
    wasIdle: (socket) => since(idleSince.get(socket)) >= justUsedMs,
    dropExpired: () => dropWhere((socket) => since(idleSince.get(socket)) >= idleMs),
    dropIdle: () => dropWhere(() => true),
  }
}
