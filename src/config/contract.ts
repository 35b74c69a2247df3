import type { Clock } from '../clock.ts'
import type { ConfigProblem } from '../errors.ts'
import type { AnyExporterDefinition } from '../exporters/exporter.ts'
import type { Logger } from '../logger.ts'
import type { TelemetryStatus } from '../status.ts'
import type { ConfigPlan, ExporterConfig, ValueChange } from './changes/plan.ts'
import type { PutResult } from './changes/transactions.ts'
import type { SystemConfig } from './keys.ts'
import type { Explanation } from './presentation/explain.ts'
import type { Redactor } from './presentation/redact.ts'
import type { Subscriber } from './presentation/subscribers.ts'

/** A remote store of configuration. */
export interface ConfigSource {
  readonly name?: string
  load(): Promise<Record<string, unknown>> | Record<string, unknown>
  /** Calls `onChange` with each new document, whole, and `onError` when it is lost. Returns a function that stops it. */
  watch?(
    onChange: (document: Record<string, unknown>) => void,
    onError?: (error: unknown) => void,
  ): (() => void) | Promise<() => void>
  /**
   * Hears what became of each document that it gave, when an exporter or a breaker changed its state, and of the end:
   * for a store that shows which of its readers are well. What it throws is ignored. A promise is waited for at the end
   * only, within the deadline of `stop()`. `status` is `telemetry.status()`.
   */
  report?(outcome: ConfigOutcome, status: () => TelemetryStatus): void | Promise<void>
}

/** What {@link ConfigSource.report} hears of. */
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

/** Where the configuration comes from. `Init` is the type of what the program itself gives. */
export interface ConfigOptions<Init = object> {
  /** Path of a TOML file, or of a JSON file if it ends in `.json`. The file is watched. Default: none. */
  readonly file?: string
  /** Variables of the environment. An empty object switches the environment off. Default: `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** What the program itself configures: tables of exporters by id, and keys of telemachine. Default: nothing. */
  readonly init?: Init
  /** Remote stores, weakest first. Default: none. */
  readonly remote?: readonly ConfigSource[]
}

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
    /** How many more problems there are than those listed. */
    readonly omitted: number
  }
  readonly sources: readonly SourceStatus[]
  /** What is odd about the configuration in force, though it is valid. */
  readonly warnings: readonly string[]
  /** Names at the top of the file beside `telemetry`: they belong to the application and are left alone. */
  readonly foreign: readonly string[]
  /** How often subscribers have thrown. */
  readonly subscriber_errors: number
}

/** The state of a configuration source, such as the watched file. */
export interface SourceStatus {
  readonly name: string
  readonly state: 'idle' | 'watching' | 'missing' | 'lost'
  readonly error?: string
}

export interface ConfigStore {
  /**
   * Reads the file and the remote sources, validates every layer as a whole and begins to watch; resolves with the
   * exporters there are. Rejects with a TelemetryConfigError that lists the problems, and may then be called again.
   */
  start(): Promise<ReadonlyMap<string, ExporterConfig>>
  exporters(): ReadonlyMap<string, ExporterConfig>
  system(): SystemConfig
  /**
   * Returns the effective value of a key, or of a table of keys, as it may be seen: what is secret is a placeholder.
   * Returns `fallback` for a path that names nothing and for a key without a value (null).
   */
  get(path: string, fallback?: unknown): unknown
  /**
   * Changes keys in one transaction. Resolves when the change is in force; rejects with a TelemetryConfigError that
   * lists the problems, and nothing has changed. Before the start it lands in its layer; after the stop it rejects with
   * code `STOPPED`. A table as a value means its keys. `null` is a value only for keys that may be absent.
   */
  put(path: string, value: unknown): Promise<PutResult>
  put(changes: Record<string, unknown>): Promise<PutResult>
  /** `put` for untrusted sources: destinations that they name get no stored credentials, and they cannot set file paths. */
  putFrom(source: 'admin' | 'remote', changes: Record<string, unknown>): Promise<PutResult>
  /** Removes the runtime changes of a key, or of everything at or below a path. */
  unset(path: string | readonly string[]): Promise<PutResult>
  /** `unset` for untrusted sources. */
  unsetFrom(source: 'admin' | 'remote', path: string | readonly string[]): Promise<PutResult>
  explain(): Explanation[]
  /** Calls back after each change of an effective value whose path matches the glob. Returns an unsubscribe function. */
  subscribe(pattern: string, callback: Subscriber): () => void
  /** The configuration of an exporter with placeholders for secrets. */
  redacted(id: string): Record<string, unknown>
  status(): ConfigStatus
  /** Calls back with each change after the start, applied or rejected. */
  onSettled(listener: (change: SettledChange) => void): void
  /** Tells the remote sources that an exporter or a breaker is in another state. */
  stateChanged(): void
  /** Tells the remote sources that the ledgers are final. Resolves when they are done with it; never rejects. */
  reportStopped(): Promise<void>
  /** Knows every secret of the configuration. Redact with it whatever a backend wrote. */
  readonly redactor: Redactor
  /** Stops watching. Waiting changes reject with code `STOPPED`; one under way settles with its `apply`. */
  stop(): Promise<void>
}

export interface StoreOptions extends ConfigOptions {
  readonly types: readonly AnyExporterDefinition[]
  readonly clock: Clock
  readonly logger: Logger
  /** What remote sources may report. */
  readonly status?: () => TelemetryStatus
  /** Puts a plan in force; rejects with a TelemetryConfigError when it is refused, and then nothing has changed. */
  apply(plan: ConfigPlan): Promise<void>
}
