const drains = new Set<() => void>()

const drainAll = (): void => {
  for (const drain of drains) drain()
}

/**
 * Calls `drain` each time the process has nothing left to do (`beforeExit`), which is again after work that a drain or
 * the program itself adds. One listener, however many systems. Returns an unsubscribe function.
 */
export function drainOnProcessExit(drain: () => void): () => void {
  if (drains.size === 0) process.on('beforeExit', drainAll)
  drains.add(drain)
  return () => {
    drains.delete(drain)
    if (drains.size === 0) process.off('beforeExit', drainAll)
  }
}
