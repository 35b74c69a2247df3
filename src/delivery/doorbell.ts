import type { WorkEvent } from '../../machines/index.ts'
import { type Clock, elapsed } from '../clock.ts'
import type { Queue } from './queue.ts'
import type { RetryPolicies } from './retry-policies.ts'

/**
 * Tells the delivery chart what it has to know, and no more. The chart looks when it has nothing to do; between one look
 * and the next it hears at most twice, however many events come in: that something waits, and that a batch is due. At
 * high rates a batch is full within milliseconds, and only the second is said.
 */
export interface Doorbell {
  /** From now on this listener is told. It knows nothing until it looks. */
  listen(listener: (event: WorkEvent) => void): void
  look(): void
  /** Items came in, or came back. */
  ring(): void
  /** Decides again what is due, after a change of settings. */
  lookAgain(): void
  /** Another client serves: the change that brought it is answered before the backlog is encoded, a turn later. */
  yieldOnce(): void
}

/**
 * What the chart has been told: nothing, because it is busy (`silent`), that there is no work (`idle`), or that
 * something waits (`gathering`).
 */
type Told = 'silent' | 'idle' | 'gathering'

/**
 * How long work may wait before the chart is told that it has arrived: a share of the interval after which it is due, so
 * that batches which fill sooner cost no more than the step that sends them.
 */
const arrivalShare = 0.1
const longestArrivalMs = 500

export function createDoorbell(options: {
  queue: Queue
  policies: RetryPolicies
  clock: Clock
  flushIntervalMs: () => number
  /** A flush waits for something in the queue. */
  isFlushing: () => boolean
  /** A batch from disk can go, or be read. */
  isDiskDue: () => boolean
  /** The chart is busy: the wave that runs, if one does, may take more. */
  onRing: () => void
}): Doorbell & { isDue(): boolean; isFreshDue(): boolean } {
  const { queue, policies, clock, flushIntervalMs, isFlushing, isDiskDue, onRing } = options
  let tell: (event: WorkEvent) => void = () => {}
  let told: Told = 'silent'
  let armed = false
  let yielding = false

  const dueInMs = (): number =>
    queue.fresh === 0 ? 0 : Math.max(queue.oldest() + flushIntervalMs() - elapsed(clock), 0)

  const isFreshDue = (): boolean => queue.full() || (queue.fresh > 0 && (isFlushing() || dueInMs() <= 0))

  const isDue = (): boolean => queue.retryDue() || isFreshDue() || isDiskDue()

  const isEmpty = (): boolean => queue.items === 0 && !isDiskDue()

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

  const tellArrived = (): void => {
    told = 'gathering'
    // A timer counts whole milliseconds; one that is early would have the chart look twice.
    tell({ type: 'work.arrived', items: queue.items, events: queue.weight, dueInMs: Math.ceil(dueInMs()) })
  }

  /** Tells of work that has arrived, unless a batch is due before. */
  const tellSoon = (): void => {
    const intervalMs = flushIntervalMs()
    const arrivalMs = Math.min(intervalMs * arrivalShare, longestArrivalMs)
    const restMs = arrivalMs - (intervalMs - dueInMs())
    if (restMs <= 0) {
      tellArrived()
      return
    }
    if (armed) return
    clock.setTimeout(() => {
      armed = false
      if (told === 'idle') lookNow()
    }, Math.ceil(restMs))
    armed = true
  }

  const tellNow = (): void => {
    const deferral = policies.deferral()
    if (deferral !== undefined) {
      told = 'silent'
      tell({ type: 'work.deferred', ...deferral })
    } else if (isDue()) tellBatch()
    else tellArrived()
  }

  const lookNow = (): void => {
    if (isEmpty()) return
    if (policies.deferral() !== undefined || isDue()) tellNow()
    else tellSoon()
  }

  return {
    isDue,
    isFreshDue,
    listen(listener) {
      tell = listener
      told = 'silent'
    },
    look() {
      told = 'idle'
      if (!yielding) lookNow()
    },
    ring() {
      if (yielding || isEmpty()) return
      if (told === 'silent') {
        onRing()
        return
      }
      if (isDue()) {
        if (told === 'idle') tellNow()
        else tellBatch()
      } else if (told === 'idle') tellSoon()
    },
    lookAgain() {
      if (told === 'gathering' || (told === 'idle' && !isEmpty())) tellNow()
    },
    yieldOnce() {
      yielding = true
      setImmediate(() => {
        yielding = false
        if (told === 'idle') lookNow()
      })
    },
  }
}
