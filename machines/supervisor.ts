import { type ActorRef, assign, fromPromise, type Snapshot, sendTo, setup } from 'xstate'
import type { SupervisorEvent, SystemReport } from './events.ts'
import type { UnitPort } from './ports.ts'
import { defaultRestartPolicy, exceedsIntensity, rememberCrash, restartBackoffMs } from './supervision.ts'

export interface SupervisorInput {
  readonly unit: UnitPort
  readonly system: ActorRef<Snapshot<unknown>, SystemReport>
}

export interface SupervisorContext extends SupervisorInput {
  /** Times of the crashes that still count. */
  readonly crashes: readonly number[]
}

/**
 * Decides, for one exporter, what follows a crash: fence the unit, back off, respawn; give up when crashes
 * come too fast, until an operator or a configuration change revives it (semantics, section 8).
 */
export const supervisorMachine = setup({
  types: {
    context: {} as SupervisorContext,
    events: {} as SupervisorEvent,
    input: {} as SupervisorInput,
  },
  actors: {
    /** Aborts and reclaims the unit's leases, closes its clients. */
    fence: fromPromise<void, { unit: UnitPort }>(() => Promise.resolve()),
  },
  delays: {
    restartBackoff: ({ context }) => restartBackoffMs(context.crashes, defaultRestartPolicy),
  },
  guards: {
    tooOften: ({ context }) => exceedsIntensity(context.crashes, defaultRestartPolicy),
  },
  actions: {
    noteCrash: assign({
      crashes: ({ context, event }) => {
        if (event.type === 'exporter.crashed') context.unit.noteError(event.error)
        return rememberCrash(context.crashes, context.unit.now(), defaultRestartPolicy)
      },
    }),
    forgive: assign({ crashes: [] }),
    askRespawn: sendTo(
      ({ context }) => context.system,
      ({ context }) => ({ type: 'exporter.respawn' as const, id: context.unit.id }),
    ),
  },
}).createMachine({
  id: 'supervisor',
  options: { maxIterations: 1000 },
  context: ({ input }) => ({ ...input, crashes: [] }),
  initial: 'up',
  on: { 'system.stop': { target: '.stopped' } },
  states: {
    up: {
      on: { 'exporter.crashed': { target: 'fencing', actions: 'noteCrash' } },
    },
    fencing: {
      invoke: {
        src: 'fence',
        input: ({ context }) => ({ unit: context.unit }),
        onDone: [{ guard: 'tooOften', target: 'failed' }, { target: 'backoff' }],
        onError: [{ guard: 'tooOften', target: 'failed' }, { target: 'backoff' }],
      },
    },
    backoff: {
      after: { restartBackoff: { target: 'up', actions: 'askRespawn' } },
      on: { 'exporter.revive': { target: 'up', actions: ['forgive', 'askRespawn'] } },
    },
    failed: {
      on: { 'exporter.revive': { target: 'up', actions: ['forgive', 'askRespawn'] } },
    },
    stopped: { type: 'final' },
  },
})
