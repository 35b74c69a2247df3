import type { ActorRef, Snapshot } from 'xstate'
import type { UnitPort } from './ports.ts'

/**
 * The vocabulary of the control plane: every event a machine sends or understands, with its payload.
 * Nothing in here is secret: credentials stay in the unit, events carry ids, versions and kinds.
 */
type EventsOf<Map> = { [Type in keyof Map & string]: { readonly type: Type } & Map[Type] }[keyof Map & string]

// biome-ignore lint/complexity/noBannedTypes: an event without a payload intersects with nothing.
type NoPayload = {}

/** What one exported batch told about the backend; `neutral` is alive but refusing, `cancelled` says nothing. */
export type ExportResult = 'success' | 'failure' | 'neutral' | 'misdirected' | 'cancelled'

/** How a configuration change acts on an exporter. `none`: it is disabled before and after, or only becomes so. */
export type ChangeEffect = 'hot' | 'open' | 'replace' | 'disable' | 'none'

export interface Permit {
  readonly generation: number
  /** A probe covers one batch. */
  readonly probe: boolean
}

export interface BreakerSettings {
  readonly failureThreshold: number
  readonly resetTimeoutMs: number
  /** A probe that has not reported by then frees its slot. */
  readonly probeTimeoutMs: number
}

export type BreakerEvent = EventsOf<{
  /** Urgent: an exporter on its way out, which cannot wait. */
  'permit.request': { readonly replyTo?: PermitHolder; readonly urgent?: boolean }
  /** The holder no longer waits. */
  'permit.withdraw': NoPayload
  /** The holder no longer waits and gives back what it holds; a probe's slot is free again. */
  'permit.cancel': NoPayload
  'export.reported': { readonly generation: number; readonly results: readonly ExportResult[] }
  'breaker.configure': { readonly settings: BreakerSettings }
  /** A new destination: everything learnt about the old one is void. */
  'breaker.renew': NoPayload
  'breaker.force_open': NoPayload
  'breaker.disable': NoPayload
  'breaker.reset': NoPayload
}>

export type BreakerReply = EventsOf<{
  'permit.granted': { readonly permit: Permit }
  /** Only an urgent request is denied; others wait. */
  'permit.denied': NoPayload
}>

export type PermitHolder = ActorRef<Snapshot<unknown>, BreakerReply>

export type ExporterEvent =
  | BreakerReply
  | EventsOf<{
      'telemetry.batch': { readonly events: readonly unknown[] }
      'exporter.enable': NoPayload
      'exporter.flush': NoPayload
      'exporter.restart': NoPayload
      'exporter.stop': NoPayload
      'config.prepare': { readonly version: number; readonly effect: ChangeEffect }
      'config.commit': { readonly version: number }
      'config.abort': { readonly version: number }
      /** Internal: hot keys came into force; what is measured by them is measured anew. */
      'settings.changed': NoPayload
      /** Internal: a new client took over. */
      'client.swapped': NoPayload
    }>

export type SupervisorEvent = EventsOf<{
  'exporter.crashed': { readonly error: unknown }
  'exporter.revive': NoPayload
  'system.stop': NoPayload
}>

/** What exporters and supervisors tell the system. */
export type SystemReport = EventsOf<{
  'config.prepared': { readonly id: string; readonly version: number }
  'config.refused': { readonly id: string; readonly version: number; readonly reason: string }
  /** The commit or the abort is done. */
  'config.acknowledged': { readonly id: string; readonly version: number }
  'exporter.stopped': { readonly id: string }
  'exporter.respawn': { readonly id: string }
}>

/** One exporter's part of a configuration change. */
export interface PlannedChange {
  readonly unit: UnitPort
  readonly action: 'add' | 'remove' | 'update'
  readonly effect: ChangeEffect
}

export type BreakerCommand = 'force_open' | 'disable' | 'reset'

/** What the composition root and an operator ask of the system. */
export type SystemEvent =
  | SystemReport
  | EventsOf<{
      'config.change': { readonly version: number; readonly changes: readonly PlannedChange[] }
      'exporters.flush': { readonly ids: readonly string[] }
      'exporter.restart': { readonly id: string }
      'breaker.command': { readonly id: string; readonly command: BreakerCommand }
      'system.stop': { readonly timeoutMs: number }
    }>
  | { readonly type: `xstate.error.actor.${string}`; readonly error: unknown }

/** What the system tells the composition root. */
export type SystemEmitted = EventsOf<{
  'config.settled': {
    readonly version: number
    readonly accepted: boolean
    readonly refusals: readonly Refusal[]
  }
  'exporter.removed': { readonly id: string }
}>

export interface Refusal {
  readonly id: string
  readonly reason: string
}
