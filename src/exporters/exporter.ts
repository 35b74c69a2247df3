import type { TelemetryEvent } from '../bus/event.ts'
import type { Clock } from '../clock.ts'
import type { DropReason } from '../delivery/ledger.ts'
import type { Outcome } from '../delivery/outcome.ts'
import { TelemetryError } from '../errors.ts'
import type { Logger } from '../logger.ts'

/** How a change of a key takes effect: in place; new client beside the old, then swap; close, then open. */
export type Change = 'hot' | 'rebuild' | 'replace'

/** The declaration of one configuration key. Keys are snake_case; durations are seconds. */
export interface KeySchema {
  /** `number`, `integer`, `boolean`, `string`, `http-url`, `port`, `seconds`, `patterns`, `headers`, `tags`, … or a list of allowed values. */
  readonly format: string | readonly string[]
  readonly default: unknown
  readonly change: Change
  readonly doc: string
  readonly unit?: string
  readonly sensitive?: boolean
  /** Inclusive bounds of numbers. */
  readonly min?: number
  readonly max?: number
  /** May be null (absent). */
  readonly nullable?: boolean
  /**
   * The URL that a value makes the exporter send to, for a key that is no URL itself (a region, a site): who changes
   * it from afar has to bring credentials, as for a URL.
   */
  readonly destination?: (value: string) => string
  /**
   * Says what is odd about a valid value, to end the sentence "telemetry.otel.endpoint is …, which …": it becomes a
   * warning. Undefined where nothing is.
   */
  readonly hint?: (value: unknown) => string | undefined
  /** Ecosystem variables, strongest first, below TELEMETRY_* (`OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, `DD_API_KEY`). */
  readonly env?: readonly EcosystemVariable[]
}

/**
 * An ecosystem variable: its name, and how its text becomes the text or value of our key (OTLP appends a path, counts
 * in ms). `variable` gives the text of another one, for those that are combined. `read` returns undefined where the
 * variable does not concern the key; it throws where the text is malformed, which is then ignored with a warning.
 */
export interface EcosystemVariable {
  readonly name: string
  readonly read?: (text: string, variable: (name: string) => string | undefined) => unknown
}

export type Config = Readonly<Record<string, unknown>>

export interface ExporterContext<State> {
  /** The exporter's id in the configuration, such as `otel_eu`. */
  readonly id: string
  readonly clock: Clock
  readonly logger: Logger
  /** What `state()` returned: outlives every client, the exporter's crashes and its being disabled. */
  readonly state: State
}

export interface OpenContext<State> extends ExporterContext<State> {
  /** Aborted when the opening is no longer wanted, or past `open_timeout`. */
  readonly signal: AbortSignal
  /** The configuration in force, read at the time of the call (hot keys change under a living client). */
  readonly current: () => Config
  /** Given where the destination was named by the admin API or a remote store: addresses that must not be connected to. */
  readonly forbidAddress?: ((ip: string) => boolean) | undefined
  /** Ingests, now, every event already emitted for this exporter: a scrape calls it to see them all. */
  readonly catchUp: () => void
  /** Read-only `status()` of the whole telemetry system, for exporters that publish its health. */
  readonly status: () => unknown
}

export interface ExportContext<State> extends ExporterContext<State> {
  /** Aborted at the attempt's deadline, or when the client is cut. */
  readonly signal: AbortSignal
  readonly config: Config
  /** `clock.now()` by which the attempt ends. */
  readonly deadline: number
}

/**
 * Where `ingest` says what became of an event. Each event weighs one; what an ingest neither turns into an item,
 * holds nor drops counts as `delivered` for a pull exporter and as dropped `ignored` for the others.
 */
export interface Sink<State = unknown, Item = unknown> {
  readonly state: State
  readonly config: Config
  /** `clock.now()` in milliseconds, read once a batch: for timestamps. The wall clock may be set at any time. */
  readonly now: number
  /** Milliseconds that only ever grow, read once a batch: for how long something takes. */
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
 * An exporter type. One plain object; the built-in ones use nothing a user's cannot.
 * Every function may throw, reject or never settle: the exporter's statechart bounds it and shows why.
 */
export interface ExporterDefinition<Client = unknown, State = unknown, Item = unknown> {
  readonly type: string
  readonly schema: Readonly<Record<string, KeySchema>>
  /** Overrides of the defaults (and docs) of the common keys, such as `batch_size`. */
  readonly defaults?: Readonly<Record<string, unknown>>
  /** Rules across keys; returns what is wrong: `[key, message]`. */
  validate?(config: Config): readonly (readonly [key: string, message: string])[]
  /** Makes what outlives clients (open spans, aggregates, a registry). Default: undefined. */
  state?(context: Omit<ExporterContext<undefined>, 'state'>): State
  open(config: Config, context: OpenContext<State>): Client | Promise<Client>
  /** Whether events of this name concern the exporter at all; the others are never handed to it. Default: all do. */
  accepts?(name: string): boolean
  /** `ingest` does not read `event.time`, which may then be up to a second early. Saves a clock reading per event. */
  readonly ignoresTime?: boolean
  /** `ingest` does not read `event.scope`, which may then be missing. Saves looking for the active span per event. */
  readonly ignoresScope?: boolean
  /** `ingest` also gets finished spans of an OpenTelemetry SDK (see `telemachine/opentelemetry`), which `sdkSpanOf` takes out of their events. */
  readonly takesSdkSpans?: boolean
  /**
   * Called when a changed configuration has come into force, before anything is ingested or exported with it. `before`
   * is the configuration that it replaces.
   */
  configure?(config: Config, before: Config, context: ExporterContext<State>): void
  /** Default: the event itself is the item. Runs per event: total, quick, no I/O. */
  ingest?(event: TelemetryEvent, sink: Sink<State, Item>): void
  /** About once a second while enabled, and with `flush` before a flush or a drain: expire what is held, hand over aggregates. */
  tick?(sink: Sink<State, Item>, reason: 'interval' | 'flush'): void
  /** After a drain, when the exporter is disabled or stopped: forget what is held. The unit counts its weight. */
  forget?(state: State): void
  /** Bytes of an item on the wire, to keep a request below `max_request_bytes`. Default: what `sink.item` said, else 0. */
  sizeOf?(item: Item): number
  /** Bytes of a request beside its items: `max_request_bytes` is for both. Default 0. */
  requestBytes?(client: Client): number
  /** One attempt to export one batch. Absent: a pull exporter, whose `ingest` is the delivery. */
  export?(client: Client, batch: readonly Item[], context: ExportContext<State>): Promise<Outcome>
  /**
   * Called when another client has taken this one's place, before the change is answered: let go at once of what others
   * may want to have (a port). What is under way goes on until `close`, which is called later.
   */
  release?(client: Client): void
  close(client: Client, context: { readonly deadline: number }): void | Promise<void>
  /** Facts for `status().exporters[id].client`: plain JSON, nothing secret. `client` is undefined while none is open. */
  describe?(client: Client | undefined, state: State): Readonly<Record<string, unknown>>
}

/** An entry of `createTelemetry({ types })`. */
// biome-ignore lint/suspicious/noExplicitAny: a list of definitions mixes clients, states and items; each is used only with its own.
export type AnyExporterDefinition = ExporterDefinition<any, any, any>

const required = ['open', 'close'] as const
const optional = [
  'validate',
  'state',
  'accepts',
  'configure',
  'ingest',
  'tick',
  'forget',
  'sizeOf',
  'requestBytes',
  'export',
  'release',
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
  return undefined
}

/** Checks the shape of a definition and returns it. @throws TelemetryError `EXPORTER_DEFINITION_INVALID`. */
export function defineExporter<Client, State = undefined, Item = TelemetryEvent>(
  definition: ExporterDefinition<Client, State, Item>,
): ExporterDefinition<Client, State, Item> {
  const problem = shapeProblem(definition)
  if (problem) throw new TelemetryError('EXPORTER_DEFINITION_INVALID', problem)
  return definition
}
