/**
 * Starts to measure how long this thread is busy; the function returned says so in ms. Other programs prolong the time
 * that passes, other threads of ours the time the processor spends: the smaller of both is still an upper bound.
 */
export function stopwatch(): () => number {
  const cpu = process.cpuUsage()
  const start = performance.now()
  return () => {
    const { user, system } = process.cpuUsage(cpu)
    return Math.min(performance.now() - start, (user + system) / 1000)
  }
}

/** The shortest of several attempts, which ends them once it is below the limit: no attempt is shortened by chance. */
export async function shortest(limitMs: number, attempt: () => number | Promise<number>): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let i = 0; i < 10 && least >= limitMs; i++) least = Math.min(least, await attempt())
  return least
}
