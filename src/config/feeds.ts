import type { Clock } from '../clock.ts'
import type { Logger } from '../logger.ts'
import type { ReadChange } from './changes/steps.ts'
import type { PutResult } from './changes/transactions.ts'
import type { Redactor } from './presentation/redact.ts'
import { readDocument } from './sources/document.ts'
import { createRemoteFeed } from './sources/remote.ts'
import { createSourceReport, type SourceReport } from './sources/report.ts'
import type { ConfigSource, SourceStatus } from './sources/source.ts'

/** The latest document that a source had before the start was over. */
export interface EarlyDocument extends ReadChange {
  readonly document: unknown
  readonly report: SourceReport
}

/** All remote sources of a configuration. */
export interface Feeds {
  /** Resolves when each has been heard, has failed, or was waited for long enough. Never rejects. */
  start(): Promise<unknown>
  /** The documents that came before the start was over, weakest source first. They are handed over once. */
  takeEarly(): readonly EarlyDocument[]
  status(): readonly SourceStatus[]
  /** Tells the sources that an exporter or a breaker is in another state. */
  stateChanged(): void
  /** Resolves when the sources are done with the stop. */
  reportStopped(): Promise<void>
  stop(): void
}

export function createFeeds(options: {
  readonly sources: readonly ConfigSource[]
  readonly clock: Clock
  readonly logger: Logger
  readonly redactor: Redactor
  readonly status: () => unknown
  /** False until the start is over: until then documents are kept for it. */
  readonly isStarted: () => boolean
  readonly change: (given: ReadChange) => Promise<PutResult>
}): Feeds {
  const { sources, clock, logger, redactor, status, isStarted, change } = options
  const early = new Map<number, EarlyDocument>()

  const feeds = sources.map((source, index) => {
    const name = source.name ?? `remote ${index + 1}`
    const report = createSourceReport(source, status, redactor)
    const heard = (document: unknown): void => {
      const { tables, problems } = readDocument(document, {
        source: 'remote',
        wrapping: 'optional',
        from: name,
      })
      const given: ReadChange = { steps: [{ type: 'remote', index, tables }], problems }
      if (!isStarted()) early.set(index, { ...given, document, report })
      else
        change(given).then(
          ({ superseded }) => superseded || report.applied(document),
          (error) => report.refused(document, error),
        )
    }
    const lost = (error: string): void =>
      logger.warn(
        { source: name, error: redactor.text(error) },
        'a remote configuration source has failed; its last document stays in force',
      )
    return { name, report, ...createRemoteFeed(source, clock, heard, lost) }
  })

  return {
    start: () => Promise.all(feeds.map((feed) => feed.start())),
    takeEarly: () => {
      const taken = [...early.values()]
      early.clear()
      return taken
    },
    status: () =>
      feeds.map(({ name, state }) => {
        const { error, ...rest } = state()
        return { name, ...rest, ...(error !== undefined && { error: redactor.text(error) }) }
      }),
    stateChanged: () => {
      for (const { report } of feeds) report.stateChanged()
    },
    reportStopped: () => Promise.all(feeds.map(({ report }) => report.stopped())).then(() => {}),
    stop: () => {
      for (const feed of feeds) feed.stop()
    },
  }
}
