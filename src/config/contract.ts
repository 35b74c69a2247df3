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
  readonly problems?: readonly ConfigProblem[]
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
    readonly problems: readonly ConfigProblem[]
  }
  readonly sources: readonly SourceStatus[]
  readonly warnings: readonly string[]
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
  /** The effective value of a key, or a table of them, as it may be seen. Undefined where nothing is. */
  get(path: string): unknown
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
