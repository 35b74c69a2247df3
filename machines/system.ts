import { addedBy, systemSetup, unitsOf } from './system-setup.ts'

/**
 * The root: spawns an exporter, its breaker and its supervisor for each unit, carries configuration changes
 * through them as transactions (prepare everywhere, then commit or abort everywhere), and stops them all.
 */
export const systemMachine = systemSetup.createMachine({
  id: 'system',
  options: { maxIterations: 1000 },
  context: { households: {}, transaction: null, awaiting: [], postponed: [], stopTimeoutMs: 0 },
  entry: [{ type: 'spawnHouseholds', params: ({ event }) => ({ units: unitsOf(event) }) }, 'enableAll'],
  initial: 'running',
  states: {
    running: {
      initial: 'idle',
      on: {
        'xstate.error.actor.*': { actions: 'noteCrash' },
        'exporter.respawn': { actions: 'respawn' },
        'exporter.stopped': { actions: 'seeOff' },
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
                { type: 'spawnHouseholds', params: ({ event }) => ({ units: addedBy(event.changes) }) },
                'beginTransaction',
                'askPrepare',
              ],
            },
          },
        },
        preparing: {
          always: [
            {
              guard: 'allPrepared',
              target: 'settling',
              actions: ['commitAll', { type: 'dismiss', params: { action: 'remove' } }],
            },
            {
              guard: 'nothingAwaited',
              target: 'settling',
              actions: ['abortAll', { type: 'dismiss', params: { action: 'add' } }],
            },
          ],
          on: {
            'config.prepared': { guard: 'isAwaited', actions: 'noteAnswer' },
            'config.refused': { guard: 'isAwaited', actions: ['noteRefusal', 'noteAnswer'] },
            'exporter.respawn': [{ guard: 'isTouched', actions: 'postponeRespawn' }, { actions: 'respawn' }],
            'xstate.error.actor.*': [
              { guard: 'isPreparing', actions: ['noteRefusal', 'noteAnswer', 'noteCrash'] },
              { actions: 'noteCrash' },
            ],
          },
        },
        settling: {
          entry: 'awaitAcknowledgements',
          always: { guard: 'nothingAwaited', target: 'idle' },
          after: { settleDeadline: 'idle' },
          on: {
            'config.acknowledged': { guard: 'isAwaited', actions: 'noteAnswer' },
            'exporter.stopped': { actions: ['seeOff', 'noteAnswer'] },
            'xstate.error.actor.*': { actions: ['noteAnswer', 'concludeForCrashed', 'noteCrash'] },
          },
          exit: ['announceSettled', 'endTransaction', 'respawnPostponed'],
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
