import type { InspectionEvent } from 'xstate'
import type { InspectObserver } from './control.ts'

/** One step of the control plane, as an observer sees it: names and states, no payloads, nothing live. */
export interface ControlRecord {
  readonly type: 'event' | 'snapshot' | 'actor'
  /** systemId of the actor, such as `exporter:otel`, or its XState session id. */
  readonly actor: string
  /** The type of the event. */
  readonly event?: string
  /** The state value after it. */
  readonly state?: unknown
  readonly status?: string
}

export type ControlListener = (record: ControlRecord) => void

/** Fans inspection out to read-only listeners and to the user's own observer; free while there is neither. */
export interface Observation {
  readonly inspect: (event: InspectionEvent) => void
  observe(listener: ControlListener): () => void
}

const nameOf = (actor: InspectionEvent['actorRef']): string =>
  'id' in actor && typeof actor.id === 'string' ? actor.id : actor.sessionId

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

  const guard = (act: () => void): void => {
    try {
      act()
    } catch {
      // An observer that throws would kill the actor it observes.
    }
  }

  return {
    inspect(event) {
      if (toUser) guard(() => toUser(event))
      if (listeners.size === 0) return
      const record = frozen(recordOf(event))
      if (record) for (const listener of listeners) guard(() => listener(record))
    },
    observe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}
