import type { ConfigProblem } from '../../errors.ts'

/** A remote store of configuration. */
export interface ConfigSource {
  readonly name?: string
  load(): Promise<Record<string, unknown>> | Record<string, unknown>
  /**
   * Calls `onChange` with each new document, whole, and `onError` when it is lost. Returns a function that stops it.
   */
  watch?(
    onChange: (document: Record<string, unknown>) => void,
    onError?: (error: unknown) => void,
  ): (() => void) | Promise<() => void>
  /**
   * Hears what became of each document that it gave, when an exporter or a breaker changed its state, and of the end:
   * for a store that shows which of its readers are well. Errors that it throws are ignored. A promise is awaited at
   * the end only, within the deadline of `stop()`. `status` is `telemetry.status`.
   */
  report?(outcome: ConfigOutcome, status: () => unknown): void | Promise<void>
}

/** The outcomes that {@link ConfigSource.report} receives. */
export type ConfigOutcome =
  /** The document is in force. */
  | { readonly type: 'applied'; readonly document: unknown }
  /** The document was refused as a whole; the one before stays in force. At most 20 problems, redacted. */
  | {
      readonly type: 'refused'
      readonly document: unknown
      readonly problems: readonly ConfigProblem[]
      /** How many more problems there are. */
      readonly omitted: number
    }
  /** An exporter or a circuit breaker is in another state. */
  | { readonly type: 'state' }
  /** Telemetry has drained and stopped: its ledgers are final. */
  | { readonly type: 'stopped' }

/** The state of a configuration source, such as the watched file. */
export interface SourceStatus {
  readonly name: string
  readonly state: 'idle' | 'watching' | 'missing' | 'lost'
  readonly error?: string
}
