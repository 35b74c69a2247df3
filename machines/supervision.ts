/** The restart policy: pure arithmetic over the crashes that count. */
export interface RestartPolicy {
  /** Crashes within `withinMs` that are survived; at one more the exporter is given up. */
  readonly intensity: number
  readonly withinMs: number
  readonly firstBackoffMs: number
  readonly longestBackoffMs: number
}

/** The restart policy of the system machine for exporters that crash. */
export const defaultRestartPolicy: RestartPolicy = {
  intensity: 5,
  withinMs: 60_000,
  firstBackoffMs: 100,
  longestBackoffMs: 5_000,
}

/** The times of the crashes that still count at `now`, with this one. */
export const rememberCrash = (
  crashes: readonly number[],
  now: number,
  { withinMs }: RestartPolicy,
): readonly number[] => [...crashes.filter((at) => now - at < withinMs), now]

/** More crashes than the intensity allows: no further restart by itself. */
export const exceedsIntensity = (crashes: number, { intensity }: RestartPolicy): boolean =>
  crashes > intensity

export const restartBackoffMs = (crashes: number, policy: RestartPolicy): number =>
  Math.min(policy.firstBackoffMs * 2 ** Math.max(crashes - 1, 0), policy.longestBackoffMs)
