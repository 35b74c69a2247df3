import { assign, type SnapshotFrom, setup } from 'xstate'

/** Context of {@link rebuildModel}. */
export interface RebuildContext {
  /** The destination in force; each change asks for the next. */
  readonly place: number
  readonly wanted: number
  /** Another change waits for the current one. */
  readonly queued: boolean
  readonly one: 'up' | 'restarting' | 'opening'
  /** Outcomes of the changes so far. */
  readonly outcomes: readonly ('in force' | 'refused')[]
}

/**
 * A model of a change of destination of two exporters, as a transaction: it is in force in both, or in neither. `one`
 * may crash meanwhile. Its context grows with each change: follow it with {@link rebuildProjection}.
 */
export const rebuildModel = setup({
  types: {
    context: {} as RebuildContext,
    events: {} as {
      type:
        | 'a change comes'
        | 'one opens'
        | 'one cannot open'
        | 'two opens'
        | 'two cannot open'
        | 'one crashes'
        | 'one comes back'
    },
  },
  guards: {
    up: ({ context }) => context.one === 'up',
    restarting: ({ context }) => context.one === 'restarting',
    opening: ({ context }) => context.one === 'opening',
    free: ({ context }) => context.one === 'up' && !context.queued,
    queued: ({ context }) => context.queued,
  },
  actions: {
    ask: assign({ wanted: ({ context }) => context.wanted + 1 }),
    queue: assign({ queued: true }),
    dequeue: assign({ queued: false, wanted: ({ context }) => context.wanted + 1 }),
    crash: assign({ one: 'restarting' }),
    respawn: assign({ one: 'opening' }),
    open: assign({ one: 'up' }),
    succeed: assign({
      place: ({ context }) => context.wanted,
      outcomes: ({ context }) => [...context.outcomes, 'in force' as const],
      // A change in force revives whom it concerns.
      one: ({ context }) => (context.one === 'restarting' ? 'opening' : context.one),
    }),
    fail: assign({ outcomes: ({ context }) => [...context.outcomes, 'refused' as const] }),
  },
}).createMachine({
  id: 'rebuild model',
  context: { place: 0, wanted: 0, queued: false, one: 'up', outcomes: [] },
  initial: 'settled',
  states: {
    settled: {
      always: { guard: 'queued', target: 'both_opening', actions: 'dequeue' },
      on: {
        'a change comes': [
          { guard: 'up', target: 'both_opening', actions: 'ask' },
          { guard: 'restarting', target: 'one_ready', actions: 'ask' },
        ],
        'one crashes': { guard: 'up', actions: 'crash' },
        'one comes back': { guard: 'restarting', actions: 'respawn' },
        'one opens': { guard: 'opening', actions: 'open' },
      },
    },
    both_opening: {
      on: {
        'a change comes': { guard: 'free', actions: 'queue' },
        'one opens': 'one_ready',
        'one cannot open': 'one_refused',
        'two opens': 'two_ready',
        'two cannot open': 'two_refused',
        'one crashes': { guard: 'free', target: 'one_refused', actions: 'crash' },
      },
    },
    one_ready: {
      on: {
        'a change comes': { guard: 'free', actions: 'queue' },
        'two opens': { target: 'settled', actions: 'succeed' },
        'two cannot open': { target: 'settled', actions: 'fail' },
        'one crashes': { guard: 'free', actions: 'crash' },
      },
    },
    two_ready: {
      on: {
        'a change comes': { guard: 'free', actions: 'queue' },
        'one opens': { target: 'settled', actions: 'succeed' },
        'one cannot open': { target: 'settled', actions: 'fail' },
        'one crashes': { guard: 'free', target: 'settled', actions: ['crash', 'fail'] },
      },
    },
    one_refused: {
      on: {
        'a change comes': { guard: 'free', actions: 'queue' },
        'two opens': { target: 'settled', actions: 'fail' },
        'two cannot open': { target: 'settled', actions: 'fail' },
        'one crashes': { guard: 'free', actions: 'crash' },
      },
    },
    two_refused: {
      on: {
        'a change comes': { guard: 'free', actions: 'queue' },
        'one opens': { target: 'settled', actions: 'fail' },
        'one cannot open': { target: 'settled', actions: 'fail' },
        'one crashes': { guard: 'free', target: 'settled', actions: ['crash', 'fail'] },
      },
    },
  },
})

/** Identifies the states of {@link rebuildModel}, for `followModel`. */
export const rebuildProjection = ({
  value,
  context: { queued, one },
}: SnapshotFrom<typeof rebuildModel>): unknown => [value, queued, one]
