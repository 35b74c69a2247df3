import { messageOf, typeOf } from '../errors.ts'
import { guardedLogger } from '../logger.ts'
import type { Bus, BusDropReason, BusOptions } from './contract.ts'
import { createHandlerTable } from './handlers.ts'
import { createInboxTable } from './inbox.ts'
import { createRoutes, nowhere, type Route } from './routes.ts'
import { processScopes } from './scope.ts'
import { type About, bytesOf, createEventRecorder, EventRecord, isSelfTelemetry } from './snapshot.ts'

export type { Bus, BusDropReason, BusOptions, BusStatus } from './contract.ts'

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
  /** How many of the emitted events were self-telemetry. */
  let reported = 0
  let unrouted = 0
  let handlerCallsSkipped = 0
  let buffer: EventRecord[] = []
  let bufferBytes = 0
  let reports: EventRecord[] = []
  let dispatching = 0
  let reporting = false
  /** True without any subscriber. */
  let unheard = true

  const recorder = createEventRecorder(clock, maxValueLength, (reason) => {
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
      scoped: calls.length > 0 || to.some(({ ignoresScope }) => !ignoresScope),
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
    const around = route.scoped || phase !== 'open' ? scopes : undefined
    const event = record(name, measurements, metadata, around, timed, reporting ? 'self' : 'caller')
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

  const isWanted = (name: string): boolean =>
    phase === 'collecting' || (phase === 'open' && !unheard && routeOf(name) !== nowhere)

  return {
    isWanted,
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
