import {
  type ActorRef,
  assign,
  emit,
  enqueueActions,
  fromPromise,
  raise,
  type Snapshot,
  sendTo,
  setup,
} from 'xstate'
import type {
  BreakerEvent,
  ChangeEffect,
  DeliveryEvent,
  ExporterEvent,
  ExporterSettings,
  StateEmitted,
  SystemReport,
} from './events.ts'
import type { FenceReport, OpenFailure, UnitPort } from './ports.ts'
import type { ExporterState } from './states.ts'
import { defaultRestartPolicy, exceedsIntensity, restartBackoffMs } from './supervision.ts'

/** The input of the exporter machine. */
export interface ExporterInput {
  readonly unit: UnitPort
  readonly breaker: ActorRef<Snapshot<unknown>, BreakerEvent>
  readonly delivery: ActorRef<Snapshot<unknown>, DeliveryEvent>
  readonly system: ActorRef<Snapshot<unknown>, SystemReport>
  readonly settings: ExporterSettings
  /** An earlier life has died. */
  readonly hasCrashed: boolean
}

/** A change of one exporter: its version, how it acts, and the settings it brings. */
export interface StagedChange {
  readonly version: number
  readonly effect: ChangeEffect
  readonly settings: ExporterSettings
}

/** The context of `exporterMachine`. */
export interface ExporterContext extends ExporterInput {
  readonly pulled: boolean
  /** The change being prepared, or the last one. */
  readonly change: StagedChange
  /** How long to wait before the next try to open a client. */
  readonly reopenMs: number
  /** How long it may still deliver on its way out. */
  readonly drainMs: number
  /** Why undelivered events are dropped: the exporter is removed, or the system stops. */
  readonly abandonAs: 'disabled' | 'shutdown'
  /** Crashes that count against the restart intensity. */
  readonly crashes: number
}

export const noChange = (settings: ExporterSettings): StagedChange => ({
  version: 0,
  effect: 'none',
  settings,
})

const effectOf = (event: ExporterEvent): ChangeEffect =>
  event.type === 'config.prepare' ? event.effect : 'none'

const openingEffects: ReadonlySet<ChangeEffect> = new Set(['add', 'rebuild', 'replace'])

const errorOf = (event: unknown): unknown => (event as { error?: unknown }).error

const reasonOf = (event: unknown): string => {
  const error = errorOf(event)
  return error instanceof Error ? error.message : String(error)
}

/** The input of the actors that work for `exporterMachine`. */
export interface UnitInput {
  readonly unit: UnitPort
}

/** Input of the actors that work for the chart. */
export const unitInput = ({ context }: { context: ExporterContext }): UnitInput => ({ unit: context.unit })

export const candidateInput =
  (effect: 'rebuild' | 'replace') =>
  ({ context }: { context: ExporterContext }): UnitInput & { effect: 'rebuild' | 'replace' } => ({
    unit: context.unit,
    effect,
  })

const never = (): Promise<never> => new Promise(() => {})

/** The exporter's vocabulary: its types, and the guards, actions, delays and placeholder actors its chart names. */
export const exporterSetup = setup({
  types: {
    context: {} as ExporterContext,
    events: {} as ExporterEvent,
    input: {} as ExporterInput,
    emitted: {} as StateEmitted,
    tags: {} as ExporterState,
  },
  actors: {
    /** After a crash: aborts and reclaims the unit's leases, closes its clients. */
    fence: fromPromise<FenceReport, UnitInput>(never),
    /** Opens a client with the configuration in force. Rejects with an OpenFailure. */
    open: fromPromise<void, UnitInput>(never),
    /** Opens a candidate with the staged configuration: beside the client, or instead of it (`replace`). */
    prepare: fromPromise<void, UnitInput & { effect: 'rebuild' | 'replace' }>(never),
    /** Resolves when every replaced client has finished what it had in flight, and is closed. */
    retire: fromPromise<void, UnitInput>(never),
    /** Closes every client. */
    close: fromPromise<void, UnitInput>(never),
  },
  delays: {
    retryDelay: ({ context }) => context.reopenMs,
    backoff: ({ context }) => restartBackoffMs(context.crashes, defaultRestartPolicy),
    deadline: ({ context }) => context.drainMs,
    tick: 1_000,
  },
  guards: {
    hasCrashed: ({ context }) => context.hasCrashed,
    isEnabled: ({ context }) => context.settings.enabled,
    tooOften: (_, { crashes }: FenceReport) => exceedsIntensity(crashes, defaultRestartPolicy),
    opensClient: ({ event }) =>
      event.type === 'config.prepare' && event.settings.enabled && openingEffects.has(event.effect),
    opensBeside: ({ event }) => effectOf(event) === 'rebuild',
    enables: ({ context, event }) => effectOf(event) === 'rebuild' && !context.settings.enabled,
    /** A client that is pulled from gives its address back first. */
    enablesBeside: ({ context, event }) =>
      effectOf(event) === 'rebuild' && !context.settings.enabled && !context.pulled,
    disables: ({ context }) => context.change.effect === 'disable',
  },
  actions: {
    announce: emit({ type: 'state.shown' }),
    subscribe: ({ context }) => context.unit.subscribe(),
    unsubscribe: ({ context }) => context.unit.unsubscribe(),
    swap: ({ context }) => context.unit.swap(),
    discard: ({ context }) => context.unit.discard(),
    tick: ({ context }) => context.unit.tick(),
    cut: ({ context }) => context.unit.cut(),
    forgive: ({ context }) => context.unit.forgive(),
    abandonDisabled: ({ context }) => context.unit.abandon('disabled'),
    abandonStopped: ({ context }) => context.unit.abandon(context.abandonAs),
    noteError: ({ context, event }) => context.unit.noteError(errorOf(event)),
    noteCrashes: assign({
      crashes: (_, { crashes }: FenceReport) => crashes,
    }),
    /** An opening that says nothing of its backoff is tried again in a second. */
    noteReopen: assign({
      reopenMs: ({ event }) => {
        const { retryInMs } = (errorOf(event) ?? {}) as Partial<OpenFailure>
        return typeof retryInMs === 'number' ? retryInMs : 1_000
      },
    }),

    startDelivery: sendTo(({ context }) => context.delivery, { type: 'delivery.start' }),
    haltDelivery: sendTo(({ context }) => context.delivery, { type: 'delivery.halt' }),
    drainDelivery: sendTo(
      ({ context }) => context.delivery,
      ({ context, self }) => ({
        type: 'delivery.drain' as const,
        replyTo: self,
        withinMs: context.drainMs,
      }),
    ),
    planDrain: assign({
      drainMs: ({ context, event }) =>
        (event.type === 'exporter.stop' ? event.withinMs : undefined) ?? context.settings.drainTimeoutMs,
      abandonAs: ({ event }) =>
        event.type === 'exporter.stop' && event.withinMs !== undefined ? 'shutdown' : 'disabled',
    }),
    renewBreaker: sendTo(({ context }) => context.breaker, { type: 'breaker.renew' }),

    noteChange: assign({
      change: ({ context, event }) =>
        event.type === 'config.prepare'
          ? { version: event.version, effect: event.effect, settings: event.settings }
          : context.change,
    }),
    /** The staged configuration comes into force, in the unit, in this chart and in the breaker. */
    commit: enqueueActions(({ context, event, enqueue }) => {
      const { settings } = context.change
      const other = event.type === 'config.commit' ? event.breaker : undefined
      enqueue(() => context.unit.commit())
      enqueue.assign({ settings, breaker: other ?? context.breaker })
      if (other) enqueue.sendTo(context.delivery, { type: 'delivery.redirect', breaker: other })
      enqueue.sendTo(other ?? context.breaker, { type: 'breaker.configure', settings: settings.breaker })
    }),
    forgetChange: ({ context }) => context.unit.abort(),
    answer: sendTo(
      ({ context }) => context.system,
      ({ context }) => ({
        type: 'config.prepared' as const,
        id: context.unit.id,
        version: context.change.version,
      }),
    ),
    refuse: sendTo(
      ({ context }) => context.system,
      ({ context, event }) => ({
        type: 'config.refused' as const,
        id: context.unit.id,
        version: context.change.version,
        reason: reasonOf(event),
      }),
    ),
    /** A next life never heard what is committed or aborted now: the event says which change it is. */
    acknowledge: sendTo(
      ({ context }) => context.system,
      ({ context, event }) => ({
        type: 'config.acknowledged' as const,
        id: context.unit.id,
        version: 'version' in event ? event.version : context.change.version,
      }),
    ),
    announceRetired: raise({ type: 'client.retired' }),
    announceStopped: sendTo(
      ({ context }) => context.system,
      ({ context }) => ({ type: 'exporter.stopped' as const, id: context.unit.id }),
    ),
  },
})
