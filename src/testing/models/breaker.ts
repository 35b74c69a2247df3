import { assign, type SnapshotFrom, setup } from 'xstate'

/** The `failure_threshold` that {@link breakerModel} assumes. */
export const breakerModelThreshold = 3

/**
 * A model of what a circuit breaker shows while its exporter always has more to send, one batch at a time. An attempt
 * is stale when the permit that it was made with is void: its outcome no longer counts. Its context remembers failures
 * in states in which they do not count: follow it with {@link breakerProjection}.
 */
export const breakerModel = setup({
  types: {
    context: {} as { failures: number; inFlight: boolean; stale: boolean },
    events: {} as {
      type:
        | 'succeeds'
        | 'is refused'
        | 'fails'
        | 'times out'
        | 'is misdirected'
        | 'reset_timeout passes'
        | 'is forced open'
        | 'is disabled'
        | 'is reset'
        | 'exporter restarts'
        | 'exporter crashes'
        | 'endpoint changes'
    },
  },
  guards: {
    stale: ({ context }) => context.stale,
    inFlight: ({ context }) => context.inFlight,
    lastStraw: ({ context }) => context.failures + 1 >= breakerModelThreshold,
  },
  actions: {
    count: assign({ failures: ({ context }) => context.failures + 1 }),
    forget: assign({ failures: 0 }),
    /** A permit of the present, and the next attempt. */
    attempt: assign({ inFlight: true, stale: false }),
    /** The attempt under way holds an outdated permit; without one, the next attempt begins. */
    outdate: assign({ stale: ({ context }) => context.inFlight, inFlight: true }),
    outdateOnly: assign({ stale: ({ context }) => context.inFlight }),
    wait: assign({ inFlight: false, stale: false }),
  },
}).createMachine({
  id: 'breaker model',
  context: { failures: 0, inFlight: true, stale: false },
  initial: 'closed',
  on: {
    'is forced open': { target: '.forced_open', actions: 'outdateOnly' },
    'is disabled': { target: '.disabled', actions: 'outdate' },
    'is reset': { target: '.closed', actions: ['forget', 'outdate'] },
    'endpoint changes': { target: '.closed', actions: ['forget', 'attempt'] },
  },
  states: {
    closed: {
      on: {
        succeeds: [{ guard: 'stale', actions: 'attempt' }, { actions: ['forget', 'attempt'] }],
        'is refused': [{ guard: 'stale', actions: 'attempt' }, { actions: ['forget', 'attempt'] }],
        fails: [
          { guard: 'stale', actions: 'attempt' },
          { guard: 'lastStraw', target: 'open', actions: 'wait' },
          { actions: ['count', 'attempt'] },
        ],
        'times out': [
          { guard: 'stale', actions: 'attempt' },
          { guard: 'lastStraw', target: 'open', actions: 'wait' },
          { actions: ['count', 'attempt'] },
        ],
        'is misdirected': [
          { guard: 'stale', actions: 'attempt' },
          { target: 'open', actions: 'wait' },
        ],
        'exporter restarts': { actions: 'attempt' },
        'exporter crashes': { actions: 'attempt' },
      },
    },
    open: {
      on: {
        'reset_timeout passes': { target: 'half_open', actions: 'attempt' },
        'exporter restarts': {},
        'exporter crashes': {},
      },
    },
    half_open: {
      on: {
        succeeds: { target: 'closed', actions: ['forget', 'attempt'] },
        'is refused': { target: 'closed', actions: ['forget', 'attempt'] },
        fails: { target: 'open', actions: 'wait' },
        'times out': { target: 'open', actions: 'wait' },
        'is misdirected': { target: 'open', actions: 'wait' },
        'exporter restarts': {},
        'exporter crashes': {},
      },
    },
    forced_open: {
      on: {
        succeeds: { guard: 'inFlight', actions: 'wait' },
        'is refused': { guard: 'inFlight', actions: 'wait' },
        fails: { guard: 'inFlight', actions: 'wait' },
        'times out': { guard: 'inFlight', actions: 'wait' },
        'is misdirected': { guard: 'inFlight', actions: 'wait' },
        'reset_timeout passes': { guard: ({ context }) => !context.inFlight },
        'exporter restarts': { actions: 'wait' },
        'exporter crashes': { actions: 'wait' },
        'endpoint changes': { actions: 'wait' },
      },
    },
    disabled: {
      on: {
        succeeds: { actions: 'attempt' },
        'is refused': { actions: 'attempt' },
        fails: { actions: 'attempt' },
        'times out': { actions: 'attempt' },
        'is misdirected': { actions: 'attempt' },
        'exporter restarts': { actions: 'attempt' },
        'exporter crashes': { actions: 'attempt' },
        'endpoint changes': { actions: 'attempt' },
      },
    },
  },
})

/** Identifies the states of {@link breakerModel}, for `followModel`. */
export const breakerProjection = ({
  value,
  context: { failures, inFlight, stale },
}: SnapshotFrom<typeof breakerModel>): unknown => [value, value === 'closed' ? failures : 0, inFlight, stale]
