import { TelemetryError } from '../../errors.ts'
import { createPatience } from '../patience.ts'

/** Promises for conditions that are looked at whenever `changed()` says that something happened. */
export interface Waiting {
  /** Rejects with `TESTING_TIMEOUT`, saying `what()`, when `holds` is not true within `timeoutMs`. */
  until(holds: () => boolean, timeoutMs: number, what: () => string): Promise<void>
  changed(): void
}

export function createWaiting(): Waiting {
  const waiters = new Set<() => void>()
  return {
    until: (holds, timeoutMs, what) =>
      new Promise((resolve, reject) => {
        if (holds()) return resolve()
        const check = (): void => {
          if (!holds()) return
          settle()
          resolve()
        }
        const isOver = createPatience(timeoutMs)
        const timer = setInterval(() => {
          if (!isOver()) return
          settle()
          reject(new TelemetryError('TESTING_TIMEOUT', `after ${timeoutMs} ms: ${what()}`))
        }, timeoutMs / 50)
        const settle = (): void => {
          clearInterval(timer)
          waiters.delete(check)
        }
        waiters.add(check)
      }),
    changed() {
      for (const check of waiters) check()
    },
  }
}
