const drains = new Set<() => void>()

const drainAll = (): void => {
  for (const drain of drains) drain()
}

/** Calls `drain` when the process has nothing left to do (`beforeExit`). One listener, however many systems. */
export function drainOnProcessExit(drain: () => void): () => void {
  if (drains.size === 0) process.on('beforeExit', drainAll)
  drains.add(drain)
  return () => {
    drains.delete(drain)
    if (drains.size === 0) process.off('beforeExit', drainAll)
  }
}
