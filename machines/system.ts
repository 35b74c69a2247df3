import { addedBy, noTransaction } from './system-context.ts'
import { exportersOf, systemSetup } from './system-setup.ts'

/**
 * The root: spawns an exporter, its delivery and its breaker for each unit, respawns them when one of them crashes,
 * carries configuration changes through the exporters as transactions (prepare everywhere, then commit or abort
 * everywhere), and stops them all.
 */
export const systemMachine = systemSetup.createMachine({
  id: 'system',
  options: { maxIterations: 1000 },
  context: ({ input: { perTurn = 16 } }) => ({
    groups: {},
    surplus: [],
    transaction: noTransaction,
    awaiting: [],
    stopTimeoutMs: 0,
    remaining: [],
    perTurn,
  }),
  entry: { type: 'spawnExporters', params: ({ event }) => ({ exporters: exportersOf(event) }) },
  initial: 'running',
  on: {
    'config.change': { actions: 'refuseBusy' },
  },
  states: {
    running: {
      initial: 'idle',
      on: {
        'exporters.flush': { actions: 'relayFlush' },
        'exporter.restart': { actions: 'relayRestart' },
        'breaker.command': { actions: 'relayBreakerCommand' },
        'exporter.stopped': { actions: ['removeStopped', 'noteAnswer'] },
        'xstate.error.actor.*': { actions: 'respawnCrashed' },
        'system.stop': 'stopping',
      },
      states: {
        idle: {
          on: {
            'config.change': 'preparing',
            'exporters.add': {
              actions: { type: 'spawnExporters', params: ({ event }) => ({ exporters: event.exporters }) },
            },
          },
        },
        preparing: {
          entry: [
            {
              type: 'spawnExporters',
              params: ({ event }) => ({
                exporters: event.type === 'config.change' ? addedBy(event.changes) : [],
              }),
            },
            'beginTransaction',
            'askPrepare',
          ],
          always: [
            { guard: 'allPrepared', target: 'settling.committing' },
            { guard: 'someRefused', target: 'settling.aborting' },
          ],
          on: {
            'config.prepared': { guard: 'isAwaited', actions: 'noteAnswer' },
            'config.refused': { guard: 'isAwaited', actions: ['noteRefusal', 'noteAnswer'] },
            'xstate.error.actor.*': [
              { guard: 'isPreparing', actions: ['noteRefusal', 'noteAnswer', 'respawnCrashed'] },
              { guard: 'isOfThisLife', actions: ['respawnCrashed', 'askPrepareAgain'] },
            ],
          },
        },
        settling: {
          initial: 'committing',
          always: { guard: 'allAnswered', target: 'idle' },
          after: { settleDeadline: 'idle' },
          on: {
            'config.acknowledged': { guard: 'isAwaited', actions: 'noteAnswer' },
          },
          exit: ['announceSettled', 'endTransaction'],
          states: {
            committing: {
              entry: ['fitEndpoints', 'commitAll', 'stopSurplus'],
              on: {
                'xstate.error.actor.*': { actions: ['commitCrashed', 'noteAnswer', 'respawnCrashed'] },
              },
            },
            aborting: {
              entry: 'abortAll',
              on: {
                'xstate.error.actor.*': { actions: ['abortCrashed', 'noteAnswer', 'respawnCrashed'] },
              },
            },
          },
        },
      },
    },
    stopping: {
      entry: 'planStop',
      after: { stopDeadline: 'clearing' },
      on: {
        // Not `exporter.stopped`, which comes before it: what an actor sends to a system that has ended is warned of.
        'xstate.done.actor.*': { actions: 'noteAnswer' },
        'xstate.error.actor.*': { actions: ['abandonCrashed', 'noteAnswer'] },
      },
      initial: 'telling',
      states: {
        /** A few a turn, so that a stop of very many exporters does not block the event loop. */
        telling: {
          entry: 'stopSome',
          always: [{ guard: 'noneRemain', target: 'draining' }, { target: 'yielding' }],
        },
        yielding: { invoke: { src: 'yield', onDone: 'telling' } },
        draining: {
          always: { guard: 'allAnswered', target: '#system.clearing' },
        },
      },
      exit: 'planClearing',
    },
    /** The actors of all exporters stop, a few exporters a turn. */
    clearing: {
      on: {
        'xstate.error.actor.*': { actions: 'abandonCrashed' },
      },
      initial: 'stopping',
      states: {
        stopping: {
          entry: 'clearSome',
          always: [{ guard: 'noneRemain', target: '#system.stopped' }, { target: 'yielding' }],
        },
        yielding: { invoke: { src: 'yield', onDone: 'stopping' } },
      },
    },
    stopped: { type: 'final' },
  },
})
