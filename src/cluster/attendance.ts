import type { Clock } from '../clock.ts'
import { isAlive } from './kin.ts'

/** Whether all reporters that the previous hub knew have found the new one: what they have not reported yet is missing. */
export interface Attendance {
  /** Called when the journal has been read: whoever was not gone is expected. */
  begin(): void
  arrived(id: string): void
  /** Resolves when nobody is expected any more, at the latest after this time: nobody is waited for twice. */
  complete(withinMs: number): Promise<void>
  /** Forgets reporters of processes that have ended. */
  prune(): void
}

/** What a hub knows of a reporter, by its id. */
export interface Known {
  /** The number of its last report. */
  readonly seq: number
  readonly pid: number
  /** It has left, or its connection was closed. */
  readonly gone: boolean
}

const checkMs = 20
/** Threads that have ended, in a process that goes on. */
const maxGone = 10_000

export function createAttendance(clock: Clock, known: Map<string, Known>): Attendance {
  const expected = new Set<string>()
  const removeDead = (): void => {
    for (const id of expected) {
      const one = known.get(id)
      if (!one || one.gone || !isAlive(one.pid)) expected.delete(id)
    }
  }
  return {
    begin() {
      for (const [id, { gone }] of known) if (!gone) expected.add(id)
      removeDead()
    },
    arrived: (id) => void expected.delete(id),
    async complete(withinMs) {
      const until = clock.now() + withinMs
      for (removeDead(); expected.size > 0 && clock.now() < until; removeDead())
        await new Promise<void>((resolve) => void clock.setTimeout(() => resolve(), checkMs))
      expected.clear()
    },
    prune() {
      const gone = [...known].filter(([, one]) => one.gone)
      for (const [i, [id, { pid }]] of gone.entries())
        if (gone.length - i > maxGone || !isAlive(pid)) known.delete(id)
    },
  }
}
