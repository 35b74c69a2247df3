import type { AnyActorRef } from 'xstate'
import type { PlannedChange, PlannedExporter, Refusal, SystemEvent } from './events.ts'
import { actorsOf, type ExporterGroup } from './exporter-group.ts'

/** The input of the system machine. */
export interface SystemInput {
  readonly exporters: readonly PlannedExporter[]
  /** How many exporters a stop tells in one turn of the event loop. Default 16. */
  readonly perTurn?: number
}

/** A configuration change under way. */
export interface Transaction {
  readonly version: number
  readonly changes: readonly PlannedChange[]
  readonly refusals: readonly Refusal[]
}

export const noTransaction: Transaction = { version: 0, changes: [], refusals: [] }

/** The context of `systemMachine`. */
export interface SystemContext {
  readonly groups: Readonly<Record<string, ExporterGroup>>
  /** Actors that a change has made superfluous; they stop when nobody speaks to them any more. */
  readonly surplus: readonly AnyActorRef[]
  readonly transaction: Transaction
  /** Exporters whose answer is outstanding. */
  readonly awaiting: readonly string[]
  readonly stopTimeoutMs: number
  /** Exporters that a stop has yet to tell, and then those whose actors it has yet to stop. */
  readonly remaining: readonly string[]
  readonly perTurn: number
}

/** How the actor of an exporter has ended. */
const end =
  /^xstate\.(?:done|error)\.actor\.((?:exporter|delivery|breaker|failover):(.*?)(?:@\d+)?(?:#\d+)?)$/s

/** Which actor of which exporter has ended. */
export const endedOf = (event: SystemEvent) => {
  const [, actor = '', id = ''] = end.exec(event.type) ?? []
  return actor === '' ? undefined : { actor, id }
}

/** Whom an event is about: nobody, if it is of an actor that another life has replaced already. */
export const idOf = (event: SystemEvent, { groups }: SystemContext): string => {
  const ended = endedOf(event)
  if (ended) {
    const group = groups[ended.id]
    return group && actorsOf(group).some((actor) => actor.id === ended.actor) ? ended.id : ''
  }
  return 'id' in event ? event.id : ''
}
