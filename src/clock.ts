import { performance } from 'node:perf_hooks'

/**
 * The one source of time. `now()` is epoch milliseconds (fractions allowed); `monotonic()` is milliseconds
 * from any origin that never steps back, and defaults to `now()`. XState's SimulatedClock fits as it is.
 */
export interface Clock {
  setTimeout(fn: (...args: unknown[]) => void, timeout: number): unknown
  clearTimeout(timer: unknown): void
  now(): number
  monotonic?(): number
  /** Converts a value of `monotonic()` to the value that `now()` had then. This saves a reading of the clock. */
  epochOf?(monotonic: number): number
}

/** Longer delays make Node fire after 1 ms. */
const longestDelay = 2 ** 31 - 1

/**
 * A system clock. Its timers never keep the process alive, except between `hold()` and the call of the function that
 * it returns.
 */
export interface SystemClock extends Clock {
  monotonic(): number
  epochOf(monotonic: number): number
  /** Keeps the process alive while a `flush` or a `stop` is pending, so that an awaited one returns its report. */
  hold(): () => void
}

/**
 * Returns the clock of the operating system: wall time, monotonic time, and timers that do not keep the process
 * alive.
 */
export function createSystemClock(): SystemClock {
  let origin = Date.now() - performance.now()
  let checked = 0

  const epochOf = (elapsed: number): number => {
    // The wall clock may be stepped (NTP, suspend); following it once a second costs nothing per event.
    if (elapsed - checked > 1000) {
      checked = elapsed
      const wall = Date.now()
      if (Math.abs(wall - origin - elapsed) > 20) origin = wall - elapsed
    }
    return origin + elapsed
  }

  return {
    now: () => epochOf(performance.now()),
    epochOf,
    monotonic: () => performance.now(),
    setTimeout: (fn, delay) => {
      const timer = setTimeout(fn, Math.min(Math.max(delay, 0), longestDelay))
      timer.unref()
      return timer
    },
    clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
    hold: () => {
      const timer = setInterval(() => {}, longestDelay)
      return () => clearInterval(timer)
    },
  }
}

/** Monotonic milliseconds of any clock. */
export const elapsed = (clock: Clock): number => clock.monotonic?.() ?? clock.now()

const noHold = (): void => {}

/** {@link SystemClock.hold} of any clock; an injected one that cannot hold the process simply does not. */
export const holdProcess = (clock: Clock): (() => void) =>
  'hold' in clock && typeof clock.hold === 'function' ? (clock as SystemClock).hold() : noHold
