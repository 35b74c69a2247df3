import { effectOf, exporterSetup } from './exporter-setup.ts'

/**
 * The life of one exporter: its client (opened, replaced beside the old one, retired), its delivery
 * (gather, ask the breaker, export, cool down) and its way out (drain, close). Telemetry is never in here:
 * the unit holds it, this chart says when to move it.
 */
export const exporterMachine = exporterSetup.createMachine({
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
