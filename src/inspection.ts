/**
 * One record of XState's inspection; what else it holds depends on `type`, as XState's `InspectionEvent` says. That type
 * is not used here: a program without XState of its own does not have to compile XState's types.
 */
export interface InspectionRecord {
  /** Such as `@xstate.snapshot`. */
  readonly type: string
  /** Session id of the root actor. */
  readonly rootId: string
  readonly actorRef: unknown
}

/** An observer of inspection records. XState's `Observer<InspectionEvent>` is one. */
export interface InspectionObserver {
  next?(record: InspectionRecord): void
}

/** An observer, or just its function; either may declare XState's `InspectionEvent` as its parameter. */
export type InspectionTarget = InspectionObserver | NonNullable<InspectionObserver['next']>
