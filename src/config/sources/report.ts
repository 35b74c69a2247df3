import { TelemetryConfigError, withoutRejection } from '../../errors.ts'

import type { Redactor } from '../presentation/redact.ts'
import type { ConfigOutcome, ConfigSource } from './source.ts'

/** Tells a remote source what became of its documents. */
export interface SourceReport {
  applied(document: unknown): void
  /** Ignores errors that are not refusals, such as a stop. */
  refused(document: unknown, error: unknown): void
  stateChanged(): void
  /** Resolves when the source is done with it. Never rejects. */
  stopped(): Promise<void>
}

/** Reports outcomes to a source. A source that throws has no other effect. */
export function createSourceReport(
  source: ConfigSource,
  status: () => unknown,
  redactor: Redactor,
): SourceReport {
  const tell = (outcome: ConfigOutcome): unknown => {
    try {
      return withoutRejection(source.report?.(outcome, status) as unknown)
    } catch {
      // It hears the next one all the same.
      return undefined
    }
  }
  return {
    applied: (document) => void tell({ type: 'applied', document }),
    refused: (document, error) => {
      if (!(error instanceof TelemetryConfigError)) return
      const problems = error.problems.map((problem) => ({
        ...problem,
        message: redactor.text(problem.message),
      }))
      tell({ type: 'refused', document, problems, omitted: error.omitted })
    },
    stateChanged: () => void tell({ type: 'state' }),
    stopped: () =>
      Promise.resolve(tell({ type: 'stopped' })).then(
        () => {},
        () => {},
      ),
  }
}
