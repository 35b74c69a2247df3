import { addedBy, exportersOf, systemSetup } from './system-setup.ts'

/**
 * The root: spawns an exporter, its delivery and its breaker for each unit, respawns them when one of them crashes,
 * carries configuration changes through the exporters as transactions (prepare everywhere, then commit or abort
 * everywhere), and stops them all.
 */
export const systemMachine = systemSetup.createMachine({
  id: 'system',
  options: { maxIterations: 1000 },
  context: { groups: {}, transaction: null, awaiting: [], stopTimeoutMs: 0 },
  entry: {
    type: 'spawnExporters',
    params: ({ event }) => ({ exporters: exportersOf(event), begins: 'as_configured' as const }),
  },
  initial: 'running',
  states: {
    running: {
      initial: 'idle',
      on: {
        'xstate.error.actor.*': { actions: 'respawnCrashed' },
        'exporter.stopped': { actions: 'removeStopped' },
        'exporters.flush': { actions: 'relayFlush' },
        'exporter.restart': { actions: 'relayRestart' },
        'breaker.command': { actions: 'relayBreakerCommand' },
        'config.change': { actions: 'refuseBusy' },
        'system.stop': { target: 'stopping', actions: 'stopAll' },
      },
      states: {
        idle: {
          on: {
            'config.change': {
              target: 'preparing',
              actions: [
                {
                  type: 'spawnExporters',
                  params: ({ event }) => ({ exporters: addedBy(event.changes), begins: 'staged' as const }),
                },
                'beginTransaction',
                'askPrepare',
              ],
            },
          },
        },
        preparing: {
          always: [
            { guard: 'allPrepared', target: 'committing' },
            { guard: 'nothingAwaited', target: 'aborting' },
          ],
          on: {
            'config.prepared': { guard: 'isAwaited', actions: 'noteAnswer' },
            'config.refused': { guard: 'isAwaited', actions: ['noteRefusal', 'noteAnswer'] },
            'xstate.error.actor.*': [
              { guard: 'isPreparing', actions: ['noteRefusal', 'noteAnswer', 'respawnCrashed'] },
              { actions: 'respawnCrashed' },
            ],
          },
        },
        committing: {
          entry: ['commitAll', { type: 'dismiss', params: { action: 'remove' } }, 'awaitAcknowledgements'],
          always: { guard: 'nothingAwaited', target: 'idle' },
          after: { settleDeadline: 'idle' },
          on: {
            'config.acknowledged': { guard: 'isAwaited', actions: 'noteAnswer' },
            'exporter.stopped': { actions: ['removeStopped', 'noteAnswer'] },
            'xstate.error.actor.*': { actions: ['noteAnswer', 'commitCrashed', 'respawnCrashed'] },
          },
          exit: ['announceSettled', 'endTransaction'],
        },
        aborting: {
          entry: ['abortAll', { type: 'dismiss', params: { action: 'add' } }, 'awaitAcknowledgements'],
          always: { guard: 'nothingAwaited', target: 'idle' },
          after: { settleDeadline: 'idle' },
          on: {
            'config.acknowledged': { guard: 'isAwaited', actions: 'noteAnswer' },
            'exporter.stopped': { actions: ['removeStopped', 'noteAnswer'] },
            'xstate.error.actor.*': { actions: ['noteAnswer', 'abortCrashed', 'respawnCrashed'] },
          },
          exit: ['announceSettled', 'endTransaction'],
        },
      },
    },
    stopping: {
      always: { guard: 'nothingAwaited', target: 'stopped' },
      after: { stopDeadline: 'stopped' },
      on: {
        'exporter.stopped': { actions: 'noteAnswer' },
        'xstate.error.actor.*': { actions: ['abandonCrashed', 'noteAnswer'] },
        'config.change': { actions: 'refuseBusy' },
      },
    },
    stopped: { type: 'final' },
  },
})
