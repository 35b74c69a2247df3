import { performance } from 'node:perf_hooks'
import type { Clock } from '../../src/clock.ts'

/** A clock in real time whose wall time can be set, as NTP, a suspended machine or faketime do. */
export interface SteppingClock extends Clock {
  monotonic(): number
  /** Moves the wall time by so many milliseconds, for good. */
  step(ms: number): void
  /** The earliest and the latest wall time there has been. */
  readonly range: { readonly from: number; readonly to: number }
}

export function createSteppingClock(): SteppingClock {
  let offset = 0
  let from = Date.now()
  let to = from
  const now = (): number => {
    const at = Date.now() + offset
    from = Math.min(from, at)
    to = Math.max(to, at)
    return at
  }
  return {
    now,
    monotonic: () => performance.now(),
    setTimeout: (fn, ms) => setTimeout(fn, ms).unref(),
    clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
    step(ms) {
      now()
      offset += ms
      now()
    },
    get range() {
      return { from, to: Math.max(to, now()) }
    },
  }
}

const hour = 3_600_000

/** Steps that real machines have made. */
export const steps = [600_000, -600_000, 24 * hour, -24 * hour, -600_000, 600_000, -24 * hour, 24 * hour]
