import type { Clock } from '../clock.ts'
import type { Logger } from '../logger.ts'
import type { SpanScope, TelemetryEvent } from './event.ts'
import type { Handler, HandlerOptions, HandlerStatus } from './handlers.ts'
import type { Deliver, Inbox } from './inbox.ts'
import type { SanitizedCounts } from './sanitize.ts'
import type { Scopes } from './scope.ts'
import type { About } from './snapshot.ts'

export interface BusOptions {
  readonly clock: Clock
  readonly logger: Logger
  /** UTF-16 units a string value may have, read when an event is emitted. */
  readonly maxValueLength: () => number
  /** Events kept before `open`. Default 10,000. */
  readonly bufferSize?: number
  /** Called when the first event is kept for `open`. */
  readonly onBuffered?: () => void
  /** Where the running code is in its trace. Default: the process's `span()` scopes. */
  readonly scopes?: Scopes
}

/** The counters of the event bus since it was created, in events. */
export interface BusStatus {
  /** Events with a valid name, except those after `close`. */
  readonly emitted: number
  /** How many of them matched no exporter and no handler. */
  readonly unrouted: number
  /** How many of them wait for `start()`. */
  readonly buffered: number
  readonly dropped: Readonly<Record<BusDropReason, number>>
  /** Parts of events that were dropped, cut or converted, by kind. */
  readonly sanitized: Readonly<SanitizedCounts>
  readonly handlers: number
  readonly handlerFailures: number
  /** Calls of handlers that were skipped because handlers emit to each other too deeply. */
  readonly handlerCallsSkipped: number
}

/**
 * `not_started`: beyond the buffer, or never replayed. `stopped`: after `close`. `recursion`: emitted by a getter that
 * an emit was reading, too deeply. `self_telemetry`: reports beyond their queue, or
 * after `close`. `failed`: could not be recorded.
 */
export type BusDropReason =
  | 'not_started'
  | 'stopped'
  | 'invalid_name'
  | 'recursion'
  | 'self_telemetry'
  | 'failed'

export interface Bus {
  /** Whether an event of this name would reach an exporter or a handler, or wait for the start. */
  isWanted(name: string): boolean
  /** Synchronous; never throws, whatever the arguments. */
  emit(name: string, measurements?: unknown, metadata?: unknown): void
  /**
   * Calls `handler` inside each `emit` that matches. Returns its detach. @throws TelemetryError `HANDLER_EXISTS`,
   * `HANDLER_INVALID`, `PATTERN_INVALID`.
   */
  attach(
    id: string,
    patterns: string | readonly string[],
    handler: Handler,
    options?: HandlerOptions,
  ): () => void
  /** False if there was none. */
  detach(id: string): boolean
  handlers(): HandlerStatus[]
  /**
   * `deliver` gets events as an array of its own, at most 10 ms after the first of them. @throws TelemetryError
   * `INBOX_EXISTS`.
   */
  inbox(id: string, deliver: Deliver): Inbox
  /** Emits a report of telemachine on itself, on a later turn, to everybody but whom it is about. */
  emitSelf(name: string, measurements: unknown, metadata: unknown, about?: About): void
  /** Gives an event to one inbox alone, whatever its patterns. False, and counted nowhere, if it takes none now. */
  offer(inbox: string, event: TelemetryEvent): boolean
  /** Replays what was emitted before, in order, into the inboxes; from now on they are fed directly. */
  open(): void
  /**
   * From now on `emit` only counts. What waits in inboxes still goes over. Returns the events that waited for `open`.
   */
  close(): number
  /** How much the program has emitted, without telemachine's reports on itself. */
  callers(): { readonly emitted: number }
  /** Hands over all inboxes, now. */
  flush(): void
  status(): BusStatus
  /** For `span()`: appends the usable part of metadata, at most `room` keys. Returns about its bytes. Never throws. */
  capture(metadata: unknown, fields: unknown[], room: number): number
  /** For `span()`: emits captured fields within a scope. `bytes`: about what they take; `time`: default now. */
  emitCaptured(
    name: string,
    fields: readonly unknown[],
    metadataStart: number,
    scope: SpanScope,
    bytes: number,
    time?: number,
  ): void
}
