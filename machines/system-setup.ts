import { type AnyActorRef, assign, emit, enqueueActions, setup } from 'xstate'
import type { PlannedExporter, SystemEmitted, SystemEvent } from './events.ts'
import {
  actorsOf,
  type ExporterGroup,
  endpointsOf,
  gateOf,
  spawnGroup,
  surplusActors,
  systemActors,
  withEndpoints,
} from './exporter-group.ts'
import {
  endedOf,
  idOf,
  noTransaction,
  preparationOf,
  type SystemContext,
  type SystemInput,
} from './system-context.ts'

/** How long a change waits for drains and reopenings before it counts as settled; they go on by themselves. */
const settleMs = 1_000
/** The root outlives the exporters' own deadlines by this. */
const stopGraceMs = 100

const without = (ids: readonly string[], id: string): readonly string[] => ids.filter((other) => other !== id)

/**
 * How many exporters a stop clears away in this turn. XState copies the list of all children for each child that is
 * stopped: of a long list, a millisecond each.
 */
const clearedAtOnce = ({ perTurn, remaining }: SystemContext): number =>
  remaining.length <= perTurn ? remaining.length : Math.ceil(perTurn / 4)

const errorOf = (event: SystemEvent): unknown => ('error' in event ? event.error : undefined)

const exporterOf =
  (id: string) =>
  ({ context }: { context: SystemContext }): ExporterGroup['exporter'] =>
    (context.groups[id] as ExporterGroup).exporter

const reasonOf = (event: SystemEvent): string =>
  event.type === 'config.refused' ? event.reason : 'the exporter crashed while it prepared the change'

export const exportersOf = (event: unknown): readonly PlannedExporter[] =>
  (event as { input: SystemInput }).input.exporters

/** The system's vocabulary: its types, and the guards, actions, delays and child actors its chart names. */
export const systemSetup = setup({
  types: {
    context: {} as SystemContext,
    events: {} as SystemEvent,
    emitted: {} as SystemEmitted,
    input: {} as SystemInput,
  },
  actors: systemActors,
  delays: {
    settleDeadline: settleMs,
    stopDeadline: ({ context }) => context.stopTimeoutMs + stopGraceMs,
  },
  guards: {
    allAnswered: ({ context }) => context.awaiting.length === 0,
    allPrepared: ({ context }) => context.awaiting.length === 0 && context.transaction.refusals.length === 0,
    someRefused: ({ context }) => context.awaiting.length === 0 && context.transaction.refusals.length > 0,
    noneRemain: ({ context }) => context.remaining.length === 0,
    /** Not the late news of a life that has ended already. */
    isOfThisLife: ({ context, event }) => idOf(event, context) !== '',
    isPreparing: ({ context, event }) => context.awaiting.includes(idOf(event, context)),
    isAwaited: ({ context, event }) =>
      'version' in event &&
      event.version === context.transaction.version &&
      context.awaiting.includes(idOf(event, context)),
  },
  actions: {
    spawnExporters: enqueueActions(
      ({ enqueue }, { exporters }: { exporters: readonly PlannedExporter[] }) => {
        enqueue.assign({
          groups: ({ context, spawn, self }) => {
            const life = { epoch: 0, breakers: [] }
            const spawned = exporters.map((one) => [one.unit.id, spawnGroup(spawn, self, one, life)])
            return { ...context.groups, ...Object.fromEntries(spawned) }
          },
        })
      },
    ),
    /** One actor of an exporter has died: the others stop, and all of them begin a next life over the same unit. */
    respawnCrashed: enqueueActions(({ context, event, enqueue }) => {
      const id = idOf(event, context)
      const group = context.groups[id]
      if (!group) return
      const { unit, leaving } = group
      const crashed = endedOf(event)?.actor
      const breakers = group.breakers.map((breaker) => (breaker.id === crashed ? undefined : breaker))
      enqueue(() => unit.noteCrash(errorOf(event)))
      enqueue.stopChild(group.exporter)
      enqueue.stopChild(group.delivery)
      if (group.failover) enqueue.stopChild(group.failover)
      for (const [endpoint, breaker] of breakers.entries()) {
        if (breaker) enqueue.sendTo(breaker, { type: 'permit.cancel' })
        else enqueue.stopChild(group.breakers[endpoint] as AnyActorRef)
      }
      enqueue.assign({
        groups: ({ context: { groups }, spawn, self }) => {
          const next = spawnGroup(spawn, self, group, { epoch: group.epoch + 1, breakers })
          return { ...groups, [id]: { ...next, leaving } }
        },
      })
      if (leaving) enqueue.sendTo(exporterOf(id), { type: 'exporter.stop' })
    }),

    beginTransaction: assign(({ context, event }) => {
      if (event.type !== 'config.change') return context
      const { version, changes } = event
      const asked = changes.filter(({ effect }) => effect !== 'remove')
      return { transaction: { version, changes, refusals: [] }, awaiting: asked.map(({ unit }) => unit.id) }
    }),
    askPrepare: enqueueActions(({ context: { groups, transaction, awaiting }, enqueue }) => {
      for (const id of awaiting) {
        const preparation = preparationOf(transaction, id)
        if (groups[id] && preparation) enqueue.sendTo(groups[id].exporter, preparation)
      }
    }),
    /** The next life of a crashed exporter hears of the change under way as well: its outcome is yet to come. */
    askPrepareAgain: enqueueActions(({ context: { groups, transaction }, event, enqueue }) => {
      const { id = '' } = endedOf(event) ?? {}
      const preparation = preparationOf(transaction, id)
      if (groups[id] && preparation) enqueue.sendTo(exporterOf(id), preparation)
    }),
    noteAnswer: assign({
      awaiting: ({ context, event }) => without(context.awaiting, idOf(event, context)),
    }),
    noteRefusal: assign({
      transaction: ({ context, event }) => ({
        ...context.transaction,
        refusals: [...context.transaction.refusals, { id: idOf(event, context), reason: reasonOf(event) }],
      }),
    }),
    /** Exporters whose number of endpoints changes get the breakers for it. */
    fitEndpoints: enqueueActions(({ context, enqueue }) => {
      const changes = context.transaction.changes.filter(({ effect }) => effect !== 'remove')
      const refitted = changes.flatMap(({ unit: { id }, settings }) => {
        const group = context.groups[id]
        return group && endpointsOf(group.settings) !== endpointsOf(settings) ? [{ id, group, settings }] : []
      })
      if (refitted.length === 0) return
      enqueue.assign({
        groups: ({ context: { groups }, spawn }) => ({
          ...groups,
          ...Object.fromEntries(
            refitted.map(({ id, group, settings }) => [id, withEndpoints(spawn, group, settings)]),
          ),
        }),
        surplus: refitted.flatMap(({ group, settings }) => surplusActors(group, settings)),
      })
      for (const { id, group, settings } of refitted) {
        if (endpointsOf(settings) === 1)
          enqueue.sendTo(group.breakers[0]!, { type: 'breaker.watch', watcher: undefined })
        else if (group.failover)
          enqueue.sendTo(group.failover, ({ context: { groups } }) => ({
            type: 'failover.endpoints' as const,
            breakers: groups[id]?.breakers ?? [],
          }))
      }
    }),
    /** Stops superfluous actors: after the commit no other actor sends to them. */
    stopSurplus: enqueueActions(({ context, enqueue }) => {
      for (const actor of context.surplus) enqueue.stopChild(actor)
      if (context.surplus.length > 0) enqueue.assign({ surplus: [] })
    }),
    /** Exporters that stay take the change over; removed ones stop. */
    commitAll: enqueueActions(({ context: { groups, transaction }, enqueue }) => {
      const settled = { ...groups }
      const told: string[] = []
      for (const { unit, effect, settings, keys } of transaction.changes) {
        const group = groups[unit.id]
        if (!group) continue
        told.push(unit.id)
        const leaving = effect === 'remove'
        settled[unit.id] = leaving ? { ...group, leaving } : { ...group, settings }
        if (leaving) {
          enqueue.sendTo(group.exporter, { type: 'exporter.stop' })
          continue
        }
        enqueue.sendTo(group.exporter, {
          ...{ type: 'config.commit', version: transaction.version, keys },
          ...((endpointsOf(group.settings) === 1) !== (endpointsOf(settings) === 1) && {
            breaker: gateOf(group),
          }),
        })
      }
      enqueue.assign({ groups: settled, awaiting: told })
    }),
    /** Exporters that stay forget the change; those that it added stop. */
    abortAll: enqueueActions(({ context: { groups, transaction }, enqueue }) => {
      const settled = { ...groups }
      const told: string[] = []
      for (const { unit, effect, keys } of transaction.changes) {
        const group = groups[unit.id]
        if (!group || effect === 'remove') continue
        told.push(unit.id)
        const leaving = effect === 'add'
        settled[unit.id] = { ...group, leaving }
        if (leaving) enqueue.sendTo(group.exporter, { type: 'exporter.stop' })
        else enqueue.sendTo(group.exporter, { type: 'config.abort', version: transaction.version, keys })
      }
      enqueue.assign({ groups: settled, awaiting: told })
    }),
    announceSettled: emit(
      ({
        context: {
          transaction: { version, refusals },
        },
      }) => ({
        type: 'config.settled' as const,
        version,
        accepted: refusals.length === 0,
        refusals,
      }),
    ),
    endTransaction: assign({ transaction: noTransaction, awaiting: [] }),
    /** The crashed one may not have heard of the commit; staged twice is in force once. */
    commitCrashed: ({ context, event }) => {
      const group = context.groups[idOf(event, context)]
      group?.unit.life(group.epoch).commit()
    },
    abortCrashed: ({ context, event }) => {
      const group = context.groups[idOf(event, context)]
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
      const id = idOf(event, context)
      const group = context.groups[id]
      if (!group?.leaving) return
      const { [id]: _, ...others } = context.groups
      for (const actor of actorsOf(group).reverse()) enqueue.stopChild(actor)
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
      const group = context.groups[idOf(event, context)]
      if (group) enqueue.sendTo(group.exporter, { type: 'exporter.restart' })
    }),
    relayBreakerCommand: enqueueActions(({ context, event, enqueue }) => {
      if (event.type !== 'breaker.command') return
      const breakers = context.groups[event.id]?.breakers ?? []
      for (const [endpoint, breaker] of breakers.entries())
        if (endpoint === (event.endpoint ?? endpoint))
          enqueue.sendTo(breaker, { type: `breaker.${event.command}` })
    }),

    planStop: assign(({ context, event }) => ({
      stopTimeoutMs: event.type === 'system.stop' ? event.timeoutMs : context.stopTimeoutMs,
      awaiting: Object.keys(context.groups),
      remaining: Object.keys(context.groups),
    })),
    stopSome: enqueueActions(({ context, enqueue }) => {
      const { groups, remaining, perTurn, stopTimeoutMs: withinMs } = context
      for (const id of remaining.slice(0, perTurn)) {
        const group = groups[id]
        if (group) enqueue.sendTo(group.exporter, { type: 'exporter.stop', withinMs })
      }
      enqueue.assign({ remaining: remaining.slice(perTurn) })
    }),
    planClearing: assign({ remaining: ({ context }) => Object.keys(context.groups) }),
    /** Their last snapshots stay readable. */
    clearSome: enqueueActions(({ context, enqueue }) => {
      const { groups, remaining } = context
      const count = clearedAtOnce(context)
      for (const id of remaining.slice(0, count)) {
        const group = groups[id]
        if (!group) continue
        for (const actor of actorsOf(group)) enqueue.stopChild(actor)
      }
      enqueue.assign({ remaining: remaining.slice(count) })
    }),
    abandonCrashed: ({ context, event }) => {
      const group = context.groups[idOf(event, context)]
      group?.unit.life(group.epoch).abandon('shutdown')
    },
  },
})
