import type { AnyActorRef, InspectionEvent, Observer, Subscription } from 'xstate'
import { withoutRejection } from '../errors.ts'

export type InspectObserver = Observer<InspectionEvent> | ((event: InspectionEvent) => void)

/** One step of the control plane, as an observer sees it: names and states, without payloads and object references. */
export interface ControlRecord {
  readonly type: 'event' | 'snapshot' | 'actor'
  /** The systemId of the actor, such as `exporter:otel`, or the id of an actor that it has invoked. */
  readonly actor: string
  /** The type of the event. */
  readonly event?: string
  /** The state value after it. */
  readonly state?: unknown
  readonly status?: string
}

/** Is called for each record of the control plane. Errors that it throws are ignored. */
export type ControlListener = (record: ControlRecord) => void

/** Fans inspection out to read-only listeners and to the user's own observer; nothing is inspected without them. */
export interface Observation {
  /** The `inspect` option of the root actor; undefined without observers. */
  readonly inspect: ((event: InspectionEvent) => void) | undefined
  /** Listeners that come later observe this actor system. */
  connect(system: Pick<AnyActorRef['system'], 'inspect'>): void
  /** Returns an unsubscribe function. */
  observe(listener: ControlListener): () => void
}

function nameOf(actor: InspectionEvent['actorRef']): string {
  if ('systemId' in actor && typeof actor.systemId === 'string') return actor.systemId
  return 'id' in actor && typeof actor.id === 'string' ? actor.id : actor.sessionId
}

/** One record goes to all listeners: none may write in it. */
function frozen<Value>(value: Value): Value {
  if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(frozen)
  return value
}

function recordOf(event: InspectionEvent): ControlRecord | undefined {
  const actor = nameOf(event.actorRef)
  switch (event.type) {
    case '@xstate.actor':
      return { type: 'actor', actor }
    case '@xstate.event':
      return { type: 'event', actor, event: event.event.type }
    case '@xstate.snapshot': {
      const { status, value } = event.snapshot as { status: string; value?: unknown }
      return { type: 'snapshot', actor, event: event.event.type, state: structuredClone(value), status }
    }
    default:
      return undefined
  }
}

export function createObservation(user: InspectObserver | undefined): Observation {
  const listeners = new Set<ControlListener>()
  const toUser = typeof user === 'function' ? user : user?.next?.bind(user)

  const guard = (act: () => unknown): void => {
    try {
      withoutRejection(act())
    } catch {
      // An observer that throws would kill the actor it observes.
    }
  }

  const inspect = (event: InspectionEvent): void => {
    if (toUser) guard(() => toUser(event))
    if (listeners.size === 0) return
    const record = frozen(recordOf(event))
    if (record) for (const listener of listeners) guard(() => listener(record))
  }

  let system: Pick<AnyActorRef['system'], 'inspect'> | undefined
  let inspecting = toUser !== undefined
  let subscription: Subscription | undefined

  const begin = (): void => {
    if (inspecting || system === undefined || listeners.size === 0) return
    inspecting = true
    subscription = system.inspect(inspect)
  }

  return {
    get inspect() {
      inspecting ||= listeners.size > 0
      return inspecting ? inspect : undefined
    },
    connect(to) {
      system = to
      begin()
    },
    observe(listener) {
      listeners.add(listener)
      begin()
      return () => {
        listeners.delete(listener)
        if (listeners.size > 0 || subscription === undefined) return
        subscription.unsubscribe()
        subscription = undefined
        inspecting = false
      }
    },
  }
}
