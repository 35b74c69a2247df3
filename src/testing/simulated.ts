import { SimulatedClock as XStateClock } from 'xstate'
import type { Clock } from '../clock.ts'
import { TelemetryError } from '../errors.ts'
import { createPatience } from './patience.ts'

/** The options of {@link createSimulatedClock}. */
export interface SimulatedClockOptions {
  /** Epoch milliseconds at the start. Default: 1,700,000,000,000. */
  readonly startAt?: number
}

/** The options of `clock.until()`. */
export interface UntilOptions {
  /** Real milliseconds. Default: 5,000. */
  readonly timeoutMs?: number
  /** Simulated milliseconds to advance before each further check. Default: 0, so the clock stands still. */
  readonly stepMs?: number
}

/** A clock that advances only when `advance` is called. Pass it to `createTelemetry`, to an actor or to a driver. */
export interface SimulatedClock extends Clock {
  monotonic(): number
  /** Moves the time in one step; timers due fire, each with the time it was due at. The event loop does not turn. */
  increment(ms: number): void
  /**
   * Moves the time to each timer due on the way (or `step` by `step`, where a step is shorter), and turns the event
   * loop after each, so that chains of timers, promises and actors run as they would in real time.
   */
  advance(ms: number, step?: number): Promise<void>
  /** Turns the event loop without moving the time. Default: 10 turns. */
  settle(turns?: number): Promise<void>
  /** Turns the event loop until `holds`; rejects with `TESTING_TIMEOUT`. Real sockets make progress meanwhile. */
  until(holds: () => boolean, options?: UntilOptions): Promise<void>
  /** Timers that have neither fired nor been cleared. */
  readonly timers: number
  /** Milliseconds until the next timer; undefined without one. */
  readonly nextTimerIn: number | undefined
}

// Sums of these are exact, so that a timer is due at the very instant the clock is set to.
const exact = (ms: number): number => Math.ceil(ms * 1024) / 1024

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** XState's simulated clock, advanced as far as the event loop has to turn in between. */
export function createSimulatedClock({
  startAt = 1_700_000_000_000,
}: SimulatedClockOptions = {}): SimulatedClock {
  const clock = new XStateClock()
  const due = new Map<unknown, number>()
  const thrown: unknown[] = []

  const next = (): number | undefined => {
    let first: number | undefined
    for (const at of due.values()) if (first === undefined || at < first) first = at
    return first
  }

  const setTimeout = (fn: (...args: unknown[]) => void, timeout: number): unknown => {
    // Node's shortest delay; with none at all a timer that sets itself again would stop the time.
    const delay = exact(Number.isNaN(timeout) ? 1 : Math.max(timeout, 1))
    const id = clock.setTimeout(() => {
      due.delete(id)
      try {
        fn()
      } catch (error) {
        // Thrown inside XState's clock it would stop that clock for good.
        thrown.push(error)
      }
    }, delay)
    due.set(id, clock.now() + delay)
    return id
  }

  const rethrow = (): void => {
    if (thrown.length > 0) throw thrown.shift()
  }

  const moveTo = (target: number): void => {
    for (let at = next(); at !== undefined && at <= target; at = next()) clock.set(Math.max(at, clock.now()))
    if (clock.now() < target) clock.set(target)
  }

  const settle = async (turns = 10): Promise<void> => {
    for (let i = 0; i < turns; i++) await turn()
  }

  const advance = async (ms: number, step = Number.POSITIVE_INFINITY): Promise<void> => {
    const stride = exact(Math.max(step, 1))
    const target = clock.now() + exact(ms)
    await settle(3)
    while (clock.now() < target) {
      const first = next() ?? target
      clock.set(Math.max(clock.now(), Math.min(first, clock.now() + stride, target)))
      rethrow()
      await settle(3)
    }
  }

  return {
    now: () => startAt + clock.now(),
    monotonic: () => clock.now(),
    setTimeout,
    clearTimeout: (timer) => {
      if (due.delete(timer)) clock.clearTimeout(timer as number)
    },
    increment: (ms) => {
      moveTo(clock.now() + exact(ms))
      rethrow()
    },
    advance,
    settle,
    async until(holds, { timeoutMs = 5000, stepMs = 0 } = {}) {
      const isOver = createPatience(timeoutMs)
      while (!holds()) {
        if (isOver())
          throw new TelemetryError(
            'TESTING_TIMEOUT',
            `after ${timeoutMs} ms and at ${clock.now()} simulated ms`,
          )
        if (stepMs > 0) await advance(stepMs)
        else await turn()
      }
    },
    get timers() {
      return due.size
    },
    get nextTimerIn() {
      const first = next()
      return first === undefined ? undefined : Math.max(first - clock.now(), 0)
    },
  }
}
