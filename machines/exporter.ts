import {
  type ActorRef,
  assign,
  enqueueActions,
  fromPromise,
  raise,
  type Snapshot,
  sendTo,
  setup,
} from 'xstate'
import type {
  BreakerEvent,
  ChangeEffect,
  ExporterEvent,
  ExportResult,
  Permit,
  SystemReport,
} from './events.ts'
import type { UnitPort, WaveReport } from './ports.ts'

export interface ExporterInput {
  readonly unit: UnitPort
  readonly breaker: ActorRef<Snapshot<unknown>, BreakerEvent>
  readonly system: ActorRef<Snapshot<unknown>, SystemReport>
}

export interface ExporterContext extends ExporterInput {
  /** The permit held while exporting. */
  readonly permit: Permit | null
  /** The transaction being prepared. */
  readonly version: number
  readonly effect: ChangeEffect
  /** What follows once the clients are closed. */
  readonly afterClose: 'disabled' | 'stopped' | 'active' | 'preparing'
}

const effectOf = (event: ExporterEvent): ChangeEffect =>
  event.type === 'config.prepare' ? event.effect : 'none'

const reasonOf = (event: unknown): string => {
  const { error } = event as { error?: unknown }
  return error instanceof Error ? error.message : String(error)
}

/**
 * The life of one exporter: its client (opened, replaced beside the old one, retired), its delivery
 * (gather, ask the breaker, export, cool down) and its way out (drain, close). Telemetry is never in here:
 * the unit holds it, this chart says when to move it.
 */
export const exporterMachine = setup({
  types: {
    context: {} as ExporterContext,
    events: {} as ExporterEvent,
    input: {} as ExporterInput,
  },
  actors: {
    /** Opens a client with the configuration in force. */
    open: fromPromise<void, { unit: UnitPort }>(() => Promise.resolve()),
    /** Opens a candidate with the staged configuration: beside the client, or instead of it (`replace`). */
    prepare: fromPromise<void, { unit: UnitPort; effect: ChangeEffect }>(() => Promise.resolve()),
    /** Exports up to max_in_flight batches, or one as a probe; settles each in the ledger. */
    exportWave: fromPromise<WaveReport, { unit: UnitPort; probe: boolean }>(() =>
      Promise.resolve({ results: [] }),
    ),
    /** Waits for what an old client has in flight, until its deadline, then closes it. */
    retire: fromPromise<void, { unit: UnitPort }>(() => Promise.resolve()),
    /** One attempt for everything that is left. */
    drain: fromPromise<WaveReport, { unit: UnitPort; probe: boolean }>(() =>
      Promise.resolve({ results: [] }),
    ),
    /** Closes every client. */
    close: fromPromise<void, { unit: UnitPort }>(() => Promise.resolve()),
  },
  delays: {
    untilDue: ({ context }) => context.unit.msUntilDue(),
    untilRetry: ({ context }) => context.unit.msUntilRetry(),
    untilReopen: ({ context }) => context.unit.msUntilReopen(),
    drainDeadline: ({ context }) => context.unit.msToDrain(),
    tick: 1_000,
  },
  guards: {
    opensClient: ({ event }) => effectOf(event) === 'open' || effectOf(event) === 'replace',
    hasClient: ({ context }) => context.unit.hasClient(),
    hasRetiring: ({ context }) => context.unit.hasRetiring(),
    canDeliver: ({ context }) => context.unit.hasWork() && context.unit.hasClient(),
    cannotDeliver: ({ context }) => !context.unit.hasWork() || !context.unit.hasClient(),
    disables: ({ context }) => context.effect === 'disable',
    opensAfterDrain: ({ context, event }) =>
      effectOf(event) === 'open' && (context.afterClose === 'disabled' || context.afterClose === 'preparing'),
    isDue: ({ context }) => context.unit.batchDue(),
    mustCool: ({ context }) => context.unit.mustCool(),
    thenStop: ({ context }) => context.afterClose === 'stopped',
    thenActive: ({ context }) => context.afterClose === 'active',
    thenPrepare: ({ context }) => context.afterClose === 'preparing',
  },
  actions: {
    ingest: ({ context, event }) => {
      if (event.type === 'telemetry.batch') context.unit.ingest(event.events)
    },
    subscribe: ({ context }) => context.unit.subscribe(),
    unsubscribe: ({ context }) => context.unit.unsubscribe(),
    swap: ({ context }) => context.unit.swap(),
    discard: ({ context }) => context.unit.discard(),
    commit: ({ context }) => context.unit.commit(),
    forgetStaged: ({ context }) => context.unit.abort(),
    requestFlush: ({ context }) => context.unit.requestFlush(),
    tick: ({ context }) => context.unit.tick(),
    cut: ({ context }) => context.unit.cut(),
    abandonDisabled: ({ context }) => context.unit.abandon('disabled'),
    abandonShutdown: ({ context }) => context.unit.abandon('shutdown'),
    noteError: ({ context, event }) => context.unit.noteError((event as { error?: unknown }).error),

    configureBreaker: sendTo(
      ({ context }) => context.breaker,
      ({ context }) => ({ type: 'breaker.configure' as const, settings: context.unit.breakerSettings() }),
    ),
    renewBreaker: sendTo(({ context }) => context.breaker, { type: 'breaker.renew' }),
    requestPermit: sendTo(
      ({ context }) => context.breaker,
      ({ self }, { urgent }: { urgent: boolean }) => ({
        type: 'permit.request' as const,
        replyTo: self,
        urgent,
      }),
    ),
    keepPermit: assign({
      permit: ({ context, event }) => (event.type === 'permit.granted' ? event.permit : context.permit),
    }),
    report: enqueueActions(({ context, enqueue }, { results }: { results: readonly ExportResult[] }) => {
      if (context.permit === null) return
      enqueue.sendTo(context.breaker, {
        type: 'export.reported',
        generation: context.permit.generation,
        results,
      })
      enqueue.assign({ permit: null })
    }),
    /** Leaves no request waiting and no probe taken. */
    releasePermit: enqueueActions(({ context, enqueue }) => {
      enqueue.sendTo(context.breaker, { type: 'permit.cancel' })
      enqueue.assign({ permit: null })
    }),
    returnPermit: sendTo(({ context }) => context.breaker, { type: 'permit.cancel' }),

    noteChange: assign({
      version: ({ context, event }) => (event.type === 'config.prepare' ? event.version : context.version),
      effect: ({ event }) => effectOf(event),
    }),
    answerPrepared: sendTo(
      ({ context }) => context.system,
      ({ context }) => ({
        type: 'config.prepared' as const,
        id: context.unit.id,
        version: context.version,
      }),
    ),
    answerRefused: sendTo(
      ({ context }) => context.system,
      ({ context, event }) => ({
        type: 'config.refused' as const,
        id: context.unit.id,
        version: context.version,
        reason: reasonOf(event),
      }),
    ),
    acknowledge: sendTo(
      ({ context }) => context.system,
      ({ context }) => ({
        type: 'config.acknowledged' as const,
        id: context.unit.id,
        version: context.version,
      }),
    ),
    announceCommit: raise({ type: 'settings.changed' }),
    announceSwap: raise({ type: 'client.swapped' }),
    announceStopped: sendTo(
      ({ context }) => context.system,
      ({ context }) => ({ type: 'exporter.stopped' as const, id: context.unit.id }),
    ),
    thenDisabled: assign({ afterClose: 'disabled' }),
    thenStopped: assign({ afterClose: 'stopped' }),
    thenActive: assign({ afterClose: 'active' }),
    thenPreparing: assign({ afterClose: 'preparing' }),
  },
}).createMachine({
  id: 'exporter',
  options: { maxIterations: 1000 },
  context: ({ input }) => ({ ...input, permit: null, version: 0, effect: 'none', afterClose: 'disabled' }),
  initial: 'disabled',
  on: {
    'telemetry.batch': { actions: 'ingest' },
    'permit.granted': { actions: 'returnPermit' },
    'config.prepare': { actions: ['noteChange', 'answerPrepared'] },
    'config.commit': { actions: ['commit', 'configureBreaker', 'acknowledge'] },
    'config.abort': { actions: ['forgetStaged', 'acknowledge'] },
  },
  states: {
    disabled: {
      initial: 'idle',
      on: {
        'exporter.enable': 'active',
        'exporter.stop': { target: 'closing', actions: ['discard', 'thenStopped'] },
      },
      states: {
        idle: {
          on: {
            'config.prepare': [
              { guard: 'opensClient', target: 'opening', actions: 'noteChange' },
              { actions: ['noteChange', 'answerPrepared'] },
            ],
          },
        },
        opening: {
          invoke: {
            src: 'prepare',
            input: ({ context }) => ({ unit: context.unit, effect: 'open' }),
            onDone: 'prepared',
            onError: { target: 'idle', actions: ['answerRefused', 'abandonDisabled'] },
          },
          on: {
            'config.abort': {
              target: 'idle',
              actions: ['forgetStaged', 'acknowledge', 'abandonDisabled'],
            },
          },
        },
        prepared: {
          entry: 'answerPrepared',
          on: {
            'config.commit': {
              target: '#exporter.active.client.serving',
              actions: ['commit', 'configureBreaker', 'swap', 'renewBreaker', 'acknowledge'],
            },
            'config.abort': {
              target: '#exporter.closing',
              actions: ['forgetStaged', 'discard', 'thenDisabled', 'acknowledge'],
            },
          },
        },
      },
    },

    active: {
      type: 'parallel',
      entry: 'subscribe',
      exit: 'releasePermit',
      on: {
        'exporter.flush': { actions: 'requestFlush' },
        'config.commit': [
          { guard: 'disables', target: 'draining', actions: ['commit', 'configureBreaker', 'thenDisabled'] },
          { actions: ['commit', 'configureBreaker', 'announceCommit', 'acknowledge'] },
        ],
        'exporter.restart': { target: 'closing', actions: 'thenActive' },
        'exporter.stop': { target: 'draining', actions: ['discard', 'thenStopped'] },
      },
      states: {
        client: {
          initial: 'opening',
          states: {
            opening: {
              invoke: {
                src: 'open',
                input: ({ context }) => ({ unit: context.unit }),
                onDone: 'serving',
                onError: { target: 'retrying', actions: 'noteError' },
              },
              on: {
                'config.prepare': [
                  { guard: 'opensClient', target: 'replacing', actions: 'noteChange' },
                  { actions: ['noteChange', 'answerPrepared'] },
                ],
              },
            },
            retrying: {
              after: { untilReopen: 'opening' },
              on: {
                'config.prepare': [
                  { guard: 'opensClient', target: 'replacing', actions: 'noteChange' },
                  { actions: ['noteChange', 'answerPrepared'] },
                ],
              },
            },
            serving: {
              on: {
                'config.prepare': [
                  { guard: 'opensClient', target: 'replacing', actions: 'noteChange' },
                  { actions: ['noteChange', 'answerPrepared'] },
                ],
              },
            },
            replacing: {
              initial: 'opening',
              states: {
                opening: {
                  invoke: {
                    src: 'prepare',
                    input: ({ context, event }) => ({ unit: context.unit, effect: effectOf(event) }),
                    onDone: 'prepared',
                    onError: { target: 'refused', actions: 'answerRefused' },
                  },
                },
                prepared: {
                  entry: 'answerPrepared',
                  on: {
                    'config.commit': {
                      target: '#exporter.active.client.serving',
                      actions: [
                        'commit',
                        'configureBreaker',
                        'swap',
                        'releasePermit',
                        'renewBreaker',
                        'announceSwap',
                        'acknowledge',
                      ],
                    },
                  },
                },
                /** The old client goes on; where it had to make room (`replace`), it is opened again. */
                refused: {
                  always: [
                    { guard: 'hasClient', target: '#exporter.active.client.serving' },
                    { target: '#exporter.active.client.opening' },
                  ],
                },
              },
              on: {
                /** The change is a restart, and its answer is waited for. */
                'exporter.restart': { actions: [] },
                'config.abort': {
                  target: '.refused',
                  actions: ['forgetStaged', 'discard', 'acknowledge'],
                },
              },
            },
          },
        },

        delivery: {
          initial: 'empty',
          on: { 'client.swapped': '.empty' },
          states: {
            empty: {
              always: [
                { guard: 'mustCool', target: 'cooling' },
                { guard: 'canDeliver', target: 'gathering' },
              ],
            },
            gathering: {
              always: [
                { guard: 'cannotDeliver', target: 'empty' },
                { guard: 'isDue', target: 'asking' },
              ],
              after: { untilDue: 'asking' },
              on: { 'settings.changed': 'empty' },
            },
            asking: {
              entry: { type: 'requestPermit', params: { urgent: false } },
              on: {
                'permit.granted': [
                  { guard: 'canDeliver', target: 'exporting', actions: 'keepPermit' },
                  { target: 'empty', actions: 'returnPermit' },
                ],
              },
            },
            exporting: {
              invoke: {
                src: 'exportWave',
                input: ({ context }) => ({
                  unit: context.unit,
                  probe: context.permit?.probe ?? true,
                }),
                onDone: {
                  target: 'empty',
                  actions: { type: 'report', params: ({ event }) => ({ results: event.output.results }) },
                },
                onError: { target: 'empty', actions: ['noteError', 'releasePermit'] },
              },
            },
            cooling: {
              after: { untilRetry: 'gathering' },
            },
          },
        },

        retirement: {
          initial: 'none',
          states: {
            none: { always: { guard: 'hasRetiring', target: 'retiring' } },
            retiring: {
              invoke: {
                src: 'retire',
                input: ({ context }) => ({ unit: context.unit }),
                onDone: 'none',
                onError: { target: 'none', actions: 'noteError' },
              },
            },
          },
        },

        upkeep: {
          initial: 'waiting',
          states: {
            waiting: { after: { tick: { target: 'waiting', reenter: true, actions: 'tick' } } },
          },
        },
      },
    },

    draining: {
      entry: 'unsubscribe',
      exit: 'releasePermit',
      initial: 'asking',
      after: { drainDeadline: 'closing' },
      on: {
        'exporter.stop': { actions: 'thenStopped' },
        'config.prepare': [
          { guard: 'opensAfterDrain', target: 'closing', actions: ['noteChange', 'thenPreparing'] },
          { actions: ['noteChange', 'answerPrepared'] },
        ],
      },
      states: {
        asking: {
          entry: { type: 'requestPermit', params: { urgent: true } },
          on: {
            'permit.granted': { target: 'exporting', actions: 'keepPermit' },
            'permit.denied': '#exporter.closing',
          },
        },
        exporting: {
          invoke: {
            src: 'drain',
            input: ({ context }) => ({ unit: context.unit, probe: context.permit?.probe ?? true }),
            onDone: {
              target: '#exporter.closing',
              actions: { type: 'report', params: ({ event }) => ({ results: event.output.results }) },
            },
            onError: { target: '#exporter.closing', actions: 'noteError' },
          },
        },
      },
    },

    closing: {
      entry: 'cut',
      invoke: {
        src: 'close',
        input: ({ context }) => ({ unit: context.unit }),
        onDone: 'closed',
        onError: { target: 'closed', actions: 'noteError' },
      },
      on: {
        'exporter.stop': { actions: ['unsubscribe', 'thenStopped'] },
        'config.prepare': [
          { guard: 'opensAfterDrain', actions: ['noteChange', 'thenPreparing'] },
          { actions: ['noteChange', 'answerPrepared'] },
        ],
        'config.abort': [
          { guard: 'thenPrepare', actions: ['forgetStaged', 'thenDisabled', 'acknowledge'] },
          { actions: ['forgetStaged', 'acknowledge'] },
        ],
        'config.commit': [
          { guard: 'disables', actions: ['commit', 'configureBreaker', 'unsubscribe', 'thenDisabled'] },
          { actions: ['commit', 'configureBreaker', 'acknowledge'] },
        ],
      },
    },
    closed: {
      always: [
        { guard: 'thenStop', target: 'stopped' },
        { guard: 'thenActive', target: 'active' },
        { guard: 'thenPrepare', target: 'disabled.opening' },
        { target: 'disabled', actions: ['abandonDisabled', 'acknowledge'] },
      ],
    },
    stopped: { type: 'final', entry: ['abandonShutdown', 'announceStopped'] },
  },
})
