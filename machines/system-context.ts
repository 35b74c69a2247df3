import type { AnyActorRef } from 'xstate'
import type { PlannedChange, PlannedExporter, Refusal, SystemEvent } from './events.ts'
import { actorsOf, type ExporterGroup } from './exporter-group.ts'

/** The input of the system machine. */
export interface SystemInput {
  readonly exporters: readonly PlannedExporter[]
  /** The number of exporters to which a stop is sent in one turn of the event loop. Default 16. */
  readonly perTurn?: number
}

/** A configuration change that is being put in force. */
export interface Transaction {
  readonly version: number
  readonly changes: readonly PlannedChange[]
  readonly refusals: readonly Refusal[]
}

export const noTransaction: Transaction = { version: 0, changes: [], refusals: [] }

/** The exporters that a change adds; they are disabled until the change is committed. */
export const addedBy = (changes: readonly PlannedChange[]): readonly PlannedExporter[] =>
  changes
    .filter(({ effect }) => effect === 'add')
    .map(({ unit, settings }) => ({ unit, settings: { ...settings, enabled: false } }))

/** The preparation that a transaction asks of an exporter; undefined for one that it removes. */
export const preparationOf = ({ version, changes }: Transaction, id: string) => {
  const change = changes.find(({ unit, effect }) => unit.id === id && effect !== 'remove')
  if (!change) return undefined
  const { effect, settings, keys } = change
  return { type: 'config.prepare' as const, version, effect, settings, keys }
}

/** The context of `systemMachine`. */
export interface SystemContext {
  readonly groups: Readonly<Record<string, ExporterGroup>>
  /** Actors that a change has made superfluous; they stop when no other actor sends to them any more. */
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

/** The exporter that an event is about; undefined if its actor has been replaced already. */
export const idOf = (event: SystemEvent, { groups }: SystemContext): string => {
  const ended = endedOf(event)
  if (ended) {
    const group = groups[ended.id]
    return group && actorsOf(group).some((actor) => actor.id === ended.actor) ? ended.id : ''
  }
  return 'id' in event ? event.id : ''
}
