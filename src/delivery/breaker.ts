import { createActor } from 'xstate'
import {
  type BreakerSettings,
  breakerMachine,
  type ExportResult,
  type Permit as GrantedPermit,
} from '../../machines/index.ts'
import { type BreakerState, breakerState } from '../../machines/states.ts'
import { type Clock, createSystemClock, elapsed } from '../clock.ts'
import { TelemetryError } from '../errors.ts'

/** The options of {@link createBreaker}. */
export interface BreakerOptions {
  /** Consecutive failures that open it. Default 5. */
  readonly failureThreshold?: number
  /**
   * Milliseconds from opening to the probe; the longest such wait, if `initialResetTimeoutMs` is given. Default
   * 60,000.
   */
  readonly resetTimeoutMs?: number
  /**
   * The shortest wait in milliseconds. With it, the wait before a probe is an eighth of the time since the breaker
   * left `closed`, at most `resetTimeoutMs`, less a jitter of up to 20 %. Default: each wait is `resetTimeoutMs`.
   */
  readonly initialResetTimeoutMs?: number
  /**
   * Milliseconds after which a probe that has not reported frees its slot. Default: `resetTimeoutMs`, at least 1,000.
   */
  readonly probeTimeoutMs?: number
  /** Default: the clock of the operating system. */
  readonly clock?: Clock
}

/** The permission to make one call. The first method called settles it; later calls are ignored. */
export interface Permit {
  succeeded(): void
  /** The call failed because the backend is down: no connection, a timeout, 429 or 5xx. */
  failed(): void
  /** The backend is alive and refused this data, which is not a failure of the backend. */
  rejected(): void
  /** The call was not made, or says nothing about the backend. The slot is free again. */
  cancelled(): void
}

/** A circuit breaker that {@link createBreaker} made, for calls of your own. */
export interface Breaker {
  /** Returns a permit, or undefined while the breaker permits no calls. */
  acquire(): Permit | undefined
  /**
   * Calls `call` if the breaker permits it, and settles the permit: an error or a rejection counts as a failure, unless
   * `isFailure` says that the error is no sign of a backend that is down. Rejects with what the call threw.
   * @throws TelemetryError `BREAKER_OPEN` without calling it, while the breaker permits no calls; `BREAKER_CALL_INVALID`
   * if it is not a function.
   */
  execute<Result>(
    call: () => Result | Promise<Result>,
    options?: { readonly isFailure?: (error: unknown) => boolean },
  ): Promise<Result>
  /** The state of the breaker now. */
  readonly state: BreakerState
  /**
   * A lower threshold takes effect at the next failure, a new reset timeout at the next opening. @throws TelemetryError
   * `BREAKER_OPTIONS_INVALID`.
   */
  configure(options: Options): void
  /** Opens the breaker: no call is permitted until `reset`. */
  forceOpen(): void
  /** Permits every call until `reset`, however many calls fail. */
  disable(): void
  /** Closes the breaker and sets its failures to zero. */
  reset(): void
}

type Options = Omit<BreakerOptions, 'clock'>

/** A probe is given at least this long, however soon the breaker probes. */
const shortestProbeMs = 1_000

/** @throws TelemetryError `BREAKER_OPTIONS_INVALID`. */
function settingsOf({
  failureThreshold = 5,
  resetTimeoutMs = 60_000,
  initialResetTimeoutMs,
  probeTimeoutMs,
}: Options): BreakerSettings {
  const invalid = (message: string): never => {
    throw new TelemetryError('BREAKER_OPTIONS_INVALID', message)
  }
  if (!Number.isInteger(failureThreshold) || failureThreshold < 1)
    invalid('failureThreshold must be an integer of at least 1')
  for (const [name, value] of Object.entries({ resetTimeoutMs, initialResetTimeoutMs, probeTimeoutMs }))
    if (value !== undefined && (!Number.isFinite(value) || value < 0))
      invalid(`${name} must be a number of milliseconds, 0 or more`)
  return {
    failureThreshold,
    resetTimeoutMs,
    initialResetTimeoutMs,
    probeTimeoutMs: probeTimeoutMs ?? Math.max(resetTimeoutMs, shortestProbeMs),
  }
}

/** A predicate that throws says nothing: the error of the call counts, and is what the caller gets. */
function isJudgedFailure(error: unknown, isFailure: (error: unknown) => boolean): boolean {
  try {
    return isFailure(error)
  } catch {
    return true
  }
}

/**
 * Makes a circuit breaker for calls of your own, with the statechart that guards each exporter.
 * Its timer never keeps the process alive. @throws TelemetryError `BREAKER_OPTIONS_INVALID`.
 */
export function createBreaker(options: BreakerOptions = {}): Breaker {
  const { clock = createSystemClock(), ...initial } = options
  let chosen: Options = initial
  let granted: GrantedPermit | undefined

  const actor = createActor(
    breakerMachine.provide({
      actions: {
        grant: ({ context }, { probe }) => {
          granted = { generation: context.generation, endpoint: 0, probe }
        },
        deny: () => {},
      },
    }),
    { input: { settings: settingsOf(chosen) }, clock },
  )
  actor.start()

  const permit = ({ generation }: GrantedPermit): Permit => {
    let settled = false
    const settle = (result: ExportResult) => (): void => {
      if (settled) return
      settled = true
      actor.send({
        type: 'export.reported',
        generation,
        results: [result],
        at: elapsed(clock),
        jitter: Math.random(),
      })
    }
    return {
      succeeded: settle('success'),
      failed: settle('failure'),
      rejected: settle('neutral'),
      cancelled: settle('cancelled'),
    }
  }

  const acquire = (): Permit | undefined => {
    granted = undefined
    actor.send({ type: 'permit.request', purpose: 'delivery' })
    if (granted) return permit(granted)
    actor.send({ type: 'permit.withdraw' })
    return undefined
  }

  return {
    acquire,
    async execute(call, { isFailure = () => true } = {}) {
      if (typeof call !== 'function')
        throw new TelemetryError('BREAKER_CALL_INVALID', 'execute() needs a function to call')
      const held = acquire()
      if (held === undefined)
        throw new TelemetryError(
          'BREAKER_OPEN',
          `the circuit breaker is ${breakerState(actor.getSnapshot())}`,
        )
      try {
        const result = await call()
        held.succeeded()
        return result
      } catch (error) {
        if (isJudgedFailure(error, isFailure)) held.failed()
        else held.rejected()
        throw error
      }
    },
    get state() {
      return breakerState(actor.getSnapshot())
    },
    configure(changes) {
      const settings = settingsOf({ ...chosen, ...changes })
      chosen = { ...chosen, ...changes }
      actor.send({ type: 'breaker.configure', settings })
    },
    forceOpen: () => actor.send({ type: 'breaker.force_open' }),
    disable: () => actor.send({ type: 'breaker.disable' }),
    reset: () => actor.send({ type: 'breaker.reset' }),
  }
}
