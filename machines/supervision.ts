/** The restart policy: pure arithmetic over the times of past crashes (semantics, section 8). */
export interface RestartPolicy {
  /** Crashes within `withinMs` after which the exporter is given up. */
  readonly intensity: number
  readonly withinMs: number
  readonly firstBackoffMs: number
  readonly longestBackoffMs: number
}

export const defaultRestartPolicy: RestartPolicy = {
  intensity: 5,
  withinMs: 60_000,
  firstBackoffMs: 100,
  longestBackoffMs: 5_000,
}

/** The crashes that still count at `now`, with this one. */
export const rememberCrash = (
  crashes: readonly number[],
  now: number,
  { withinMs }: RestartPolicy,
): readonly number[] => [...crashes.filter((at) => now - at < withinMs), now]

/** More crashes than the intensity allows: no further restart by itself. */
export const exceedsIntensity = (crashes: readonly number[], { intensity }: RestartPolicy): boolean =>
  crashes.length > intensity

export const restartBackoffMs = (crashes: readonly number[], policy: RestartPolicy): number =>
  Math.min(policy.firstBackoffMs * 2 ** Math.max(crashes.length - 1, 0), policy.longestBackoffMs)
