import type { Bus } from '../bus/bus.ts'
import type { Logger } from '../logger.ts'

const drains = new Set<() => Promise<void>>()

const drainAll = (): void => {
  for (const drain of drains) void drain()
}

/**
 * Drains a telemetry system each time the process has nothing left to do (`beforeExit`), which is again after work that a
 * drain or the program itself adds: a program that goes on is not left without telemetry. One listener, however many
 * systems. Returns an unsubscribe function.
 */
export function drainAtExit(
  system: {
    readonly bus: Pick<Bus, 'callers'>
    readonly hints: { processEnds(): void }
    readonly logger: Logger
    readonly isRunning: () => boolean
  },
  flush: () => Promise<{ readonly complete: boolean; readonly exporters: object }>,
): () => void {
  const { bus, hints, logger, isRunning } = system
  /** Number of emitted events that have been drained: up to here the process may end. */
  let drainedTo = -1
  const drain = async (): Promise<void> => {
    hints.processEnds()
    const { emitted } = bus.callers()
    if (!isRunning() || emitted === drainedTo) return
    drainedTo = emitted
    const { complete, exporters } = await flush()
    if (!complete) logger.warn({ exporters }, 'the process ends before everything was delivered')
  }
  if (drains.size === 0) process.on('beforeExit', drainAll)
  drains.add(drain)
  return () => {
    drains.delete(drain)
    if (drains.size === 0) process.off('beforeExit', drainAll)
  }
}
