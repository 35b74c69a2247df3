import type { Clock } from '../../clock.ts'
import { TelemetryError } from '../../errors.ts'

/** An operation that takes longer is a failure of the disk. */
const slowMs = 5_000

/** Tells of an operation that takes too long, which goes on. */
export type Watch = <Result>(operation: Promise<Result>, onSlow: () => void) => Promise<Result>

export const createWatch =
  (clock: Clock, fail: (error: unknown) => void): Watch =>
  async (operation, onSlow) => {
    const timer = clock.setTimeout(() => {
      onSlow()
      fail(
        new TelemetryError(
          'SPOOL_SLOW',
          `an operation on the disk of the spool takes longer than ${slowMs / 1000} s`,
        ),
      )
    }, slowMs)
    try {
      return await operation
    } finally {
      clock.clearTimeout(timer)
    }
  }
