import type { Clock } from '../clock.ts'
import { pause } from '../waiting.ts'
import { isAlive } from './kin.ts'

/** Whether all reporters that the previous hub knew have found the new one: what they have not reported yet is missing. */
export interface Attendance {
  /** Called when the journal has been read: expects every reporter that had not left. */
  begin(): void
  arrived(id: string): void
  /** Resolves when no reporter is expected any more, at the latest after this time. No reporter is waited for twice. */
  complete(withinMs: number): Promise<void>
  /** Process ids of expected reporters that have not connected; empty once the hub has run for a while. */
  absent(): readonly number[]
  /** Forgets reporters of processes that have ended. */
  prune(): void
}

/** The facts that a hub keeps about a reporter, by its id. */
export interface Known {
  /** The number of its last report. */
  readonly seq: number
  readonly pid: number
  /** It has left, or its connection was closed. */
  readonly gone: boolean
}

const checkMs = 20
/** A reporter that has not connected within this time counts as gone. */
const maxAbsentMs = 10_000
/** Threads that have ended, in a process that goes on. */
const maxGone = 10_000

export function createAttendance(clock: Clock, known: Map<string, Known>): Attendance {
  const expected = new Set<string>()
  const missing = new Set<string>()
  let begun = 0
  const removeDead = (ids = expected): void => {
    for (const id of ids) {
      const one = known.get(id)
      if (!one || one.gone || !isAlive(one.pid)) ids.delete(id)
    }
  }
  return {
    begin() {
      begun = clock.now()
      for (const [id, { gone }] of known) if (!gone) expected.add(id)
      removeDead()
    },
    arrived(id) {
      expected.delete(id)
      missing.delete(id)
    },
    async complete(withinMs) {
      const until = clock.now() + withinMs
      for (removeDead(); expected.size > 0 && clock.now() < until; removeDead()) await pause(clock, checkMs)
      for (const id of expected) missing.add(id)
      expected.clear()
    },
    absent() {
      if (clock.now() - begun > maxAbsentMs) missing.clear()
      removeDead(missing)
      return Array.from(missing, (id) => known.get(id)!.pid)
    },
    prune() {
      const gone = [...known].filter(([, one]) => one.gone)
      for (const [i, [id, { pid }]] of gone.entries())
        if (gone.length - i > maxGone || !isAlive(pid)) known.delete(id)
    },
  }
}
