import { type Clock, elapsed } from '../clock.ts'
import type { Batch } from './batch.ts'

/** Exponential backoff with full jitter: uniform in [0, min(longest, first · 2^failures)). */
export interface BackoffPolicy {
  readonly firstMs: number
  readonly longestMs: number
}

export const exportBackoff: BackoffPolicy = { firstMs: 500, longestMs: 30_000 }

/** @param failures consecutive failures so far, at least 1. @param random in [0, 1). */
export function backoffMs(
  failures: number,
  random: number,
  { firstMs, longestMs }: BackoffPolicy = exportBackoff,
): number {
  // 2^31 is far beyond any ceiling, and keeps the power finite.
  const ceiling = Math.min(longestMs, firstMs * 2 ** Math.min(Math.max(failures - 1, 0), 31))
  return Math.floor(random * ceiling)
}

/** Longest Retry-After that is honoured, in seconds. */
const longestRetryAfterSeconds = 300

/** A usable Retry-After in milliseconds, or undefined where our own backoff decides (zero, past, junk). */
export function retryAfterMs(seconds: number | undefined): number | undefined {
  if (seconds === undefined || !Number.isFinite(seconds) || seconds <= 0) return undefined
  return Math.min(seconds, longestRetryAfterSeconds) * 1000
}

/** A wait before an exporter sends again. */
export interface Deferral {
  readonly ms: number
  readonly by: 'backoff' | 'retry_after'
}

/**
 * The retry policy, in one place. A failed batch goes to the back of the queue and is sent again until it is
 * delivered; it is given up after `retry_attempts` further failures only if another batch was delivered meanwhile,
 * because then the batch is the poison, not the backend. The exporter waits between failed waves: as long as the
 * backend asks for (Retry-After), else a backoff that grows with the failures in a row and that a delivery, a flush
 * or a new destination ends.
 */
export interface RetryPolicy {
  /** Begins a wave: its batches fail together, and count once. */
  beginWave(): void
  failed(afterSeconds: number | undefined): void
  delivered(): void
  /** Notes a failure of the batch. True: it has to be given up. */
  exhausts(batch: Batch): boolean
  /** Returns the wait that is due now. */
  deferral(): Deferral | undefined
  /** Until when the backend asked to be left alone, in monotonic milliseconds. */
  retryAfterUntil(): number
  /** Ends our own backoff; a time that the backend named stays. */
  override(): void
  /** Another destination owes nothing to the failures of the old one. */
  reset(): void
}

export function createRetryPolicy(options: {
  clock: Clock
  random: () => number
  /** Failures after the first one that a batch survives while others are delivered. */
  attempts: () => number
  /** No backoff is longer than what an open breaker would wait. Milliseconds. */
  longestMs: () => number
  /** Numbers the destinations of all policies that a batch may meet. Default: each policy by itself. */
  nextDestination?: () => number
}): RetryPolicy {
  let destinations = 0
  const { clock, random, attempts, longestMs, nextDestination = () => destinations++ } = options
  let deliveries = 0
  let destination = nextDestination()
  let failuresInARow = 0
  /** Drawn at the first failure of a wave. */
  let waveBackoffMs: number | undefined
  /** Monotonic milliseconds. */
  let backoffUntil = 0
  let retryAfterUntil = 0

  return {
    beginWave() {
      waveBackoffMs = undefined
    },
    failed(afterSeconds) {
      if (waveBackoffMs === undefined) {
        failuresInARow += 1
        const longest = Math.min(exportBackoff.longestMs, longestMs())
        waveBackoffMs = backoffMs(failuresInARow, random(), { ...exportBackoff, longestMs: longest })
      }
      const now = elapsed(clock)
      const asked = retryAfterMs(afterSeconds)
      if (asked === undefined) backoffUntil = Math.max(backoffUntil, now + waveBackoffMs)
      else retryAfterUntil = Math.max(retryAfterUntil, now + asked)
    },
    delivered() {
      deliveries += 1
      failuresInARow = 0
      waveBackoffMs = undefined
      backoffUntil = 0
      retryAfterUntil = 0
    },
    exhausts(batch) {
      if (batch.destination !== destination) {
        // A batch that failed at another destination has all its attempts here.
        batch.destination = destination
        batch.failures = 0
      }
      if (batch.failures === 0) batch.deliveriesAtFirstFailure = deliveries
      batch.failures += 1
      return deliveries > batch.deliveriesAtFirstFailure && batch.failures > attempts()
    },
    deferral() {
      const now = elapsed(clock)
      if (retryAfterUntil > now) return { ms: retryAfterUntil - now, by: 'retry_after' }
      return backoffUntil > now ? { ms: backoffUntil - now, by: 'backoff' } : undefined
    },
    retryAfterUntil: () => retryAfterUntil,
    override() {
      backoffUntil = 0
    },
    reset() {
      destination = nextDestination()
      failuresInARow = 0
      backoffUntil = 0
      retryAfterUntil = 0
    },
  }
}
