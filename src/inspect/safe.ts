import type { InspectionEvent } from 'xstate'
import type { InspectionObserver, InspectionRecord, InspectionTarget } from '../inspection.ts'
import { type SafeEvent, safeEvent } from './payloads.ts'
import { createStandIns, type SafeSnapshot, type StandIn, safeSnapshot } from './stand-in.ts'

/** The records that an observer behind {@link createSafeInspector} gets: copies in the form of XState's records. */
export interface SafeRecord {
  /** Such as `@xstate.snapshot`. */
  readonly type: string
  readonly rootId: string
  readonly actorRef: StandIn
  readonly sourceRef?: StandIn
  readonly event?: SafeEvent
  readonly snapshot?: SafeSnapshot
  /** For an action: its name. */
  readonly action?: { readonly type: string; readonly params: undefined }
  /** For a microstep: the transitions taken, by the ids of their states. */
  readonly _transitions?: readonly SafeTransition[]
}

/** A transition of a statechart as inspectors may see it. */
export interface SafeTransition {
  readonly eventType: string
  readonly source: { readonly id: string }
  readonly target: readonly { readonly id: string }[] | undefined
}

const idOf = ({ id }: { id: string }): { id: string } => ({ id: String(id) })

/**
 * Puts a filter before any XState inspection observer: it is handed copies that hold names, states and counts,
 * by an allow-list. Contexts, inputs, outputs, errors, batch contents and live references never pass, nor do
 * payloads of events that telemachine does not know. A target that throws or rejects is ignored and has
 * no other effect.
 *
 * @returns what `createTelemetry({ inspect })` or `createActor(machine, { inspect })` takes.
 */
export function createSafeInspector(target: InspectionTarget): Required<InspectionObserver> {
  const next = typeof target === 'function' ? target : target.next?.bind(target)
  const standInOf = createStandIns()

  const recordOf = (event: InspectionEvent): SafeRecord | undefined => {
    const actorRef = standInOf(event.actorRef)
    const common = { type: event.type, rootId: String(event.rootId), actorRef }
    switch (event.type) {
      case '@xstate.actor':
        return common
      case '@xstate.event': {
        const sourceRef = event.sourceRef && standInOf(event.sourceRef)
        return { ...common, sourceRef, event: safeEvent(event.event) }
      }
      case '@xstate.snapshot':
      case '@xstate.transition':
        return {
          ...common,
          event: safeEvent(event.event),
          snapshot: safeSnapshot(actorRef, event.snapshot),
        }
      case '@xstate.microstep':
        return {
          ...common,
          event: safeEvent(event.event),
          snapshot: safeSnapshot(actorRef, event.snapshot),
          _transitions: event._transitions.map(({ eventType, source, target: to }) => ({
            eventType: String(eventType),
            source: idOf(source),
            target: to?.map(idOf),
          })),
        }
      case '@xstate.action':
        return { ...common, action: { type: String(event.action.type), params: undefined } }
      default:
        // A record of a later XState says nothing that has been judged harmless.
        return undefined
    }
  }

  return {
    next(event: InspectionRecord) {
      if (!next) return
      try {
        const record = recordOf(event as InspectionEvent)
        if (!record) return
        const answer: unknown = next(record)
        if (answer instanceof Promise) answer.catch(() => {})
      } catch {
        // An observer's failure is its own; thrown on, it would kill the actor it watches.
      }
    },
  }
}
