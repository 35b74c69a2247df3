import { type Clock, holdProcess } from './clock.ts'

/** Keeps the process alive until awaited work is done. */
export async function whileHeld<Result>(clock: Clock, work: () => Promise<Result>): Promise<Result> {
  const release = holdProcess(clock)
  try {
    return await work()
  } finally {
    release()
  }
}

export const pause = (clock: Clock, ms: number): Promise<void> =>
  new Promise((resolve) => void clock.setTimeout(() => resolve(), Math.max(ms, 0)))

/** Waits for work that may fail, or hang, until the time is over. Milliseconds. */
export async function settledWithin(
  clock: Clock,
  ms: number,
  work: Promise<unknown> | undefined,
): Promise<void> {
  let timer: unknown
  const late = new Promise<void>((resolve) => {
    timer = clock.setTimeout(() => resolve(), Math.max(ms, 1))
  })
  await Promise.race([work?.catch(() => {}), late])
  clock.clearTimeout(timer)
}

/** The same in the host's own time: what hangs delays the host no longer, whatever clock is injected. */
export async function atMost(ms: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([work, patience])
  clearTimeout(timer)
}

/**
 * The same, where the host blocks its event loop meanwhile, as one that loads its modules does: of each standstill a
 * twentieth of the time counts at most, so that work that needs a few turns afterwards gets them.
 */
export async function atMostInTurns(ms: number, work: Promise<void>): Promise<void> {
  const turns = 20
  let timer: NodeJS.Timeout | undefined
  const patience = new Promise<void>((resolve) => {
    let passed = 0
    timer = setInterval(() => {
      passed += 1
      if (passed === turns) resolve()
    }, ms / turns)
  })
  await Promise.race([work, patience])
  clearInterval(timer)
}
