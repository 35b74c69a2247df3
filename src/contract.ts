import type { BusStatus } from './bus/bus.ts'
import type { Handler, HandlerOptions, HandlerStatus } from './bus/handlers.ts'
import type { Span, StartSpan } from './bus/span.ts'
import type { AnyEvents, EventMap, TypedEmit } from './bus/typed.ts'
import type { Clock } from './clock.ts'
import type { PutResult } from './config/changes/transactions.ts'
import type { ConfigOptions } from './config/contract.ts'
import type { Explanation } from './config/explain.ts'
import type { Subscriber } from './config/reporting/subscribers.ts'
import type { SystemPicture } from './control/control.ts'
import type { ControlListener } from './control/observe.ts'
import type { LedgerStatus } from './delivery/ledger.ts'
import type { AnyExporterDefinition } from './exporters/exporter.ts'
import type { InspectionTarget } from './inspection.ts'
import type { Logger } from './logger.ts'
import type { TelemetryStatus } from './status.ts'
import type { ConfigInit } from './typed-init.ts'
import type { Wrap } from './wrap.ts'

/**
 * What `createTelemetry` takes. `Types` are the exporter types of `types`, by which the compiler checks the tables of
 * `config.init`. Where they are not known to it, it checks the tables that are named like a built-in type only.
 */
export interface TelemetryOptions<
  Types extends readonly AnyExporterDefinition[] = readonly AnyExporterDefinition[],
> {
  /**
   * Exporter types of your own, which a configuration may name beside the built-in ones. One of the same name takes the
   * place of a built-in type, `types: [mock()]` for example.
   */
  readonly types?: Types
  /** Layers, weakest first: defaults, environment, file, init, runtime. Each table makes one exporter. */
  readonly config?: ConfigOptions<ConfigInit<NoInfer<Types>>>
  /** Default: the clock of the operating system. Tests can pass a simulated clock. */
  readonly clock?: Clock
  /** A logger with the methods of pino. Default: warnings and errors go to stderr. */
  readonly logger?: Logger
  /**
   * XState inspection observer. It receives live objects that contain secrets: copy what you need and do not publish
   * it.
   */
  readonly inspect?: InspectionTarget
  /**
   * Whether to flush, for at most 5 s, when the process has nothing left to do. Default true. Signals are left to the
   * application.
   */
  readonly drainOnExit?: boolean
  /**
   * How many events are kept before `start`. Default 10,000. Further events are dropped and counted as `not_started`.
   */
  readonly bufferSize?: number
}

/** Reads and changes the configuration of a running telemetry system. */
export interface TelemetryConfig {
  /**
   * Changes a key, or several in one transaction. Resolves when the change is in force everywhere.
   * @throws TelemetryConfigError listing every problem; nothing changed.
   */
  put(path: string, value: unknown): Promise<PutResult>
  put(changes: Record<string, unknown>): Promise<PutResult>
  /** Like `put`, with the stricter rules for changes from untrusted sources. */
  putFrom(source: 'admin' | 'remote', changes: Record<string, unknown>): Promise<PutResult>
  /**
   * Returns the effective value of a key, or of a table of keys, with secrets replaced by a placeholder. Returns
   * `fallback` (default: undefined) for a path that names nothing and for a key without a value (null).
   */
  get(path: string, fallback?: unknown): unknown
  /** Removes a runtime value, so that the value of the layer below is used again. */
  unset(path: string | readonly string[]): Promise<PutResult>
  /** Like `unset`, with the stricter rules of {@link TelemetryConfig.putFrom}. */
  unsetFrom(source: 'admin' | 'remote', path: string | readonly string[]): Promise<PutResult>
  /** Returns each key with its value, its layer and source, and the values of weaker layers that it hides. */
  explain(): Explanation[]
  /** Calls back with effective values that changed, after the commit. Returns an unsubscribe function. */
  subscribe(pattern: string, callback: Subscriber): () => void
}

/** The report of a stop: what became of every event. */
export interface StopReport {
  /**
   * False when the stop lost events: dropped as `shutdown` by an exporter, or emitted before a start that never came.
   */
  readonly complete: boolean
  /** The final ledger of each exporter. */
  readonly exporters: Readonly<Record<string, LedgerStatus>>
  /** Counters of the bus. `dropped.not_started` counts events that waited for the start. */
  readonly bus: BusStatus
}

/** The options of `telemetry.flush()`. */
export interface FlushOptions {
  /** Milliseconds. Default 10,000. */
  readonly timeoutMs?: number
  /** Ids of the exporters to flush. Default: all. */
  readonly exporters?: readonly string[]
}

/** What `telemetry.flush()` achieved. */
export interface FlushReport {
  /** False if the time ran out, a backend could not be reached, or events still wait for `start()`. */
  readonly complete: boolean
  /** The ledger of each flushed exporter. */
  readonly exporters: Readonly<Record<string, LedgerStatus>>
}

/** Commands for the circuit breaker of one exporter. Each is in force at once. */
export interface BreakerControl {
  /** Opens the breaker: no batch is sent until `reset`. */
  forceOpen(): void
  /** Lets every batch through until `reset`, however many attempts fail. */
  disable(): void
  /** Closes the breaker and sets its failures to zero. */
  reset(): void
}

/**
 * A telemetry system, made by {@link createTelemetry}. `Events` types the events that may be emitted; by default
 * all are.
 */
export interface Telemetry<Events extends EventMap<Events> = AnyEvents> {
  /**
   * Loads the configuration and starts its exporters; resolves when each client is open, or has failed to open
   * (it is retried), or takes longer than a second; a blocked event loop does not count. @throws
   * TelemetryConfigError; it may be called again.
   */
  start(): Promise<void>
  /**
   * Emits an event. It is synchronous and never throws. Events before `start` wait; events after `stop` are counted
   * as dropped.
   */
  readonly emit: TypedEmit<Events>
  /** Runs a function as a span: {@link Span}. */
  readonly span: Span
  /** Starts a span that is ended by hand: {@link StartSpan}. */
  readonly startSpan: StartSpan
  /**
   * Calls `handler` for each event whose name matches one of the globs. Returns an unsubscribe function.
   * @throws TelemetryError `HANDLER_EXISTS` for a taken id.
   */
  attach(
    id: string,
    patterns: string | readonly string[],
    handler: Handler,
    options?: HandlerOptions,
  ): () => void
  /** Removes a handler. Returns false if no handler has this id. */
  detach(id: string): boolean
  /** Returns the attached handlers. */
  handlers(): HandlerStatus[]
  /** Reads and changes the configuration. */
  readonly config: TelemetryConfig
  /**
   * Returns the state of everything as plain JSON, without secrets.
   * @param options `history`: with the last transitions of exporters, breakers and configuration.
   */
  status(options?: { readonly history?: boolean }): TelemetryStatus
  /**
   * Exports the events emitted so far. An open circuit breaker probes once, at once; telemachine's backoff is
   * skipped, but a time that the backend asked for is not. Rejects with TelemetryError `TIMEOUT_INVALID` or
   * `EXPORTER_UNKNOWN` only.
   */
  flush(options?: FlushOptions): Promise<FlushReport>
  /** Wraps the handler of a function that its platform freezes between calls: {@link Wrap}. */
  readonly wrap: Wrap
  /** Closes and reopens an exporter's client; revives a failed one. @throws TelemetryError `EXPORTER_UNKNOWN`. */
  restart(id: string): Promise<void>
  /**
   * Commands an exporter's circuit breaker; of an exporter with several endpoints the breakers of all of them, or of the
   * one that `options.endpoint` names by its index in `endpoints`. @throws TelemetryError `EXPORTER_UNKNOWN`,
   * `ENDPOINT_UNKNOWN`; its methods throw `BREAKER_UNUSED` for an exporter that is scraped.
   */
  breaker(id: string, options?: { readonly endpoint?: number }): BreakerControl
  /**
   * Drains and closes every exporter and ends every timer within `timeoutMs` (milliseconds, default 5,000). A second
   * call gets the first one's report. Rejects with TelemetryError `TIMEOUT_INVALID` only; nothing is stopped then.
   */
  stop(options?: { readonly timeoutMs?: number }): Promise<StopReport>
  /** The state values of all charts. */
  snapshot(): SystemPicture
  /** Calls `listener` for each record of the control plane. Returns an unsubscribe function. */
  observe(listener: ControlListener): () => void
}
