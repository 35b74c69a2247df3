import { type ActorRefFrom, assign, emit, enqueueActions, type Spawner, setup } from 'xstate'
import { breakerMachine } from './breaker.ts'
import { deliveryMachine } from './delivery.ts'
import type {
  ExporterSettings,
  PlannedChange,
  PlannedExporter,
  Refusal,
  SystemEmitted,
  SystemEvent,
} from './events.ts'
import { exporterMachine } from './exporter.ts'
import type { ExporterInput } from './exporter-setup.ts'
import type { UnitHandle } from './ports.ts'

export interface SystemInput {
  readonly exporters: readonly PlannedExporter[]
}

/** The actors of one exporter. */
export interface ExporterGroup {
  readonly unit: UnitHandle
  /** In force. */
  readonly settings: ExporterSettings
  /** Counts its lives: a crash begins the next one. */
  readonly epoch: number
  readonly exporter: ActorRefFrom<typeof exporterMachine>
  readonly delivery: ActorRefFrom<typeof deliveryMachine>
  readonly breaker: ActorRefFrom<typeof breakerMachine>
  /** It is removed when it has stopped. */
  readonly leaving: boolean
}

export interface Transaction {
  readonly version: number
  readonly changes: readonly PlannedChange[]
  readonly refusals: readonly Refusal[]
}

export interface SystemContext {
  readonly groups: Readonly<Record<string, ExporterGroup>>
  readonly transaction: Transaction | null
  /** Exporters whose answer is outstanding. */
  readonly awaiting: readonly string[]
  readonly stopTimeoutMs: number
}

/** How long a change waits for drains and reopenings before it counts as settled; they go on by themselves. */
const settleMs = 1_000
/** The root outlives the exporters' own deadlines by this. */
const stopGraceMs = 100

const without = (ids: readonly string[], id: string): readonly string[] => ids.filter((other) => other !== id)

const crash = /^xstate\.error\.actor\.(exporter|delivery|breaker):(.*)$/s

const idOf = (event: SystemEvent): string => crash.exec(event.type)?.[2] ?? ('id' in event ? event.id : '')

const errorOf = (event: SystemEvent): unknown => ('error' in event ? event.error : undefined)

const exporterOf =
  (id: string) =>
  ({ context }: { context: SystemContext }): ExporterGroup['exporter'] =>
    (context.groups[id] as ExporterGroup).exporter

const reasonOf = (event: SystemEvent): string =>
  event.type === 'config.refused' ? event.reason : 'the exporter crashed while it prepared the change'

const actors = { exporter: exporterMachine, delivery: deliveryMachine, breaker: breakerMachine }

type Actors = typeof actors
type Spawn = Spawner<
  { [Src in keyof Actors]: { src: Src; logic: Actors[Src]; id: string | undefined } }[keyof Actors]
>

/** An exporter's breaker, its delivery, and the exporter that leads both. A breaker outlives the crashes of the others. */
function spawnGroup(
  spawn: Spawn,
  system: ExporterInput['system'],
  { unit, settings }: PlannedExporter,
  { epoch, breaker: kept }: { epoch: number; breaker?: ExporterGroup['breaker'] },
): ExporterGroup {
  const life = unit.life(epoch)
  const named = (kind: string) => ({ id: `${kind}:${unit.id}`, systemId: `${kind}:${unit.id}` })
  const breaker =
    kept ??
    spawn('breaker', { ...named('breaker'), input: { settings: settings.breaker, bypassed: unit.pulled } })
  const delivery = spawn('delivery', { ...named('delivery'), input: { unit: life, breaker } })
  const exporter = spawn('exporter', {
    ...named('exporter'),
    input: { unit: life, breaker, delivery, system, settings, hasCrashed: epoch > 0 },
  })
  return { unit, settings, epoch, exporter, delivery, breaker, leaving: false }
}

export const exportersOf = (event: unknown): readonly PlannedExporter[] =>
  (event as { input: SystemInput }).input.exporters

/** What a change adds, disabled until the change is committed. */
export const addedBy = (changes: readonly PlannedChange[]): readonly PlannedExporter[] =>
  changes
    .filter(({ action }) => action === 'add')
    .map(({ unit, settings }) => ({ unit, settings: { ...settings, enabled: false } }))

const preparation = (transaction: Transaction | null, { effect, settings, keys }: PlannedChange) => ({
  type: 'config.prepare' as const,
  version: transaction?.version ?? 0,
  effect,
  settings,
  keys,
})

/** The system's vocabulary: its types, and the guards, actions, delays and child actors its chart names. */
export const systemSetup = setup({
  types: {
    context: {} as SystemContext,
    events: {} as SystemEvent,
    emitted: {} as SystemEmitted,
    input: {} as SystemInput,
  },
  actors,
  delays: {
    settleDeadline: settleMs,
    stopDeadline: ({ context }) => context.stopTimeoutMs + stopGraceMs,
  },
  guards: {
    nothingAwaited: ({ context }) => context.awaiting.length === 0,
    allPrepared: ({ context }) => context.awaiting.length === 0 && context.transaction?.refusals.length === 0,
    isPreparing: ({ context, event }) => context.awaiting.includes(idOf(event)),
    isAwaited: ({ context, event }) =>
      'version' in event &&
      event.version === context.transaction?.version &&
      context.awaiting.includes(idOf(event)),
  },
  actions: {
    spawnExporters: assign({
      groups: ({ context, spawn, self }, { exporters }: { exporters: readonly PlannedExporter[] }) => ({
        ...context.groups,
        ...Object.fromEntries(
          exporters.map((planned) => [planned.unit.id, spawnGroup(spawn, self, planned, { epoch: 0 })]),
        ),
      }),
    }),
    /** One actor of an exporter has died: the others stop, and all of them begin a next life over the same unit. */
    respawnCrashed: enqueueActions(({ context, event, enqueue }) => {
      const id = idOf(event)
      const group = context.groups[id]
      if (!group) return
      const { unit, leaving } = group
      const epoch = group.epoch + 1
      const breaker = event.type.startsWith('xstate.error.actor.breaker:') ? undefined : group.breaker
      enqueue(() => unit.noteCrash(errorOf(event)))
      enqueue.stopChild(group.exporter)
      enqueue.stopChild(group.delivery)
      if (breaker) enqueue.sendTo(breaker, { type: 'permit.cancel' })
      else enqueue.stopChild(group.breaker)
      enqueue.assign({
        groups: ({ context: { groups }, spawn, self }) => {
          const next = spawnGroup(spawn, self, group, breaker ? { epoch, breaker } : { epoch })
          return { ...groups, [id]: { ...next, leaving } }
        },
      })
      if (leaving) enqueue.sendTo(exporterOf(id), { type: 'exporter.stop' })
    }),

    beginTransaction: assign({
      transaction: ({ event, context }) =>
        event.type === 'config.change'
          ? { version: event.version, changes: event.changes, refusals: [] }
          : context.transaction,
      awaiting: ({ event, context }) =>
        event.type === 'config.change'
          ? event.changes.filter(({ action }) => action !== 'remove').map(({ unit }) => unit.id)
          : context.awaiting,
    }),
    askPrepare: enqueueActions(({ context: { groups, transaction }, enqueue }) => {
      for (const change of transaction?.changes ?? []) {
        const group = groups[change.unit.id]
        if (group && change.action !== 'remove')
          enqueue.sendTo(group.exporter, preparation(transaction, change))
      }
    }),
    /** The next life of a crashed exporter hears of the change under way as well: its outcome is yet to come. */
    askPrepareAgain: enqueueActions(({ context: { transaction }, event, enqueue }) => {
      const change = transaction?.changes.find(({ unit }) => unit.id === idOf(event))
      if (change && change.action !== 'remove')
        enqueue.sendTo(exporterOf(change.unit.id), preparation(transaction, change))
    }),
    noteAnswer: assign({ awaiting: ({ context, event }) => without(context.awaiting, idOf(event)) }),
    noteRefusal: assign({
      transaction: ({ context, event }) =>
        context.transaction && {
          ...context.transaction,
          refusals: [...context.transaction.refusals, { id: idOf(event), reason: reasonOf(event) }],
        },
    }),
    commitAll: enqueueActions(({ context, enqueue }) => {
      const { version = 0, changes = [] } = context.transaction ?? {}
      const groups = { ...context.groups }
      for (const { unit, action, settings, keys } of changes) {
        const group = groups[unit.id]
        if (!group || action === 'remove') continue
        groups[unit.id] = { ...group, settings }
        enqueue.sendTo(group.exporter, { type: 'config.commit', version, keys })
      }
      enqueue.assign({ groups })
    }),
    abortAll: enqueueActions(({ context, enqueue }) => {
      const { version = 0, changes = [] } = context.transaction ?? {}
      for (const { unit, action, keys } of changes) {
        const group = context.groups[unit.id]
        if (group && action === 'update')
          enqueue.sendTo(group.exporter, { type: 'config.abort', version, keys })
      }
    }),
    /** Sends away the exporters a transaction removes, or had added in vain. */
    dismiss: enqueueActions(({ context, enqueue }, { action }: { action: PlannedChange['action'] }) => {
      const groups = { ...context.groups }
      for (const change of context.transaction?.changes ?? []) {
        const group = groups[change.unit.id]
        if (change.action !== action || !group) continue
        groups[change.unit.id] = { ...group, leaving: true }
        enqueue.sendTo(group.exporter, { type: 'exporter.stop' })
      }
      enqueue.assign({ groups })
    }),
    awaitAcknowledgements: assign({
      awaiting: ({ context }) =>
        (context.transaction?.changes ?? []).map(({ unit }) => unit.id).filter((id) => context.groups[id]),
    }),
    announceSettled: emit(({ context }) => ({
      type: 'config.settled' as const,
      version: context.transaction?.version ?? 0,
      accepted: context.transaction?.refusals.length === 0,
      refusals: context.transaction?.refusals ?? [],
    })),
    endTransaction: assign({ transaction: null, awaiting: [] }),
    /** The crashed one may not have heard of the commit; staged twice is in force once. */
    commitCrashed: ({ context, event }) => {
      const group = context.groups[idOf(event)]
      group?.unit.life(group.epoch).commit()
    },
    abortCrashed: ({ context, event }) => {
      const group = context.groups[idOf(event)]
      group?.unit.life(group.epoch).abort()
    },
    refuseBusy: emit(({ event }) => ({
      type: 'config.settled' as const,
      version: event.type === 'config.change' ? event.version : 0,
      accepted: false,
      refusals: [{ id: '', reason: 'another change is under way, or telemetry has stopped' }],
    })),
    /** A stopped exporter that was to leave takes its actors with it. */
    removeStopped: enqueueActions(({ context, event, enqueue }) => {
      const id = idOf(event)
      const group = context.groups[id]
      if (!group?.leaving) return
      const { [id]: _, ...others } = context.groups
      enqueue.stopChild(group.exporter)
      enqueue.stopChild(group.delivery)
      enqueue.stopChild(group.breaker)
      enqueue.assign({ groups: others })
      enqueue.emit({ type: 'exporter.removed', id })
    }),

    relayFlush: enqueueActions(({ context, event, enqueue }) => {
      if (event.type !== 'exporters.flush') return
      for (const id of event.ids) {
        const group = context.groups[id]
        if (group) enqueue.sendTo(group.delivery, { type: 'exporter.flush' })
      }
    }),
    relayRestart: enqueueActions(({ context, event, enqueue }) => {
      const group = context.groups[idOf(event)]
      if (group) enqueue.sendTo(group.exporter, { type: 'exporter.restart' })
    }),
    relayBreakerCommand: enqueueActions(({ context, event, enqueue }) => {
      if (event.type !== 'breaker.command') return
      const group = context.groups[event.id]
      if (group) enqueue.sendTo(group.breaker, { type: `breaker.${event.command}` })
    }),

    stopAll: enqueueActions(({ context, event, enqueue }) => {
      const withinMs = event.type === 'system.stop' ? event.timeoutMs : context.stopTimeoutMs
      for (const { exporter } of Object.values(context.groups))
        enqueue.sendTo(exporter, { type: 'exporter.stop', withinMs })
      enqueue.assign({ awaiting: Object.keys(context.groups), stopTimeoutMs: withinMs })
    }),
    abandonCrashed: ({ context, event }) => {
      const group = context.groups[idOf(event)]
      group?.unit.life(group.epoch).abandon('shutdown')
    },
  },
})
