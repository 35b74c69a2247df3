import type { ActorRef, Snapshot } from 'xstate'
import type { UnitHandle } from './ports.ts'

/**
 * The vocabulary of the control plane: every event a machine sends or understands, with its payload.
 * Nothing in here is secret: credentials stay in the unit, events carry ids, versions, key names and numbers.
 */
type EventsOf<Map> = { [Type in keyof Map & string]: { readonly type: Type } & Map[Type] }[keyof Map & string]

// biome-ignore lint/complexity/noBannedTypes: an event without a payload intersects with nothing.
type NoPayload = {}

/** What an exported batch says about the backend. `neutral`: alive but refusing. `cancelled`: nothing. */
export type ExportResult = 'success' | 'failure' | 'neutral' | 'misdirected' | 'cancelled'

/**
 * How a configuration change acts on an exporter. `hot`: its client reads the new values. `rebuild`: a new client opens
 * beside the old one, if there is one. `replace`: the old client closes before the new one opens. `none`: the exporter
 * is disabled before and after.
 */
export type ChangeEffect = 'add' | 'remove' | 'disable' | 'hot' | 'rebuild' | 'replace' | 'none'

/** The right to export to one endpoint, in one generation of its breaker. */
export interface Permit {
  readonly generation: number
  /** Index of the endpoint; 0 for the primary, or the only one. */
  readonly endpoint: number
  /** Other endpoints may be asked for as well. */
  readonly others?: boolean
  /** A probe covers one batch. */
  readonly probe: boolean
}

/** The settings of the breaker machine. */
export interface BreakerSettings {
  /** Consecutive failures that open the breaker. */
  readonly failureThreshold: number
  /** The longest wait before a probe, and the wait after 401, 403 or 404. Milliseconds. */
  readonly resetTimeoutMs: number
  /** The shortest wait before a probe, which grows with the outage. Absent: each wait is `resetTimeoutMs`. */
  readonly initialResetTimeoutMs?: number | undefined
  /** A probe that has not reported by then frees its slot. Milliseconds. */
  readonly probeTimeoutMs: number
}

/** The part of an exporter's configuration that its charts use. */
export interface ExporterSettings {
  readonly enabled: boolean
  /** How long a disabled or removed exporter may go on delivering. Milliseconds. */
  readonly drainTimeoutMs: number
  /** How many endpoints it has, each with a breaker. Default: 1. */
  readonly endpoints?: number
  readonly breaker: BreakerSettings
}

/**
 * The purpose of a request for a permit. `delivery` waits until it is granted. `urgent` (a flush, a drain) has an open
 * breaker probe at once, or is denied. `probe` wants nothing but the probe of an open breaker.
 */
export type PermitPurpose = 'delivery' | 'urgent' | 'probe'

/** The result of a wave at the backend, the time it ended, and a random number for the jitter of the next wait. */
export interface BackendReport {
  readonly results: readonly ExportResult[]
  /** Monotonic milliseconds. */
  readonly at: number
  /** In [0, 1). */
  readonly jitter: number
  /** An open breaker waits at least this long before it probes. Said where other endpoints serve meanwhile. */
  readonly retryAfterMs?: number
}

/** The events of the breaker machine. */
export type BreakerEvent = EventsOf<{
  'permit.request': {
    readonly replyTo?: PermitHolder
    readonly purpose: PermitPurpose
    /** Endpoints that an urgent request has tried without success. */
    readonly except?: readonly number[]
    /** For an urgent request: it is the last one, so the wait that the backend asked for (Retry-After) is not kept. */
    readonly last?: boolean
  }
  /** The holder no longer waits. */
  'permit.withdraw': NoPayload
  /** The holder no longer waits and gives back what it holds; a probe's slot is free again. */
  'permit.cancel': NoPayload
  /** `endpoint` is absent where there is one only. */
  'export.reported': { readonly generation: number; readonly endpoint?: number } & BackendReport
  'breaker.configure': { readonly settings: BreakerSettings }
  /** A new destination: everything learnt about the old one is void. */
  'breaker.renew': NoPayload
  'breaker.force_open': NoPayload
  'breaker.disable': NoPayload
  'breaker.reset': NoPayload
  /** From now on this actor is told whether the endpoint serves; `undefined`: no actor is. */
  'breaker.watch': { readonly watcher: BreakerWatcher | undefined }
}>

/**
 * The events that go to the actor that asked for a permit: from a breaker, or from the failover chart before several.
 */
export type BreakerReply = EventsOf<{
  'permit.granted': { readonly permit: Permit }
  /** Only an urgent request is denied; others wait. */
  'permit.denied': { readonly endpoint?: number }
  /** A permit granted before is void. */
  'permit.revoked': { readonly endpoint?: number }
  /** The next wave needs another permit; the present one may end as it is. */
  'permit.recalled': NoPayload
  /** Another endpoint serves from now on; null: none does. */
  'endpoint.changed': { readonly endpoint: number | null }
}>

/** An actor that asks for permits. */
export type PermitHolder = ActorRef<Snapshot<unknown>, BreakerReply>

/**
 * What a breaker lets through: everything (`serves`), one probe that has not been taken (`probe_free`), nothing but
 * what it has granted already (`away`), or nothing until an operator says so (`forced_open`).
 */
export type Availability = 'serves' | 'probe_free' | 'away' | 'forced_open'

/** Events from a breaker to the actor that watches it. */
export type BreakerNews = EventsOf<{
  'breaker.shown': { readonly endpoint: number; readonly availability: Availability }
}>

/** An actor that watches a breaker. */
export type BreakerWatcher = ActorRef<Snapshot<unknown>, BreakerNews>

/** A breaker as the failover chart knows it. */
export type BreakerRef = ActorRef<Snapshot<unknown>, BreakerEvent>

/** The events of the failover machine, which stands in for the breakers of several endpoints. */
export type FailoverEvent =
  | BreakerEvent
  | BreakerReply
  | BreakerNews
  | EventsOf<{
      /** A configuration with another number of endpoints comes into force. */
      'failover.endpoints': { readonly breakers: readonly BreakerRef[] }
    }>

/** Events from the unit to the delivery chart: one each time its answer to `look` changes. */
export type WorkEvent = EventsOf<{
  /** Something waits, and is due in `dueInMs` unless a batch fills up before. */
  'work.arrived': { readonly items: number; readonly events: number; readonly dueInMs: number }
  /** A batch is due: by size, bytes, age or flush. What waits in all; `urgent`: a flush waits for it. */
  'telemetry.batch': {
    readonly items: number
    readonly events: number
    readonly bytes: number
    readonly urgent: boolean
  }
  /** Work waits because of an earlier failure: for a backoff, or for a time that the backend named. */
  'work.deferred': { readonly ms: number; readonly by: 'backoff' | 'retry_after' }
}>

/** The events of the delivery machine. */
export type DeliveryEvent =
  | BreakerReply
  | WorkEvent
  | EventsOf<{
      /** A client serves: the first one, or another one than before. */
      'delivery.start': NoPayload
      /** No client serves. */
      'delivery.halt': NoPayload
      /** One attempt for all that waits, within `withinMs`; answered with `delivery.drained`. */
      'delivery.drain': { readonly replyTo: DrainWaiter; readonly withinMs: number }
      'exporter.flush': NoPayload
      /** Whom to ask for permits from now on: the exporter has another number of endpoints. */
      'delivery.redirect': { readonly breaker: BreakerRef }
    }>

/** The events that the delivery machine sends to the actor that asked for a drain. */
export type DeliveryReply = EventsOf<{ 'delivery.drained': NoPayload }>

/** An actor that waits for the end of a drain. */
export type DrainWaiter = ActorRef<Snapshot<unknown>, DeliveryReply>

/** The events of the exporter machine. */
export type ExporterEvent =
  | DeliveryReply
  | EventsOf<{
      'exporter.restart': NoPayload
      /** `withinMs`: how long it may drain when everything stops; absent: it is removed, and its settings say. */
      'exporter.stop': { readonly withinMs?: number }
      /** `keys`: names of the configuration keys that change, without their values. */
      'config.prepare': {
        readonly version: number
        readonly effect: ChangeEffect
        readonly settings: ExporterSettings
        readonly keys: readonly string[]
      }
      /** `breaker`: who grants permits from now on, if that changes. */
      'config.commit': {
        readonly version: number
        readonly keys: readonly string[]
        readonly breaker?: BreakerRef
      }
      'config.abort': { readonly version: number; readonly keys: readonly string[] }
      /** Internal: an old client or a candidate is to finish and to close. */
      'client.retired': NoPayload
    }>

/** The events of the spool machine. */
export type SpoolEvent = EventsOf<{
  'spool.enable': NoPayload
  'spool.disable': NoPayload
  /** A file was written after an earlier failure. */
  'spool.wrote': NoPayload
  'spool.filled': NoPayload
  'spool.freed': NoPayload
  /** An operation on the disk failed, or took too long. */
  'spool.failed': { readonly error: unknown }
}>

/** Events from exporters to the system. */
export type SystemReport = EventsOf<{
  'config.prepared': { readonly id: string; readonly version: number }
  'config.refused': { readonly id: string; readonly version: number; readonly reason: string }
  /** The commit or the abort is done. */
  'config.acknowledged': { readonly id: string; readonly version: number }
  'exporter.stopped': { readonly id: string }
}>

/** An exporter the system is to run. */
export interface PlannedExporter {
  readonly unit: UnitHandle
  readonly settings: ExporterSettings
}

/** One exporter's part of a configuration change. `settings`: as they are once it is in force. */
export interface PlannedChange extends PlannedExporter {
  readonly effect: ChangeEffect
  readonly keys: readonly string[]
}

/** A command of an operator to a circuit breaker. */
export type BreakerCommand = 'force_open' | 'disable' | 'reset'

/** Events from the composition root, and from operators, to the system. */
export type SystemEvent =
  | SystemReport
  | EventsOf<{
      /** More exporters of the start: very many do not begin in one turn of the event loop. */
      'exporters.add': { readonly exporters: readonly PlannedExporter[] }
      'config.change': { readonly version: number; readonly changes: readonly PlannedChange[] }
      'exporters.flush': { readonly ids: readonly string[] }
      'exporter.restart': { readonly id: string }
      /** `endpoint`: of one endpoint; absent: of all. */
      'breaker.command': {
        readonly id: string
        readonly command: BreakerCommand
        readonly endpoint?: number
      }
      'system.stop': { readonly timeoutMs: number }
    }>
  | { readonly type: `xstate.done.actor.${string}` }
  | { readonly type: `xstate.error.actor.${string}`; readonly error: unknown }

/** Events that the system emits for the composition root. */
export type SystemEmitted = EventsOf<{
  'config.settled': {
    readonly version: number
    readonly accepted: boolean
    readonly refusals: readonly Refusal[]
  }
  'exporter.removed': { readonly id: string }
}>

/** Emitted by an exporter, a breaker or a spool that enters a state which is shown outside: one of its `tags`. */
export type StateEmitted = EventsOf<{ 'state.shown': NoPayload }>

/** An exporter that refused a change, and its reason. */
export interface Refusal {
  readonly id: string
  readonly reason: string
}
