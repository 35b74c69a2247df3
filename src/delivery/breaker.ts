import { createActor } from 'xstate'
import { breakerMachine, type ExportResult, type Permit as GrantedPermit } from '../../machines/index.ts'
import { type Clock, createSystemClock } from '../clock.ts'
import { type BreakerState, breakerState } from '../control/states.ts'
import { TelemetryError } from '../errors.ts'

export interface BreakerOptions {
  /** Consecutive failures that open it. Default 5. */
  readonly failureThreshold?: number
  /** Milliseconds from opening to the probe. Default 60,000. */
  readonly resetTimeoutMs?: number
  /** Milliseconds after which a probe that has not reported frees its slot. Default: `resetTimeoutMs`. */
  readonly probeTimeoutMs?: number
  readonly clock?: Clock
}

/** Leave for one call. It is settled once; what is said after that is ignored. */
export interface Permit {
  succeeded(): void
  /** No connection, timeout, 429 or 5xx: the backend is down. */
  failed(): void
  /** The backend is alive and refuses this data: no failure. */
  rejected(): void
  /** The call was not made, or says nothing: the slot is free again. */
  cancelled(): void
}

export interface Breaker {
  /** A permit, or undefined while the breaker keeps calls away. */
  acquire(): Permit | undefined
  readonly state: BreakerState
  /** A lowered threshold acts at the next failure, a changed reset timeout at the next opening. @throws TelemetryError `BREAKER_OPTIONS_INVALID`. */
  configure(options: Omit<BreakerOptions, 'clock'>): void
  forceOpen(): void
  disable(): void
  /** Closed, counting from zero. */
  reset(): void
}

const defaults = { failureThreshold: 5, resetTimeoutMs: 60_000 }

function checked(options: Omit<BreakerOptions, 'clock'>): Required<Omit<BreakerOptions, 'clock'>> {
  const { failureThreshold = defaults.failureThreshold, resetTimeoutMs = defaults.resetTimeoutMs } = options
  const { probeTimeoutMs = resetTimeoutMs } = options
  if (!Number.isInteger(failureThreshold) || failureThreshold < 1)
    throw new TelemetryError('BREAKER_OPTIONS_INVALID', 'failureThreshold must be an integer of at least 1')
  for (const [name, value] of Object.entries({ resetTimeoutMs, probeTimeoutMs }))
    if (!Number.isFinite(value) || value < 0)
      throw new TelemetryError(
        'BREAKER_OPTIONS_INVALID',
        `${name} must be a number of milliseconds, 0 or more`,
      )
  return { failureThreshold, resetTimeoutMs, probeTimeoutMs }
}

/**
 * A circuit breaker of its own: a synchronous face on the chart that guards each exporter (semantics, section 7).
 * Its timer never keeps the process alive. @throws TelemetryError `BREAKER_OPTIONS_INVALID`.
 */
export function createBreaker(options: BreakerOptions = {}): Breaker {
  let settings = checked(options)
  let granted: GrantedPermit | undefined

  const actor = createActor(
    breakerMachine.provide({
      actions: {
        grant: ({ context }, { probe }) => {
          granted = { generation: context.generation, probe }
        },
        deny: () => {},
      },
    }),
    { input: { settings }, clock: options.clock ?? createSystemClock() },
  )
  actor.start()

  const permit = ({ generation }: GrantedPermit): Permit => {
    let settled = false
    const settle = (result: ExportResult) => (): void => {
      if (settled) return
      settled = true
      actor.send({ type: 'export.reported', generation, results: [result] })
    }
    return {
      succeeded: settle('success'),
      failed: settle('failure'),
      rejected: settle('neutral'),
      cancelled: settle('cancelled'),
    }
  }

  return {
    acquire() {
      granted = undefined
      actor.send({ type: 'permit.request' })
      if (granted) return permit(granted)
      actor.send({ type: 'permit.withdraw' })
      return undefined
    },
    get state() {
      return breakerState(actor.getSnapshot())
    },
    configure(changes) {
      settings = checked({ ...settings, ...changes })
      actor.send({ type: 'breaker.configure', settings })
    },
    forceOpen: () => actor.send({ type: 'breaker.force_open' }),
    disable: () => actor.send({ type: 'breaker.disable' }),
    reset: () => actor.send({ type: 'breaker.reset' }),
  }
}
