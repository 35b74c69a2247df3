import type { TelemetryEvent } from '../bus/event.ts'
import type { Clock } from '../clock.ts'
import { TelemetryError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import type { DropReason } from './drop-reasons.ts'
import type { ExporterSchema } from './key.ts'
import type { Outcome } from './outcome.ts'
import type { Config, ConfigOf } from './typed-config.ts'

export type { Change, EcosystemVariable, ExporterSchema, KeySchema } from './key.ts'
export type { Config, ConfigOf } from './typed-config.ts'

/** The context of every function of an exporter type that is not called per event. */
export interface ExporterContext<State> {
  /** The exporter's id in the configuration, such as `otel_eu`. */
  readonly id: string
  /** The clock of the telemetry system. Use its `now` and timers, so that tests can set the time. */
  readonly clock: Clock
  /** The logger of the telemetry system. Secrets of the configuration are redacted. */
  readonly logger: Logger
  /**
   * The value that `state()` returned. It is kept when clients change, when the exporter crashes and when it is
   * disabled.
   */
  readonly state: State
}

/** The context of `open`, beside the configuration. `Settings` is the type of the configuration. */
export interface OpenContext<State, Settings = Config> extends ExporterContext<State> {
  /** Aborted when the opening is no longer wanted, or past `open_timeout`. */
  readonly signal: AbortSignal
  /** The configuration in force, read at the time of the call (hot keys change under a living client). */
  readonly current: () => Settings
  /**
   * Given where the destination was named by the admin API or a remote store: addresses that must not be connected
   * to.
   */
  readonly forbidAddress?: ((ip: string) => boolean) | undefined
  /**
   * Ingests at once every event that was emitted for this exporter. A scrape calls it, so that the page has all
   * events.
   */
  readonly catchUp: () => void
  /** Read-only `status()` of the whole telemetry system, for exporters that publish its health. */
  readonly status: () => unknown
}

/** The context of one attempt to export a batch. `Settings` is the type of the configuration. */
export interface ExportContext<State, Settings = Config> extends ExporterContext<State> {
  /** Aborted at the attempt's deadline, or when the client is cut. */
  readonly signal: AbortSignal
  /** The configuration in force when the attempt began. */
  readonly config: Settings
  /** `clock.now()` by which the attempt ends. */
  readonly deadline: number
  /** The events that the batch stands for, as the ledger counts them. Undefined for a probe. */
  readonly weight?: number
}

/**
 * Where `ingest` says what became of an event. Each event weighs one; what an ingest neither turns into an item,
 * holds nor drops counts as `delivered` for a pull exporter and as dropped `ignored` for the others.
 * `Settings` is the type of the configuration.
 */
export interface Sink<State = unknown, Item = unknown, Settings = Config> {
  /** What `state()` returned. */
  readonly state: State
  /** The configuration in force. */
  readonly config: Settings
  /** `clock.now()` in milliseconds, read once a batch: for timestamps. The wall clock may be set at any time. */
  readonly now: number
  /** Monotonic time in milliseconds, read once a batch: for measuring durations. */
  readonly monotonic: number
  /**
   * Queues an item for `export`; false if it was dropped for want of room. Its weight, in events, comes from this event
   * first, then from what was held. `bytes`: its size on the wire, which also counts against `queue_bytes`; without it,
   * the size of the event counts.
   */
  item(item: Item, weight?: number, bytes?: number): boolean
  /**
   * Keeps this event's weight as pending, to be released by a later `item` or `drop`. False if it was dropped for want
   * of room: the driver must not keep it. `bytes`: what it takes in memory; without it, the size of the event counts.
   */
  hold(bytes?: number): boolean
  /** Counts a drop; weight as in `item`. */
  drop(reason: DropReason, weight?: number): void
}

/**
 * An exporter type: one plain object. The built-in types use the same interface.
 * If a function throws, rejects or never settles, the exporter's statechart limits the effect, and the status says why.
 * `Schema` types the configuration that the functions are given: see {@link ConfigOf}.
 */
export interface ExporterDefinition<
  Client = unknown,
  State = unknown,
  Item = unknown,
  Schema extends ExporterSchema = ExporterSchema,
  Type extends string = string,
> {
  /** The name of the type in configurations: letters, digits, `_` and `-`, at most 64, a letter first. */
  readonly type: Type
  /** The keys of the type, beside those that every exporter has. */
  readonly schema: Schema
  /** Overrides of the defaults (and docs) of the common keys, such as `batch_size`. */
  readonly defaults?: Readonly<Record<string, unknown>>
  /** Rules across keys; returns what is wrong: `[key, message]`. */
  validate?(config: ConfigOf<Schema>): readonly (readonly [key: string, message: string])[]
  /** Makes what outlives clients (open spans, aggregates, a registry). Default: undefined. */
  state?(context: Omit<ExporterContext<undefined>, 'state'>): State
  open(config: ConfigOf<Schema>, context: OpenContext<State, ConfigOf<Schema>>): Client | Promise<Client>
  /** Returns whether the exporter wants events of this name; others are never handed to it. Default: all events. */
  accepts?(name: string): boolean
  /** `ingest` does not read `event.time`, which may then be 250 ms early. Saves reading the clock for each event. */
  readonly ignoresTime?: boolean
  /**
   * True if `ingest` does not read `event.scope`, which may then be missing. Saves looking for the active span per
   * event.
   */
  readonly ignoresScope?: boolean
  /**
   * Whether `ingest` reads `event.scope` under a configuration, for a type that does so under some only: asked for each
   * configuration that comes into force. Default: it does unless `ignoresScope` is true.
   */
  readsScope?(config: ConfigOf<Schema>): boolean
  /**
   * `ingest` also gets finished spans of an OpenTelemetry SDK (see `telemachine/opentelemetry`), which `sdkSpanOf`
   * takes out of their events.
   */
  readonly takesSdkSpans?: boolean
  /**
   * Called when a changed configuration has come into force, before anything is ingested or exported with it. `before`
   * is the configuration that it replaces.
   */
  configure?(config: ConfigOf<Schema>, before: ConfigOf<Schema>, context: ExporterContext<State>): void
  /**
   * How many events an event stands for, in the ledger: for a type that is given batches of others. Default: each is one.
   * It must return the same number each time it is called for an event.
   */
  weighs?(event: TelemetryEvent): number
  /**
   * Runs per event: total, quick, no I/O. Default: the event itself is the item, as a plain object of name, time,
   * measurements and metadata.
   */
  ingest?(event: TelemetryEvent, sink: Sink<State, Item, ConfigOf<Schema>>): void
  /**
   * About once a second while enabled, and with `flush` before a flush or a drain: expire what is held, hand over
   * aggregates.
   */
  tick?(sink: Sink<State, Item, ConfigOf<Schema>>, reason: 'interval' | 'flush'): void
  /** After a drain, when the exporter is disabled or stopped: forget what is held. The unit counts its weight. */
  forget?(state: State): void
  /**
   * Makes bytes of items, for a spool on disk: everything that `unpack` needs in another process, such as a resource.
   * Runs on the thread that emits: no I/O. Without `pack` and `unpack` the key `spool` is refused. May throw while it
   * does not know enough, before a client was ever open: the items stay in memory then.
   */
  pack?(items: readonly Item[], state: State): Uint8Array
  /**
   * Makes the items again that were packed, as many and in the same order. `version` is the `packVersion` that they were
   * packed with. Throws at bytes that it does not understand.
   */
  unpack?(packed: Buffer, version: number, state: State): readonly Item[]
  /** Version of what `pack` makes: a whole number. Default: 1. */
  readonly packVersion?: number
  /**
   * Bytes of an item on the wire, to keep a request below `max_request_bytes`. Default: what `sink.item` said, else
   * 0.
   */
  sizeOf?(item: Item): number
  /** Bytes of a request beside its items: `max_request_bytes` is for both. Default 0. */
  requestBytes?(client: Client): number
  /** One attempt to export one batch. Absent: a pull exporter, whose `ingest` is the delivery. */
  export?(
    client: Client,
    batch: readonly Item[],
    context: ExportContext<State, ConfigOf<Schema>>,
  ): Promise<Outcome>
  /**
   * Called when another client has taken this one's place, before the change is answered: let go at once of what others
   * may want to have (a port). What is under way goes on until `close`, which is called later.
   */
  release?(client: Client): void
  close(client: Client, context: { readonly deadline: number }): void | Promise<void>
  /**
   * One harmless request that shows whether the destination would take a batch, for `telemachine check --live`.
   * Default: none; that the client opens is all there is to see.
   */
  probe?(client: Client, context: ExportContext<State, ConfigOf<Schema>>): Promise<Outcome>
  /**
   * Facts for `status().exporters[id].client`: plain JSON, nothing secret. `client` is undefined while none is open.
   */
  describe?(client: Client | undefined, state: State): Readonly<Record<string, unknown>>
}

/** An exporter type without `export`, which is scraped: it has no queue, no batches and no breaker. */
export interface PullExporterDefinition<
  Client = unknown,
  State = unknown,
  Schema extends ExporterSchema = ExporterSchema,
  Type extends string = string,
> extends ExporterDefinition<Client, State, never, Schema, Type> {
  readonly export?: never
}

/** An entry of `createTelemetry({ types })`. */
// biome-ignore lint/suspicious/noExplicitAny: a list of definitions mixes clients, states and items; each is used only with its own.
export interface AnyExporterDefinition extends ExporterDefinition<any, any, any> {
  readonly schema: ExporterSchema
}

const required = ['open', 'close'] as const
const optional = [
  'validate',
  'state',
  'accepts',
  'readsScope',
  'configure',
  'weighs',
  'ingest',
  'tick',
  'forget',
  'sizeOf',
  'requestBytes',
  'pack',
  'unpack',
  'export',
  'release',
  'probe',
  'describe',
] as const

/** A type is named in configuration, so it is a bare TOML key. */
const typeName = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/

function shapeProblem(definition: unknown): string | undefined {
  if (typeof definition !== 'object' || definition === null) return 'an exporter definition is an object'
  const parts = definition as Record<string, unknown>
  if (typeof parts.type !== 'string' || !typeName.test(parts.type))
    return `type must be a name such as "loki", of letters, digits, "_" and "-"`
  const named = `exporter type "${parts.type}"`
  if (typeof parts.schema !== 'object' || parts.schema === null || Array.isArray(parts.schema))
    return `${named}: schema must be an object of key declarations`
  for (const name of required)
    if (typeof parts[name] !== 'function') return `${named}: ${name} must be a function`
  for (const name of optional)
    if (parts[name] !== undefined && typeof parts[name] !== 'function')
      return `${named}: ${name} must be a function, or be left out`
  if ((parts.pack === undefined) !== (parts.unpack === undefined))
    return `${named}: pack and unpack belong together`
  const { packVersion = 1 } = parts
  if (!Number.isSafeInteger(packVersion) || (packVersion as number) < 0)
    return `${named}: packVersion must be a whole number from 0`
  return undefined
}

/**
 * Checks the shape of a definition and returns it. The type of the configuration that its functions are given follows
 * from `schema`, and so does what `createTelemetry` accepts in the tables of exporters of this type.
 * @throws TelemetryError `EXPORTER_DEFINITION_INVALID` if a part is missing or of the wrong kind.
 */
export function defineExporter<
  Client,
  State = undefined,
  Item = TelemetryEvent,
  const Schema extends ExporterSchema = ExporterSchema,
  const Type extends string = string,
>(
  definition: ExporterDefinition<Client, State, Item, Schema, Type>,
): ExporterDefinition<Client, State, Item, Schema, Type> {
  const problem = shapeProblem(definition)
  if (problem) throw new TelemetryError('EXPORTER_DEFINITION_INVALID', problem)
  return definition
}
