import type { Clock } from '../clock.ts'
import type { ConfigProblem } from '../errors.ts'
import type { AnyExporterDefinition } from '../exporters/exporter.ts'
import type { Logger } from '../logger.ts'
import type { ConfigPlan, ExporterConfig, ValueChange } from './changes/plan.ts'
import type { PutResult } from './changes/transactions.ts'
import type { SystemConfig } from './keys.ts'
import type { Explanation } from './shown/explain.ts'
import type { Redactor } from './shown/redact.ts'
import type { Subscriber } from './shown/subscribers.ts'

/** Where configuration comes from, in a store far away. */
export interface ConfigSource {
  readonly name?: string
  load(): Promise<Record<string, unknown>> | Record<string, unknown>
  /** Calls `onChange` with each new whole document; returns what stops it. */
  watch?(
    onChange: (document: Record<string, unknown>) => void,
    onError?: (error: unknown) => void,
  ): (() => void) | Promise<() => void>
}

export interface ConfigOptions {
  /** TOML, or JSON by its extension; watched. */
  readonly file?: string
  /** Default: `process.env`. An empty object switches the environment off. */
  readonly env?: Record<string, string | undefined>
  readonly init?: Record<string, unknown>
  readonly remote?: readonly ConfigSource[]
}

/** What became of a change, for self-telemetry. Redacted. */
export interface SettledChange {
  readonly type: 'applied' | 'rejected'
  readonly source: string
  readonly version: number
  readonly changes?: readonly ValueChange[]
  /** The first problems of a refused change, at most 20. */
  readonly problems?: readonly ConfigProblem[]
  /** How many more problems a refused change has than those listed. */
  readonly omitted?: number
}

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
  /** Throws of subscribers so far. */
  readonly subscriber_errors: number
}

export interface SourceStatus {
  readonly name: string
  readonly state: 'idle' | 'watching' | 'missing' | 'lost'
  readonly error?: string
}

export interface ConfigStore {
  /**
   * Reads the file and the remote sources, validates every layer as a whole and begins to watch; resolves with the
   * exporters there are. Rejects with a TelemetryConfigError that lists every problem, and may then be called again.
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
   * Changes keys in one transaction. Resolves when it is in force; rejects with a TelemetryConfigError that lists
   * every problem, and nothing has changed. Before the start it lands in its layer; after the stop it rejects with
   * code `STOPPED`. A table as a value means its keys. `null` is a value only for keys that may be absent.
   */
  put(path: string, value: unknown): Promise<PutResult>
  put(changes: Record<string, unknown>): Promise<PutResult>
  /** `put` for those who speak through a network: what they name gets no stored credentials, and no file paths. */
  putFrom(source: 'admin' | 'remote', changes: Record<string, unknown>): Promise<PutResult>
  /** Removes runtime changes: of a key, or of everything at or below a path. */
  unset(path: string | readonly string[]): Promise<PutResult>
  /** `unset` for those who speak through a network. */
  unsetFrom(source: 'admin' | 'remote', path: string | readonly string[]): Promise<PutResult>
  explain(): Explanation[]
  /** Calls back after each change of an effective value whose path fits the glob. Returns what ends it. */
  subscribe(pattern: string, callback: Subscriber): () => void
  /** The configuration of an exporter as it may be seen. */
  redacted(id: string): Record<string, unknown>
  status(): ConfigStatus
  /** Hears of each change after the start, applied or rejected. */
  onSettled(listener: (change: SettledChange) => void): void
  /** Knows every secret of the configuration: take it for texts that backends wrote. */
  readonly redactor: Redactor
  /** Ends the watching; changes that wait reject with code `STOPPED`. One under way settles with its `apply`. */
  stop(): Promise<void>
}

export interface StoreOptions extends ConfigOptions {
  readonly types: readonly AnyExporterDefinition[]
  readonly clock: Clock
  readonly logger: Logger
  /** Puts a plan in force; rejects with a TelemetryConfigError when it is refused, and then nothing has changed. */
  apply(plan: ConfigPlan): Promise<void>
}
