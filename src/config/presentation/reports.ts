import type { Clock } from '../../clock.ts'
import { messageOf, type TelemetryConfigError } from '../../errors.ts'
import type { Logger } from '../../logger.ts'
import type { ValueChange } from '../changes/plan.ts'
import type { ConfigStatus, SettledChange } from '../contract.ts'
import type { Redactor } from './redact.ts'

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
