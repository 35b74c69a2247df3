import { assign, setup } from 'xstate'

/**
 * A model of the life of one exporter, as seen from outside. In its context, `hanging` means that an attempt is in
 * flight and unanswered; `enabled` is what the configuration in force says.
 */
export const lifecycleModel = setup({
  types: {
    context: {} as { hanging: boolean; enabled: boolean },
    events: {} as {
      type:
        | 'client opens'
        | 'client cannot open'
        | 'time passes'
        | 'attempt hangs'
        | 'attempt is answered'
        | 'is disabled'
        | 'is enabled'
        | 'is restarted'
        | 'crashes'
        | 'crashes too often'
        | 'stops'
    },
  },
  guards: {
    hanging: ({ context }) => context.hanging,
    idle: ({ context }) => !context.hanging,
    enabled: ({ context }) => context.enabled,
  },
  actions: {
    hang: assign({ hanging: true }),
    end: assign({ hanging: false }),
    enable: assign({ enabled: true }),
    disable: assign({ enabled: false }),
    stay: () => {},
  },
}).createMachine({
  id: 'lifecycle model',
  context: { hanging: false, enabled: true },
  initial: 'serving',
  states: {
    opening: {
      on: {
        'client opens': 'serving',
        'client cannot open': 'retrying',
        'is disabled': { target: 'disabled', actions: 'disable' },
        'is restarted': 'opening',
        crashes: 'restarting',
        'crashes too often': 'failed',
        stops: 'stopped',
      },
    },
    retrying: {
      on: {
        'time passes': 'opening',
        'is disabled': { target: 'disabled', actions: 'disable' },
        'is restarted': 'opening',
        crashes: 'restarting',
        stops: 'stopped',
      },
    },
    serving: {
      on: {
        'attempt hangs': { guard: 'idle', actions: 'hang' },
        'attempt is answered': { guard: 'hanging', actions: 'end' },
        'is disabled': [
          { guard: 'hanging', target: 'draining', actions: 'disable' },
          { target: 'disabled', actions: 'disable' },
        ],
        'is restarted': { target: 'opening', actions: 'end' },
        crashes: { target: 'restarting', actions: 'end' },
        'crashes too often': { target: 'failed', actions: 'end' },
        stops: [{ guard: 'hanging', target: 'stopping' }, { target: 'stopped' }],
      },
    },
    draining: {
      on: {
        'attempt is answered': { target: 'disabled', actions: 'end' },
        'time passes': { target: 'disabled', actions: 'end' },
        'is enabled': 'reviving',
        'is restarted': { actions: 'stay' },
        crashes: { target: 'restarting', actions: 'end' },
        stops: 'stopping',
      },
    },
    /** Enabled again: the drain goes on until the client opens, and is finished if it does not. */
    reviving: {
      on: {
        'client opens': [
          { guard: 'hanging', target: 'replaced', actions: 'enable' },
          { target: 'serving', actions: 'enable' },
        ],
        'client cannot open': [{ guard: 'hanging', target: 'draining' }, { target: 'disabled' }],
        'attempt is answered': { guard: 'hanging', actions: 'end' },
        'is restarted': { actions: 'stay' },
        crashes: { target: 'restarting', actions: 'end' },
        stops: [{ guard: 'hanging', target: 'stopping' }, { target: 'stopped' }],
      },
    },
    /** The new client serves, and the old one finishes what it has in flight. */
    replaced: {
      on: {
        'attempt is answered': { target: 'serving', actions: 'end' },
        'time passes': { target: 'serving', actions: 'end' },
        'is restarted': { target: 'opening', actions: 'end' },
        crashes: { target: 'restarting', actions: 'end' },
        stops: 'stopping_both',
      },
    },
    disabled: {
      on: {
        'is enabled': 'enabling',
        'is restarted': { actions: 'stay' },
        crashes: 'restarting',
        stops: 'stopped',
      },
    },
    /** The change is refused unless the client opens. */
    enabling: {
      on: {
        'client opens': { target: 'serving', actions: 'enable' },
        'client cannot open': 'disabled',
        'is restarted': { actions: 'stay' },
        crashes: 'restarting',
        stops: 'stopped',
      },
    },
    restarting: {
      on: {
        'time passes': [{ guard: 'enabled', target: 'opening' }, { target: 'disabled' }],
        'is restarted': [{ guard: 'enabled', target: 'opening' }, { target: 'disabled' }],
        'is disabled': { guard: 'enabled', target: 'disabled', actions: 'disable' },
        stops: 'stopped',
      },
    },
    failed: {
      on: {
        'time passes': { actions: 'stay' },
        'is restarted': 'opening',
        'is disabled': { target: 'disabled', actions: 'disable' },
        stops: 'stopped',
      },
    },
    stopping: {
      on: {
        'attempt is answered': { target: 'stopped', actions: 'end' },
        'time passes': { target: 'stopped', actions: 'end' },
        crashes: { target: 'stopped', actions: 'end' },
        stops: { actions: 'stay' },
      },
    },
    stopping_both: {
      on: {
        'attempt is answered': { target: 'stopped', actions: 'end' },
        'time passes': { target: 'stopped', actions: 'end' },
      },
    },
    stopped: {
      on: {
        'time passes': { actions: 'stay' },
        'is restarted': { actions: 'stay' },
        stops: { actions: 'stay' },
      },
    },
  },
})
