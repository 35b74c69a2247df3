const cpuMs = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

export interface Turns {
  /** The longest time between two turns of the event loop. */
  readonly longestMs: number
  /** The most CPU time of the process, with all of its threads, in one turn: without what other processes took. */
  readonly longestCpuMs: number
  readonly tookMs: number
}

/** How long a work keeps the event loop to itself. */
export async function longestTurn(work: () => Promise<unknown>): Promise<Turns> {
  let over = false
  let longestMs = 0
  let longestCpuMs = 0
  let last = performance.now()
  let lastCpu = cpuMs()
  const from = last
  const look = (): void => {
    const now = performance.now()
    const cpu = cpuMs()
    longestMs = Math.max(longestMs, now - last)
    longestCpuMs = Math.max(longestCpuMs, cpu - lastCpu)
    last = now
    lastCpu = cpu
    if (!over) setImmediate(look)
  }
  setImmediate(look)
  await work()
  // The turn that ended the work counts as well.
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
  over = true
  return { longestMs, longestCpuMs, tookMs: performance.now() - from }
}

export const median = (numbers: readonly number[]): number =>
  numbers.toSorted((a, b) => a - b)[numbers.length >> 1] as number
