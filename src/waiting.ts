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
