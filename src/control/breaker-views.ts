import type { AnyMachineSnapshot } from 'xstate'
import type { BreakerContext } from '../../machines/index.ts'
import { type BreakerState, breakerState } from '../../machines/states.ts'
import { type Clock, elapsed } from '../clock.ts'

/** The current state of the breaker of one endpoint. */
export interface BreakerView {
  readonly breaker: BreakerState
  /** Consecutive failures while closed. */
  readonly breakerFailures: number
  /** Epoch milliseconds of its last change of state. */
  readonly breakerSince: number
  /** Milliseconds until an open breaker lets a probe through, on the monotonic clock; null while it is not open. */
  readonly probeInMs: number | null
}

/** A breaker as it is seen from outside. */
interface SeenBreaker {
  getSnapshot(): Pick<AnyMachineSnapshot, 'tags'> & {
    readonly context: Pick<BreakerContext, 'failures' | 'waitMs'>
  }
}

/** When the breaker of an endpoint changed last. */
interface Change {
  readonly state: BreakerState
  readonly since: number
  /** Monotonic milliseconds. */
  readonly at: number
}

/** Knows since when the breakers of all exporters are in their states. */
export interface BreakerViews {
  of(id: string, breakers: readonly SeenBreaker[]): readonly BreakerView[]
  /** Notes the states of an exporter's breakers as they are now. */
  note(id: string, views: readonly BreakerView[]): void
  forget(id: string): void
}

export function createBreakerViews(clock: Clock): BreakerViews {
  const changes = new Map<string, readonly Change[]>()
  return {
    of: (id, breakers) =>
      breakers.map((actor, endpoint) => {
        const snapshot = actor.getSnapshot()
        const breaker = breakerState(snapshot)
        const now = elapsed(clock)
        const { since = clock.now(), at = now } = changes.get(id)?.[endpoint] ?? {}
        const { failures, waitMs } = snapshot.context
        return {
          breaker,
          breakerFailures: failures,
          breakerSince: since,
          probeInMs: breaker === 'open' ? Math.max(at + waitMs - now, 0) : null,
        }
      }),
    note(id, views) {
      const before = changes.get(id) ?? []
      changes.set(
        id,
        views.map(({ breaker }, endpoint) => {
          const known = before[endpoint]
          return known?.state === breaker ? known : { state: breaker, since: clock.now(), at: elapsed(clock) }
        }),
      )
    },
    forget: (id) => void changes.delete(id),
  }
}
