import { assign, emit, fromPromise, setup } from 'xstate'
import type { SpoolEvent, StateEmitted } from './events.ts'
import type { SpoolPort } from './ports.ts'
import type { SpoolState } from './states.ts'

/** The input of the spool machine. */
export interface SpoolInput {
  readonly spool: SpoolPort
}

/** The context of `spoolMachine`. */
export interface SpoolContext extends SpoolInput {
  /** Failures in a row: the disk is tried again later and later. */
  readonly failures: number
  /** It is to be opened again once it is closed. */
  readonly reopens: boolean
}

/** The output of the `open` actor. */
export interface OpenedSpool {
  /** There is no room for more files. */
  readonly isFull: boolean
}

const firstRetryMs = 1_000
const longestRetryMs = 30_000

const errorOf = (event: unknown): unknown => (event as { error?: unknown }).error

const spoolInput = ({ context }: { context: SpoolContext }): SpoolInput => ({ spool: context.spool })

/**
 * Whether one exporter may write what waits to its directory on disk. Reading and removing files is up to the data
 * side: what is on disk is delivered in every state but `off`.
 */
export const spoolMachine = setup({
  types: {
    context: {} as SpoolContext,
    events: {} as SpoolEvent,
    input: {} as SpoolInput,
    emitted: {} as StateEmitted,
    tags: {} as SpoolState,
  },
  actors: {
    /** Takes the lock of the directory and lists its files. Does nothing where that is done. */
    open: fromPromise<OpenedSpool, SpoolInput>(() => new Promise(() => {})),
    /** Leaves the files where they are, and gives the lock back. */
    close: fromPromise<void, SpoolInput>(() => new Promise(() => {})),
  },
  delays: {
    retryDelay: ({ context }) => Math.min(firstRetryMs * 2 ** (context.failures - 1), longestRetryMs),
  },
  guards: {
    foundFull: (_, { isFull }: OpenedSpool) => isFull,
    reopens: ({ context }) => context.reopens,
  },
  actions: {
    announce: emit({ type: 'state.shown' }),
    allow: ({ context }) => context.spool.allow(),
    forbid: ({ context }) => context.spool.forbid(),
    noteError: ({ context, event }) => context.spool.noteError(errorOf(event)),
    noteFailure: assign({ failures: ({ context }) => Math.min(context.failures + 1, 30) }),
    forgetFailures: assign({ failures: 0 }),
    planReopening: assign({ reopens: true }),
    forgetReopening: assign({ reopens: false }),
  },
}).createMachine({
  id: 'spool',
  options: { maxIterations: 1000 },
  context: ({ input }) => ({ ...input, failures: 0, reopens: false }),
  initial: 'off',
  states: {
    off: {
      tags: 'off',
      entry: ['forgetFailures', 'announce'],
      on: { 'spool.enable': 'opening' },
    },
    opening: {
      tags: 'opening',
      entry: ['forgetReopening', 'announce'],
      invoke: {
        src: 'open',
        input: spoolInput,
        onDone: [
          { guard: { type: 'foundFull', params: ({ event }) => event.output }, target: 'full' },
          { target: 'ready' },
        ],
        onError: { target: 'failing', actions: 'noteError' },
      },
      on: { 'spool.disable': 'closing' },
    },
    ready: {
      tags: 'ready',
      entry: ['allow', 'announce'],
      exit: 'forbid',
      on: {
        /** Only after a failure is it told of a success. */
        'spool.wrote': { actions: 'forgetFailures' },
        'spool.filled': 'full',
        'spool.failed': { target: 'failing', actions: 'noteError' },
        'spool.disable': 'closing',
      },
    },
    /** `max_bytes` are in use: as many as are delivered make room again. */
    full: {
      tags: 'full',
      entry: 'announce',
      on: {
        'spool.freed': 'ready',
        'spool.failed': { target: 'failing', actions: 'noteError' },
        'spool.disable': 'closing',
      },
    },
    /** The disk is in trouble: everything is as without a spool, until it is tried again. */
    failing: {
      tags: 'failing',
      entry: ['noteFailure', 'announce'],
      after: { retryDelay: 'opening' },
      on: { 'spool.disable': 'closing' },
    },
    closing: {
      tags: 'closing',
      entry: 'announce',
      invoke: {
        src: 'close',
        input: spoolInput,
        onDone: [{ guard: 'reopens', target: 'opening' }, { target: 'off' }],
        onError: [
          { guard: 'reopens', target: 'opening', actions: 'noteError' },
          { target: 'off', actions: 'noteError' },
        ],
      },
      on: {
        'spool.enable': { actions: 'planReopening' },
        'spool.disable': { actions: 'forgetReopening' },
      },
    },
  },
})
