import type { ExporterSchema, KeySchema, KeyValue, SpoolTable } from './key.ts'

/** A configuration whose keys are not known to the compiler. */
export type Config = Readonly<Record<string, unknown>>

/** The keys that exporters of every type have. */
export type CommonConfig = {
  /** Whether the exporter runs. Default: true. */
  readonly enabled: boolean
  /** Globs of the names of the events that it gets. Default: `['*']`. */
  readonly event_patterns: readonly string[]
  /** How long opening a client may take, in seconds. Default: 10. */
  readonly open_timeout: number
  /**
   * How long a disabled or removed exporter, or a replaced client, may take to send what it has, in seconds. Default:
   * 5.
   */
  readonly drain_timeout: number
}

/** The keys of every exporter that pushes batches: those whose definition has `export`. */
export type PushConfig = {
  /** How many items may wait for delivery. Default: 100,000. */
  readonly queue_size: number
  /** How many bytes of items may wait for delivery. Default: 64 MiB. */
  readonly queue_bytes: number
  /** A batch is sent when this many items wait; it never has more. Default: 512. */
  readonly batch_size: number
  /** A batch is sent when its oldest item has waited this long, in seconds. Default: 1. */
  readonly flush_interval: number
  /** Which items a full queue drops. Default: `drop_newest`. */
  readonly overflow: 'drop_newest' | 'drop_oldest'
  /** Where and how events that wait are kept on disk. Default: null, which means no spool. */
  readonly spool: SpoolTable | null
  /** How many batches may be in flight at the same time. Default: 4. */
  readonly max_in_flight: number
  /** How long one attempt to deliver a batch may take, in seconds. Default: 10. */
  readonly timeout: number
  /** Attempts after the first. Then a batch that fails while others succeed is dropped. Default: 3. */
  readonly retry_attempts: number
  /**
   * How long a batch may wait for delivery before it is dropped, in seconds. Default: null, which means without
   * limit.
   */
  readonly max_age: number | null
  /** Largest size of a request before compression, in bytes. Default: 4 MiB. */
  readonly max_request_bytes: number
  /**
   * Consecutive failures that open the circuit breaker. Default: 5. With several endpoints, `max_in_flight` failures
   * are enough if that is fewer.
   */
  readonly failure_threshold: number
  /** The longest time that an open circuit breaker waits before a probe, in seconds. Default: 60. */
  readonly reset_timeout: number
  /** The shortest time that an open circuit breaker waits before a probe, in seconds. Default: 1. */
  readonly initial_reset_timeout: number
}

/** Names that an exporter type need not declare: a declaration of one changes its default, doc and variables only. */
export type CommonKeyName = keyof CommonConfig | keyof PushConfig

/**
 * The configuration of an exporter, typed by its schema: a key with the format `integer` is a number, one that lists
 * its values is their union, one that is nullable may be null. The keys that every exporter has are in it too; those of
 * {@link PushConfig} are absent at runtime if the definition has no `export`. For a schema whose keys are not known to
 * the compiler it is {@link Config}.
 */
export type ConfigOf<Schema extends ExporterSchema> = string extends keyof Schema
  ? Config
  : {
      readonly [Name in keyof Schema as Exclude<Name, CommonKeyName>]: KeyValue<Schema[Name]>
    } & CommonConfig &
      PushConfig

/**
 * The table of an exporter in a configuration: every key may be left out. As in {@link ConfigOf}, but that a single
 * pattern may stand without a list. `Common`: the keys that it need not declare.
 */
export type ExporterTable<Schema extends ExporterSchema, Common> = string extends keyof Schema
  ? Config
  : {
      readonly [Name in keyof Schema as Exclude<Name, CommonKeyName>]?: TableValue<Schema[Name]> | undefined
    } & {
      readonly [Name in keyof Common]?:
        | Common[Name]
        | (Name extends 'event_patterns' ? string : never)
        | undefined
    }

/** The values that a configuration may give to a declared key. */
export type TableValue<Key extends KeySchema> =
  | KeyValue<Key>
  | ([Key['format']] extends ['patterns'] ? string : never)
