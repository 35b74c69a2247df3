import type { WorkEvent } from '../../machines/index.ts'
import { type Clock, elapsed } from '../clock.ts'
import type { Queue } from './queue.ts'
import type { RetryPolicy } from './retry.ts'

/**
 * Tells the delivery chart what it has to know, and no more: one event when it looks or when something arrives, one
 * when a batch becomes due. The chart looks when it has nothing to do; between its look and its next one it hears
 * at most twice, however many events come in.
 */
export interface Doorbell {
  /** From now on this listener is told. It knows nothing until it looks. */
  listen(listener: (event: WorkEvent) => void): void
  look(): void
  /** Items came in, or came back. */
  ring(): void
  /** What is due is judged anew: settings changed. */
  lookAgain(): void
}

/**
 * What the chart knows: nothing that matters now (`silent`: it is busy), that there is no work (`idle`), or that
 * something waits (`gathering`).
 */
type Told = 'silent' | 'idle' | 'gathering'

export function createDoorbell(options: {
  queue: Queue
  retry: RetryPolicy
  clock: Clock
  flushIntervalMs: () => number
  /** A flush waits for something in the queue. */
  isFlushing: () => boolean
}): Doorbell & { isDue(): boolean } {
  const { queue, retry, clock, flushIntervalMs, isFlushing } = options
  let tell: (event: WorkEvent) => void = () => {}
  let told: Told = 'silent'

  const dueInMs = (): number =>
    queue.fresh === 0 ? 0 : Math.max(queue.oldest() + flushIntervalMs() - elapsed(clock), 0)

  const isDue = (): boolean =>
    queue.retryDue() || queue.full() || (queue.fresh > 0 && (isFlushing() || dueInMs() <= 0))

  const tellBatch = (): void => {
    told = 'silent'
    tell({
      type: 'telemetry.batch',
      items: queue.items,
      events: queue.weight,
      bytes: queue.bytes,
      urgent: isFlushing(),
    })
  }

  const look = (): void => {
    if (queue.items === 0) {
      told = 'idle'
      return
    }
    const deferral = retry.deferral()
    if (deferral !== undefined) {
      told = 'silent'
      tell({ type: 'work.deferred', ...deferral })
    } else if (isDue()) tellBatch()
    else {
      told = 'gathering'
      // A timer counts whole milliseconds; one that is early would have the chart look twice.
      tell({ type: 'work.arrived', items: queue.items, events: queue.weight, dueInMs: Math.ceil(dueInMs()) })
    }
  }

  return {
    isDue,
    listen(listener) {
      tell = listener
      told = 'silent'
    },
    look,
    ring() {
      if (told === 'idle') look()
      else if (told === 'gathering' && isDue()) tellBatch()
    },
    lookAgain() {
      if (told === 'gathering') look()
    },
  }
}
