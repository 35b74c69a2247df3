import { createPatience } from '../../src/testing/patience.ts'

/**
 * Settles as the promise does; rejects if that takes longer than so many milliseconds. A standstill of this process, as
 * on a busy machine, does not count.
 */
export async function inTime<Value>(withinMs: number, what: string, promise: Promise<Value>): Promise<Value> {
  const isOver = createPatience(withinMs)
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setInterval(() => {
      if (isOver()) reject(new Error(`not within ${withinMs} ms: ${what}`))
    }, withinMs / 50)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearInterval(timer)
  }
}
