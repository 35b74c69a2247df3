import type { Clock } from '../clock.ts'
import type { AnyExporterDefinition } from '../exporters/exporter.ts'
import type { Logger } from '../logger.ts'
import type { ConfigPlan, ExporterConfig } from './changes/plan.ts'
import type { PutResult } from './changes/transactions.ts'
import type { Explanation } from './explain.ts'
import type { SystemConfig } from './keys.ts'
import type { Redactor } from './presentation/redact.ts'
import type { ConfigStatus, SettledChange } from './reporting/reports.ts'
import type { Subscriber } from './reporting/subscribers.ts'
import type { ConfigSource } from './sources/source.ts'

/** Where the configuration comes from. `Init` is the type of what the program itself gives. */
export interface ConfigOptions<Init = object> {
  /** Path of a TOML file, or of a JSON file if it ends in `.json`. The file is watched. Default: none. */
  readonly file?: string
  /** Variables of the environment. An empty object switches the environment off. Default: `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Configuration by the program itself: tables of exporters by id, and keys of telemachine. Default: empty. */
  readonly init?: Init
  /** Remote stores, weakest first. Default: none. */
  readonly remote?: readonly ConfigSource[]
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
  /** Status of a remote source, for `status()`. */
  readonly status?: () => unknown
  /** Puts a plan in force; rejects with a TelemetryConfigError when it is refused, and then nothing has changed. */
  apply(plan: ConfigPlan): Promise<void>
}
