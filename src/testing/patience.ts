/**
 * Returns a function that says whether so many milliseconds are over. It has to be called again and again meanwhile: of
 * the time between two calls a fiftieth counts at most, so that a process that the machine left standing still has not
 * lost its time.
 */
export function createPatience(ms: number): () => boolean {
  const longest = Math.max(ms / 50, 1)
  let last = performance.now()
  let spent = 0
  return () => {
    const now = performance.now()
    spent += Math.min(now - last, longest)
    last = now
    return spent >= ms
  }
}
