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
export const longestRetryAfterSeconds = 300

/** A usable Retry-After in milliseconds, or undefined where our own backoff decides (zero, past, junk). */
export function retryAfterMs(seconds: number | undefined): number | undefined {
  if (seconds === undefined || !Number.isFinite(seconds) || seconds <= 0) return undefined
  return Math.min(seconds, longestRetryAfterSeconds) * 1000
}
