import type { Clock } from '../../clock.ts'
import { type ConfigProblem, messageOf, type TelemetryConfigError } from '../../errors.ts'
import type { Logger } from '../../logger.ts'
import type { ValueChange } from '../changes/plan.ts'
import type { Redactor } from '../presentation/redact.ts'
import type { SourceStatus } from '../sources/source.ts'

/** The outcome of a change, for self-telemetry. Redacted. */
export interface SettledChange {
  readonly type: 'applied' | 'rejected'
  readonly source: string
  readonly version: number
  readonly changes?: readonly ValueChange[]
  /** The keys and tables that a refused change would have written; none of a whole document. */
  readonly keys?: readonly string[]
  /** The first problems of a refused change, at most 20. */
  readonly problems?: readonly ConfigProblem[]
  /** How many more problems a refused change has than those listed. */
  readonly omitted?: number
}

/** The state of the configuration: its version, the last accepted and the last refused change, and its sources. */
export interface ConfigStatus {
  readonly version: number
  readonly accepted?: {
    readonly source: string
    readonly at: number
    readonly version: number
    readonly changes: readonly ValueChange[]
  }
  readonly rejected?: {
    readonly source: string
    readonly at: number
    /** The first problems, at most 20. */
    readonly problems: readonly ConfigProblem[]
    /** The number of problems that are not listed. */
    readonly omitted: number
  }
  readonly sources: readonly SourceStatus[]
  /** Warnings about the configuration in force, which is valid. */
  readonly warnings: readonly string[]
  /** Names at the top level of the file beside `telemetry`. They belong to the application and are not used. */
  readonly foreign: readonly string[]
  /** How many times a subscriber of the configuration threw. */
  readonly subscriberErrors: number
}

export interface Reports {
  applied(source: string, version: number, changes: readonly ValueChange[]): void
  /** `keys`: what the change would have written. */
  rejected(source: string, version: number, error: TelemetryConfigError, keys: readonly string[]): void
  onSettled(listener: (change: SettledChange) => void): void
  status(): Pick<ConfigStatus, 'accepted' | 'rejected'>
}

/** Remembers the last change that was accepted and the last that was refused, and tells who listens. */
export function createReports(clock: Clock, logger: Logger, redactor: Redactor): Reports {
  const listeners: ((change: SettledChange) => void)[] = []
  let status: Pick<ConfigStatus, 'accepted' | 'rejected'> = {}

  const tell = (change: SettledChange): void => {
    for (const listener of listeners) {
      try {
        listener(change)
      } catch (error) {
        logger.error({ error: redactor.text(messageOf(error)) }, 'a listener of the configuration failed')
      }
    }
  }

  return {
    applied: (source, version, changes) => {
      status = { ...status, accepted: { source, at: clock.now(), version, changes } }
      tell({ type: 'applied', source, version, changes })
    },
    rejected: (source, version, error, keys) => {
      const { problems, omitted } = error
      status = { ...status, rejected: { source, at: clock.now(), problems, omitted } }
      tell({ type: 'rejected', source, version, keys, problems, omitted })
    },
    onSettled: (listener) => void listeners.push(listener),
    status: () => status,
  }
}
