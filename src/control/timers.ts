import type { Clock } from '../clock.ts'

/** A clock whose outstanding timers can be ended all at once: XState keeps those of stopped machines. */
export interface TimerScope {
  readonly clock: Clock
  /** Timers not yet fired. */
  readonly pending: number
  /** Clears them all; later ones are never set. */
  end(): void
}

export function createTimerScope(inner: Clock): TimerScope {
  const pending = new Set<unknown>()
  let ended = false

  const clock: Clock = {
    now: () => inner.now(),
    setTimeout(fn, delay) {
      if (ended) return undefined
      const timer = inner.setTimeout((...args: unknown[]) => {
        pending.delete(timer)
        fn(...args)
      }, delay)
      pending.add(timer)
      return timer
    },
    clearTimeout(timer) {
      pending.delete(timer)
      inner.clearTimeout(timer)
    },
  }
  if (inner.monotonic) clock.monotonic = () => inner.monotonic?.() ?? inner.now()
  if (inner.epochOf) clock.epochOf = (monotonic) => inner.epochOf?.(monotonic) ?? inner.now()

  return {
    clock,
    get pending() {
      return pending.size
    },
    end() {
      ended = true
      for (const timer of pending) inner.clearTimeout(timer)
      pending.clear()
    },
  }
}
