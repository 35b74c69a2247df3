import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createPatience } from '../../src/testing/patience.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** What a process may complain of, and what it may keep, while a schedule runs. */
export interface Vigil {
  /** Unhandled rejections, uncaught exceptions and warnings since the beginning. */
  readonly complaints: readonly string[]
  /** Sockets, servers and watched files that were not there at the beginning. */
  left(): readonly string[]
  end(): void
}

const kinds = /TCP|Pipe|FSEvent|GetAddrInfo|UDP/

const resources = (): string[] => process.getActiveResourcesInfo().filter((name) => kinds.test(name))

export function keepVigil(): Vigil {
  const before = resources()
  const complaints: string[] = []
  const note =
    (kind: string) =>
    (thrown: unknown): void => {
      complaints.push(
        `${kind}: ${thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)}`,
      )
    }
  const listeners = {
    uncaughtException: note('uncaught exception'),
    unhandledRejection: note('unhandled rejection'),
    warning: note('warning'),
  }
  // Mocha's own listeners would make a failure of whatever test runs by then.
  const others = (['uncaughtException', 'unhandledRejection'] as const).map(
    (event) => [event, process.listeners(event as 'uncaughtException')] as const,
  )
  for (const [event] of others) process.removeAllListeners(event)
  for (const [event, listener] of Object.entries(listeners)) process.on(event, listener)
  return {
    complaints,
    left() {
      const rest = resources()
      for (const name of before) {
        const place = rest.indexOf(name)
        if (place >= 0) rest.splice(place, 1)
      }
      return rest
    },
    end() {
      for (const [event, listener] of Object.entries(listeners)) process.off(event, listener)
      for (const [event, kept] of others) for (const listener of kept) process.on(event, listener)
    },
  }
}

/** Bytes in use after a full collection: of V8's heap, and outside of it. */
export async function memory(): Promise<{ readonly heap: number; readonly external: number }> {
  let least = { heap: Number.POSITIVE_INFINITY, external: Number.POSITIVE_INFINITY }
  // Sockets and buffers are let go of by callbacks of their own, after the collection that finds them.
  for (let round = 0; round < 5; round += 1) {
    collectGarbage()
    const { heapUsed, external } = process.memoryUsage()
    least = { heap: Math.min(least.heap, heapUsed), external: Math.min(least.external, external) }
    await pause(50)
  }
  return least
}

/** Follows promises, each of which has to settle in time, whatever it settles with. */
export function createWatch() {
  const open = new Set<{ readonly what: string; readonly isOver: () => boolean }>()
  return {
    /** Returns the promise, without its rejection. */
    follow<Value>(what: string, withinMs: number, promise: Promise<Value>): Promise<Value | undefined> {
      const one = { what, isOver: createPatience(withinMs) }
      open.add(one)
      const settle = (): undefined => {
        open.delete(one)
      }
      return promise.then(
        (value) => {
          settle()
          return value
        },
        () => settle(),
      )
    },
    /** Has to be called again and again: a standstill of this process makes nothing late. */
    late: (): string[] => [...open].filter(({ isOver }) => isOver()).map(({ what }) => what),
    get open() {
      return open.size
    },
  }
}

/** Fails with everything that was complained of. */
export const assertQuiet = (complaints: readonly string[], when: string): void =>
  assert.deepEqual(complaints, [], `${when}: ${complaints.join('\n')}`)
