import { deliverySetup, placeOf, scopeOf } from './delivery-setup.ts'

/**
 * Decides when a batch of one exporter is sent: gather until a batch is due, ask the breaker, export, wait after a
 * failure. It steps per batch, never per telemetry event nor per turn of the event loop: the unit holds the telemetry
 * and says once when something waits, and once when a batch is due.
 */
export const deliveryMachine = deliverySetup.createMachine({
  id: 'delivery',
  options: { maxIterations: 1000 },
  context: ({ input }) => ({
    ...input,
    permit: null,
    recalled: false,
    tried: [],
    failing: false,
    waitMs: 0,
    drain: null,
  }),
  entry: 'listen',
  initial: 'halted',
  on: {
    'delivery.start': '.working',
    'delivery.halt': '.halted',
    'delivery.drain': { target: '.draining', actions: 'noteDrain' },
    'exporter.flush': { actions: 'requestFlush' },
    'permit.granted': { actions: 'returnPermit' },
    'permit.revoked': { actions: 'dropPermit' },
    'permit.recalled': { actions: 'recallPermit' },
    'endpoint.changed': { actions: 'serve' },
    'delivery.redirect': { actions: 'redirect' },
  },
  states: {
    halted: {},
    working: {
      exit: 'releasePermit',
      initial: 'idle',
      on: {
        /** It owes nothing to the failures of the last one: what was waited for is over. */
        'endpoint.changed': { target: '.idle', actions: ['dropPermit', 'serve'] },
      },
      states: {
        idle: {
          entry: 'look',
          on: {
            'work.arrived': { target: 'gathering', actions: 'noteWait' },
            'telemetry.batch': [{ guard: 'keepsPermit', target: 'exporting' }, { target: 'asking' }],
            'work.deferred': [
              { guard: 'isOwnBackoff', target: 'backing_off', actions: 'noteWait' },
              { target: 'deferred', actions: 'noteWait' },
            ],
            'exporter.flush': { target: 'idle', reenter: true, actions: 'requestFlush' },
          },
        },
        gathering: {
          after: { wait: 'idle' },
          on: {
            'work.arrived': { target: 'gathering', reenter: true, actions: 'noteWait' },
            'telemetry.batch': [{ guard: 'keepsPermit', target: 'exporting' }, { target: 'asking' }],
            'exporter.flush': { target: 'idle', actions: 'requestFlush' },
          },
        },
        asking: {
          entry: 'requestPermit',
          on: {
            'permit.granted': { target: 'exporting', actions: 'keepPermit' },
            'permit.denied': { target: 'asking', reenter: true, actions: ['failFlush', 'forgetTried'] },
            /** The request is passed on to it. */
            'endpoint.changed': { actions: 'serve' },
            'exporter.flush': { target: 'asking', reenter: true, actions: 'requestFlush' },
          },
        },
        exporting: {
          exit: 'endWave',
          on: {
            'permit.revoked': { actions: ['dropPermit', 'endWave'] },
            'endpoint.changed': [
              { guard: 'hasPermit', actions: ['recallPermit', 'serve'] },
              /** Batches in flight finish by themselves. */
              { target: 'idle', actions: 'serve' },
            ],
          },
          invoke: {
            src: 'exportWave',
            input: ({ context }) => ({ ...placeOf(context), scope: scopeOf(context) }),
            onDone: [
              {
                guard: { type: 'isRoutine', params: ({ event }) => ({ report: event.output }) },
                target: 'idle',
              },
              {
                target: 'idle',
                actions: { type: 'report', params: ({ event }) => ({ report: event.output }) },
              },
            ],
            onError: { target: 'deferred', actions: ['noteError', 'releasePermit', 'noteWait'] },
          },
        },
        /** Our own backoff delays no probe: an open breaker has waited in its stead. */
        backing_off: {
          entry: 'requestProbe',
          exit: 'withdrawRequest',
          after: { wait: 'idle' },
          on: {
            'permit.granted': { target: 'exporting', actions: 'keepPermit' },
            'exporter.flush': { target: 'idle', actions: 'requestFlush' },
          },
        },
        /** The backend named a time. Only a new destination or a drain ends it earlier. */
        deferred: {
          after: { wait: 'idle' },
        },
      },
    },
    draining: {
      exit: ['releasePermit', 'answerDrained'],
      initial: 'asking',
      on: {
        /** It goes on; the exporter that asks keeps its own deadline. */
        'delivery.drain': { actions: 'noteDrain' },
      },
      onDone: 'halted',
      states: {
        asking: {
          entry: 'requestLastPermit',
          on: {
            'permit.granted': { target: 'exporting', actions: 'keepPermit' },
            'permit.denied': 'drained',
          },
        },
        exporting: {
          exit: 'endWave',
          on: {
            'permit.revoked': { actions: ['dropPermit', 'endWave'] },
          },
          invoke: {
            src: 'drain',
            input: ({ context }) => ({
              ...placeOf(context),
              probe: context.permit?.probe ?? true,
              withinMs: context.drain?.withinMs ?? 0,
            }),
            onDone: [
              {
                guard: { type: 'mayTryOthers', params: ({ event }) => ({ report: event.output }) },
                target: 'asking',
                actions: { type: 'report', params: ({ event }) => ({ report: event.output }) },
              },
              {
                guard: 'hasPermit',
                target: 'drained',
                actions: { type: 'report', params: ({ event }) => ({ report: event.output }) },
              },
              { target: 'asking' },
            ],
            onError: { target: 'drained', actions: 'noteError' },
          },
        },
        drained: { type: 'final' },
      },
    },
  },
})
