import type { Availability, BreakerSettings, BreakerWatcher, PermitHolder } from './events.ts'

/** The input of the breaker machine. */
export interface BreakerInput {
  readonly settings: BreakerSettings
  /** Starts in `disabled`: the exporter is pulled and asks for no permits. */
  readonly bypassed?: boolean
  /** Index of its endpoint among those of the exporter. Default: 0. */
  readonly endpoint?: number
}

/** The context of `breakerMachine`. */
export interface BreakerContext {
  readonly settings: BreakerSettings
  readonly bypassed: boolean
  readonly endpoint: number
  /** The actor that is told whether the endpoint serves, if there are several endpoints. */
  readonly watcher: BreakerWatcher | undefined
  /** What the breaker lets through now; its watcher is told of each change. */
  readonly availability: Availability
  /** Who waits for a permit. */
  readonly waiter: PermitHolder | undefined
  /** Who was granted a permit last. */
  readonly holder: PermitHolder | undefined
  /** Consecutive failures while closed. */
  readonly failures: number
  /** The generation of the permits. A report with an older generation changes no state. */
  readonly generation: number
  /** When it left `closed`, in monotonic milliseconds. */
  readonly leftClosedAt: number
  /** How long it is open before the next probe. */
  readonly waitMs: number
  /** An urgent request has had its probe since the backend called us misdirected. */
  readonly urgentSpent: boolean
  /** The backend has asked to be left alone until the wait is over: only a last request gets a probe earlier. */
  readonly leftAlone: boolean
}
