import type { Clock } from '../clock.ts'
import { messageOf, typeOf } from '../errors.ts'
import { guardedLogger, type Logger } from '../logger.ts'
import type { SpanScope, TelemetryEvent } from './event.ts'
import { createHandlerTable, type Handler, type HandlerOptions, type HandlerStatus } from './handlers.ts'
import { createInboxTable, type Deliver, type Inbox } from './inbox.ts'
import { createRoutes, nowhere, type Route } from './routes.ts'
import type { SanitizedCounts } from './sanitize.ts'
import { processScopes, type Scopes } from './scope.ts'
import { type About, bytesOf, createRecorder, EventRecord, isSelfTelemetry } from './snapshot.ts'

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

export interface BusStatus {
  /** Events with a valid name, except those after `close`. */
  readonly emitted: number
  /** Of these, those that nobody wanted. */
  readonly unrouted: number
  /** Of these, those that wait for `open`. */
  readonly buffered: number
  readonly dropped: Readonly<Record<BusDropReason, number>>
  /** Parts of events that were dropped, cut or converted, by kind. */
  readonly sanitized: Readonly<SanitizedCounts>
  readonly handlers: number
  readonly handlerFailures: number
  /** Calls of handlers left out because handlers emit to each other too deeply. */
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
  /** Synchronous; never throws, whatever the arguments. */
  emit(name: string, measurements?: unknown, metadata?: unknown): void
  /** Calls `handler` inside each `emit` that matches. Returns its detach. @throws TelemetryError `HANDLER_EXISTS`, `HANDLER_INVALID`, `PATTERN_INVALID`. */
  attach(
    id: string,
    patterns: string | readonly string[],
    handler: Handler,
    options?: HandlerOptions,
  ): () => void
  /** False if there was none. */
  detach(id: string): boolean
  handlers(): HandlerStatus[]
  /** `deliver` gets events as an array of its own, at most 10 ms after the first of them. @throws TelemetryError `INBOX_EXISTS`. */
  inbox(id: string, deliver: Deliver): Inbox
  /** Emits a report of telemachine on itself, on a later turn, to everybody but whom it is about. */
  emitSelf(name: string, measurements: unknown, metadata: unknown, about?: About): void
  /** Gives an event to one inbox alone, whatever its patterns. False, and counted nowhere, if it takes none now. */
  offer(inbox: string, event: TelemetryEvent): boolean
  /** Replays what was emitted before, in order, into the inboxes; from now on they are fed directly. */
  open(): void
  /** From now on `emit` only counts. What waits in inboxes still goes over. Returns the events that waited for `open`. */
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

export const maxNameLength = 1024
/** How deeply handlers may emit to each other. */
const maxDepth = 8
/**
 * Bytes of events kept before `open`: half of what a queue holds by default, because each event is copied when it is
 * taken over.
 */
const maxBufferBytes = 32 * 1024 * 1024
/** Reports that wait for the end of the turn. */
const maxReports = 1000

export function createBus(options: BusOptions): Bus {
  const { clock, maxValueLength, bufferSize = 10_000, scopes = processScopes } = options
  const logger = guardedLogger(options.logger)
  const dropped: Record<BusDropReason, number> = {
    not_started: 0,
    stopped: 0,
    invalid_name: 0,
    recursion: 0,
    self_telemetry: 0,
    failed: 0,
  }
  let phase: 'collecting' | 'open' | 'closed' = 'collecting'
  let emitted = 0
  /** Of these, telemachine's reports on itself. */
  let reported = 0
  let unrouted = 0
  let handlerCallsSkipped = 0
  let buffer: EventRecord[] = []
  let bufferBytes = 0
  let reports: EventRecord[] = []
  let dispatching = 0
  let reporting = false
  /** Nobody listens to anything. */
  let unheard = true

  const recorder = createRecorder(clock, maxValueLength, (reason) => {
    dropped[reason]++
  })
  const { record } = recorder

  const handlers = createHandlerTable(
    () => subscriptionsChanged(),
    (handler, thrown, event) => {
      logger.debug(
        { handler: handler.id, event: event.name, error: messageOf(thrown) },
        'a telemetry handler failed',
      )
      if (isSelfTelemetry(event)) return
      const metadata = {
        handler: handler.id,
        event: event.name,
        // Without its stack, which under source maps takes longer to write down than all the rest of the emit.
        error: { type: typeOf(thrown), message: messageOf(thrown) },
        detached: handler.onError === 'detach',
      }
      emitSelf('telemetry.handler.failed', { count: 1 }, metadata, { handler: handler.id })
    },
  )

  const inboxes = createInboxTable({
    clock,
    onChange: () => subscriptionsChanged(),
    onThrow: (inbox, thrown) =>
      logger.error({ exporter: inbox.id, error: messageOf(thrown) }, 'an exporter failed to take its events'),
    endOfTurn: () => dispatchReports(),
    beforeHandOver: () => recorder.endTurn(),
  })
  const { put } = inboxes

  const routes = createRoutes((name) => {
    const to = inboxes.matching(name)
    const calls = handlers.matching(name)
    if (to.length + calls.length === 0) return nowhere
    return {
      inboxes: to,
      handlers: calls,
      timed: calls.length > 0 || to.some(({ ignoresTime }) => !ignoresTime),
    }
  })

  const routeOf = routes.of

  const subscriptionsChanged = (): void => {
    routes.invalidate()
    unheard = inboxes.size + handlers.size === 0
  }

  const callHandlers = (route: Route, event: EventRecord, except: string | undefined): void => {
    if (dispatching >= maxDepth) {
      handlerCallsSkipped += route.handlers.length
      return
    }
    dispatching++
    try {
      const shown = EventRecord.shown(event)
      // Another handler of this very event may have detached it.
      for (const handler of route.handlers)
        if (handler.attached && handler.id !== except) handlers.call(handler, shown)
    } finally {
      dispatching--
    }
  }

  /** Whether an event of this name is wanted; counts it. */
  const admit = (name: unknown): name is string => {
    if (phase === 'closed') {
      dropped.stopped++
      return false
    }
    if (typeof name !== 'string' || name.length === 0 || name.length > maxNameLength) {
      dropped.invalid_name++
      return false
    }
    emitted++
    return true
  }

  const dispatch = (event: EventRecord, route: Route, about: About | undefined): void => {
    if (phase === 'collecting') {
      const bytes = bytesOf(event)
      if (buffer.length < bufferSize && bufferBytes + bytes <= maxBufferBytes) {
        if (buffer.length === 0) options.onBuffered?.()
        buffer.push(event)
        bufferBytes += bytes
      } else dropped.not_started++
    } else feed(event, route, about)
    if (route.handlers.length > 0) callHandlers(route, event, about?.handler)
  }

  const feed = (event: EventRecord, { inboxes: to }: Route, about: About | undefined): void => {
    for (let i = 0; i < to.length; i++) {
      const inbox = to[i]!
      if (about === undefined || inbox.id !== about.exporter) put(inbox, event)
    }
  }

  /** The route of an admitted event, or undefined if it goes nowhere. */
  const routeFor = (name: string): Route | undefined => {
    const route = unheard ? nowhere : routeOf(name)
    if (route !== nowhere) return route
    if (phase === 'open') unrouted++
    else if (buffer.length >= bufferSize) dropped.not_started++
    else return route
    return undefined
  }

  const emit = (name: unknown, measurements?: unknown, metadata?: unknown): void => {
    if (!admit(name)) return
    const route = routeFor(name)
    if (route === undefined) return
    const timed = route.timed || phase !== 'open'
    const event = record(name, measurements, metadata, scopes, timed, reporting ? 'self' : 'caller')
    if (event !== undefined) dispatch(event, route, undefined)
  }

  const emitSelf: Bus['emitSelf'] = (name, measurements, metadata, about) => {
    if (phase === 'closed' || reports.length >= maxReports) dropped.self_telemetry++
    else {
      const event = record(name, measurements, metadata, undefined, true, 'self', about)
      if (event === undefined) return
      reports.push(event)
      inboxes.schedule()
    }
  }

  const dispatchReports = (): void => {
    const list = reports
    reports = []
    reporting = true
    try {
      for (const event of list) {
        if (!admit(event.name)) continue
        reported++
        const route = routeFor(event.name)
        if (route !== undefined) dispatch(event, route, EventRecord.aboutOf(event))
      }
    } finally {
      reporting = false
    }
  }

  return {
    emit,
    emitSelf,
    attach: handlers.attach,
    detach: handlers.detach,
    handlers: handlers.list,
    inbox: inboxes.add,
    offer: (inbox, event) => phase !== 'closed' && inboxes.offer(inbox, event),
    open: () => {
      if (phase !== 'collecting') return
      // Still collecting meanwhile: what a delivery emits comes after what was emitted before it.
      for (let i = 0; i < buffer.length; i++) {
        const event = buffer[i]!
        buffer[i] = undefined as never
        const route = routes.of(event.name)
        if (route.inboxes.length > 0) feed(event, route, EventRecord.aboutOf(event))
        else if (route === nowhere) unrouted++
      }
      buffer = []
      phase = 'open'
    },
    close: () => {
      if (phase === 'closed') return 0
      phase = 'closed'
      const lost = buffer.length
      dropped.not_started += lost
      dropped.self_telemetry += reports.length
      buffer = []
      reports = []
      return lost
    },
    callers: () => ({ emitted: emitted - reported }),
    flush: inboxes.flush,
    status: () => ({
      emitted,
      unrouted,
      buffered: buffer.length,
      dropped: { ...dropped },
      sanitized: { ...recorder.sanitized },
      handlers: handlers.size,
      handlerFailures: handlers.failures,
      handlerCallsSkipped,
    }),
    capture: recorder.capture,
    emitCaptured: (name, fields, metadataStart, scope, bytes, time) => {
      if (!admit(name)) return
      const route = routeFor(name)
      if (route === undefined) return
      const origin = reporting ? 'self_span' : 'span'
      const event = recorder.wrap(name, fields, metadataStart, scope, origin, bytes, time)
      if (event !== undefined) dispatch(event, route, undefined)
    },
  }
}
