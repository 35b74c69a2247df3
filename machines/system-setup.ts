import { type ActorRefFrom, assign, emit, enqueueActions, setup } from 'xstate'
import { breakerMachine } from './breaker.ts'
import type { PlannedChange, Refusal, SystemEmitted, SystemEvent } from './events.ts'
import { exporterMachine } from './exporter.ts'
import type { UnitPort } from './ports.ts'
import { supervisorMachine } from './supervisor.ts'

export interface SystemInput {
  readonly units: readonly UnitPort[]
}

/** The actors of one exporter. */
export interface Household {
  readonly unit: UnitPort
  readonly exporter: ActorRefFrom<typeof exporterMachine>
  readonly breaker: ActorRefFrom<typeof breakerMachine>
  readonly supervisor: ActorRefFrom<typeof supervisorMachine>
  /** False from a crash until the respawn. */
  readonly up: boolean
  /** It leaves when it has stopped. */
  readonly leaving: boolean
}

export interface Transaction {
  readonly version: number
  readonly changes: readonly PlannedChange[]
  readonly refusals: readonly Refusal[]
}

export interface SystemContext {
  readonly households: Readonly<Record<string, Household>>
  readonly transaction: Transaction | null
  /** Exporters whose answer is outstanding. */
  readonly awaiting: readonly string[]
  /** Exporters that are to be respawned once the change under way is in force, or is not. */
  readonly postponed: readonly string[]
  readonly stopTimeoutMs: number
}

/** How long a change waits for drains and reopenings before it counts as settled; they go on by themselves. */
const settleMs = 1_000
/** The root outlives the exporters' own deadlines by this. */
const stopGraceMs = 100

const without = (ids: readonly string[], id: string): readonly string[] => ids.filter((other) => other !== id)

/** `otel` of `xstate.error.actor.exporter:otel`. */
const crashed = (type: string): string => type.slice(type.indexOf(':') + 1)

const idOf = (event: SystemEvent): string => {
  if (event.type.startsWith('xstate.error.actor.')) return crashed(event.type)
  return 'id' in event ? event.id : ''
}

export const unitsOf = (event: unknown): readonly UnitPort[] => (event as { input: SystemInput }).input.units

export const addedBy = (changes: readonly PlannedChange[]): readonly UnitPort[] =>
  changes.filter(({ action }) => action === 'add').map(({ unit }) => unit)

const reasonOf = (event: SystemEvent): string => {
  if (event.type === 'config.refused') return event.reason
  return 'the exporter crashed while it prepared the change'
}

/** The system's vocabulary: its types, and the guards, actions, delays and placeholder actors its chart names. */
export const systemSetup = setup({
  types: {
    context: {} as SystemContext,
    events: {} as SystemEvent,
    emitted: {} as SystemEmitted,
    input: {} as SystemInput,
  },
  actors: { exporter: exporterMachine, breaker: breakerMachine, supervisor: supervisorMachine },
  delays: {
    settleDeadline: settleMs,
    stopDeadline: ({ context }) => context.stopTimeoutMs + stopGraceMs,
  },
  guards: {
    nothingAwaited: ({ context }) => context.awaiting.length === 0,
    allPrepared: ({ context }) => context.awaiting.length === 0 && context.transaction?.refusals.length === 0,
    isPreparing: ({ context, event }) => context.awaiting.includes(idOf(event)),
    isTouched: ({ context, event }) =>
      context.transaction?.changes.some(({ unit }) => unit.id === idOf(event)) === true,
    isAwaited: ({ context, event }) =>
      'version' in event &&
      event.version === context.transaction?.version &&
      context.awaiting.includes(idOf(event)),
  },
  actions: {
    spawnHouseholds: enqueueActions(({ enqueue }, { units }: { units: readonly UnitPort[] }) => {
      enqueue.assign({
        households: ({ context, spawn, self }) => {
          const households = { ...context.households }
          for (const unit of units) {
            const breaker = spawn('breaker', {
              id: `breaker:${unit.id}`,
              systemId: `breaker:${unit.id}`,
              input: { settings: unit.breakerSettings(), standsAside: unit.pulled },
            })
            const exporter = spawn('exporter', {
              id: `exporter:${unit.id}`,
              systemId: `exporter:${unit.id}`,
              input: { unit, breaker, system: self },
            })
            const supervisor = spawn('supervisor', {
              id: `supervisor:${unit.id}`,
              systemId: `supervisor:${unit.id}`,
              input: { unit, system: self },
            })
            households[unit.id] = { unit, exporter, breaker, supervisor, up: true, leaving: false }
          }
          return households
        },
      })
    }),
    enableAll: enqueueActions(({ context, enqueue }) => {
      for (const { unit, exporter } of Object.values(context.households))
        if (unit.enabled()) enqueue.sendTo(exporter, { type: 'exporter.enable' })
    }),

    beginTransaction: assign({
      transaction: ({ event, context }) =>
        event.type === 'config.change'
          ? { version: event.version, changes: event.changes, refusals: [] }
          : context.transaction,
      awaiting: ({ event, context }) =>
        event.type === 'config.change'
          ? event.changes
              .filter(({ unit, action }) => action !== 'remove' && context.households[unit.id]?.up)
              .map(({ unit }) => unit.id)
          : context.awaiting,
    }),
    askPrepare: enqueueActions(({ context, enqueue }) => {
      const version = context.transaction?.version ?? 0
      for (const { unit, effect } of context.transaction?.changes ?? []) {
        const household = context.households[unit.id]
        if (household && context.awaiting.includes(unit.id))
          enqueue.sendTo(household.exporter, { type: 'config.prepare', version, effect })
      }
    }),
    noteAnswer: assign({ awaiting: ({ context, event }) => without(context.awaiting, idOf(event)) }),
    noteRefusal: assign({
      transaction: ({ context, event }) =>
        context.transaction && {
          ...context.transaction,
          refusals: [...context.transaction.refusals, { id: idOf(event), reason: reasonOf(event) }],
        },
    }),
    /** Everyone commits; those that are down take the new configuration when they are respawned. */
    commitAll: enqueueActions(({ context, enqueue }) => {
      const { version = 0, changes = [] } = context.transaction ?? {}
      for (const { unit, action } of changes) {
        const household = context.households[unit.id]
        if (!household || action === 'remove') continue
        if (household.up) enqueue.sendTo(household.exporter, { type: 'config.commit', version })
        else {
          unit.commit()
          enqueue.sendTo(household.supervisor, { type: 'exporter.revive' })
        }
      }
    }),
    abortAll: enqueueActions(({ context, enqueue }) => {
      const { version = 0, changes = [] } = context.transaction ?? {}
      for (const { unit, action } of changes) {
        const household = context.households[unit.id]
        if (!household || action !== 'update') continue
        if (household.up) enqueue.sendTo(household.exporter, { type: 'config.abort', version })
        else unit.abort()
      }
    }),
    /** Sends away the exporters a transaction removes, or had added in vain. */
    dismiss: enqueueActions(({ context, enqueue }, { action }: { action: PlannedChange['action'] }) => {
      const households = { ...context.households }
      for (const change of context.transaction?.changes ?? []) {
        const household = households[change.unit.id]
        if (change.action !== action || !household) continue
        households[change.unit.id] = { ...household, leaving: true }
        enqueue.sendTo(household.supervisor, { type: 'system.stop' })
        if (household.up) enqueue.sendTo(household.exporter, { type: 'exporter.stop' })
        else enqueue.raise({ type: 'exporter.stopped', id: change.unit.id })
      }
      enqueue.assign({ households })
    }),
    awaitAcknowledgements: assign({
      awaiting: ({ context }) =>
        (context.transaction?.changes ?? [])
          .map(({ unit }) => unit.id)
          .filter((id) => context.households[id]?.up),
    }),
    announceSettled: emit(({ context }) => ({
      type: 'config.settled' as const,
      version: context.transaction?.version ?? 0,
      accepted: context.transaction?.refusals.length === 0,
      refusals: context.transaction?.refusals ?? [],
    })),
    endTransaction: assign({ transaction: null, awaiting: [] }),
    /** Respawned now, it would open with a configuration that is about to change, and would not be asked. */
    postponeRespawn: assign({
      postponed: ({ context, event }) => [...context.postponed, idOf(event)],
    }),
    respawnPostponed: enqueueActions(({ context, enqueue }) => {
      for (const id of context.postponed) enqueue.raise({ type: 'exporter.respawn', id })
      enqueue.assign({ postponed: [] })
    }),
    /** It died before it heard how the transaction ended. */
    concludeForCrashed: ({ context, event }) => {
      const unit = context.households[idOf(event)]?.unit
      if (context.transaction?.refusals.length === 0) unit?.commit()
      else unit?.abort()
    },
    refuseBusy: emit(({ event }) => ({
      type: 'config.settled' as const,
      version: event.type === 'config.change' ? event.version : 0,
      accepted: false,
      refusals: [{ id: '', reason: 'another change is under way, or telemetry has stopped' }],
    })),

    noteCrash: enqueueActions(({ context, event, enqueue }) => {
      const id = idOf(event)
      const household = context.households[id]
      if (!household) return
      enqueue.assign({ households: { ...context.households, [id]: { ...household, up: false } } })
      enqueue.sendTo(household.breaker, { type: 'permit.cancel' })
      enqueue.sendTo(household.supervisor, {
        type: 'exporter.crashed',
        error: (event as { error?: unknown }).error,
      })
      if (household.leaving) enqueue.raise({ type: 'exporter.stopped', id })
    }),
    respawn: enqueueActions(({ context, event, enqueue }) => {
      const id = idOf(event)
      const household = context.households[id]
      if (!household || household.up || household.leaving) return
      const { unit, breaker } = household
      enqueue.stopChild(household.exporter)
      enqueue.assign({
        households: ({ context: now, spawn, self }) => ({
          ...now.households,
          [id]: {
            ...household,
            up: true,
            exporter: spawn('exporter', {
              id: `exporter:${id}`,
              systemId: `exporter:${id}`,
              input: { unit, breaker, system: self },
            }),
          },
        }),
      })
      if (unit.enabled())
        enqueue.sendTo(({ context: now }) => (now.households[id] as Household).exporter, {
          type: 'exporter.enable',
        })
      else {
        unit.unsubscribe()
        unit.abandon('disabled')
      }
    }),
    /** A stopped exporter that was to leave takes its actors with it. */
    seeOff: enqueueActions(({ context, event, enqueue }) => {
      const id = idOf(event)
      const household = context.households[id]
      if (!household?.leaving) return
      const { [id]: _, ...others } = context.households
      if (!household.up) household.unit.abandon('shutdown')
      enqueue.stopChild(household.exporter)
      enqueue.stopChild(household.breaker)
      enqueue.stopChild(household.supervisor)
      enqueue.assign({ households: others })
      enqueue.emit({ type: 'exporter.removed', id })
    }),

    relayFlush: enqueueActions(({ context, event, enqueue }) => {
      if (event.type !== 'exporters.flush') return
      for (const id of event.ids) {
        const household = context.households[id]
        if (household) enqueue.sendTo(household.exporter, { type: 'exporter.flush' })
      }
    }),
    relayRestart: enqueueActions(({ context, event, enqueue }) => {
      const household = context.households[idOf(event)]
      if (!household) return
      if (household.up) enqueue.sendTo(household.exporter, { type: 'exporter.restart' })
      else enqueue.sendTo(household.supervisor, { type: 'exporter.revive' })
    }),
    relayBreakerCommand: enqueueActions(({ context, event, enqueue }) => {
      if (event.type !== 'breaker.command') return
      const household = context.households[event.id]
      if (household) enqueue.sendTo(household.breaker, { type: `breaker.${event.command}` })
    }),

    stopAll: enqueueActions(({ context, event, enqueue }) => {
      const awaiting: string[] = []
      for (const { unit, exporter, supervisor, up } of Object.values(context.households)) {
        enqueue.sendTo(supervisor, { type: 'system.stop' })
        if (up) {
          enqueue.sendTo(exporter, { type: 'exporter.stop' })
          awaiting.push(unit.id)
        } else unit.abandon('shutdown')
      }
      enqueue.assign({
        awaiting,
        stopTimeoutMs: event.type === 'system.stop' ? event.timeoutMs : context.stopTimeoutMs,
      })
    }),
    abandonCrashed: ({ context, event }) => context.households[idOf(event)]?.unit.abandon('shutdown'),
  },
})
