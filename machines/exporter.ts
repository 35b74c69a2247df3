import { stateIn } from 'xstate'
import { effectOf, exporterSetup, noChange } from './exporter-setup.ts'

/**
 * The life of one exporter: its client (opened, replaced beside the old one, retired), its way out (drain, close)
 * and what follows a crash (fence, back off, begin again). Telemetry is never in here: the unit holds it, and the
 * delivery chart says when to move it.
 */
export const exporterMachine = exporterSetup.createMachine({
  id: 'exporter',
  options: { maxIterations: 1000 },
  context: ({ input }) => ({
    ...input,
    change: noChange(input.settings),
    serves: false,
    reopenMs: 0,
    drainMs: 0,
    crashes: 0,
  }),
  initial: 'starting',
  on: {
    'config.prepare': { actions: ['noteChange', 'answerPrepared'] },
    'config.commit': { actions: ['commit', 'acknowledge'] },
    'config.abort': { actions: ['forgetChange', 'acknowledge'] },
  },
  states: {
    starting: {
      always: [
        { guard: 'hasCrashed', target: 'recovering' },
        { guard: 'isStaged', target: 'disabled' },
        { target: 'deciding' },
      ],
    },
    deciding: {
      always: [
        { guard: 'isEnabled', target: 'active' },
        { target: 'disabled', actions: ['unsubscribe', 'abandonDisabled'] },
      ],
    },

    recovering: {
      initial: 'fencing',
      on: {
        'exporter.stop': { target: 'stopped', actions: 'unsubscribe' },
        'config.prepare': { target: '.held', actions: ['noteChange', 'answerPrepared'] },
      },
      states: {
        fencing: {
          tags: 'restarting',
          entry: 'announce',
          invoke: {
            src: 'fence',
            input: ({ context }) => ({ unit: context.unit }),
            onDone: {
              target: 'fenced',
              actions: { type: 'noteCrashes', params: ({ event }) => event.output },
            },
            onError: { target: 'fenced', actions: 'noteError' },
          },
        },
        fenced: {
          always: [{ guard: 'crashesTooOften', target: 'failed' }, { target: 'backoff' }],
        },
        backoff: {
          tags: 'restarting',
          after: { restartBackoff: '#exporter.deciding' },
          on: { 'exporter.restart': { target: '#exporter.deciding', actions: 'forgive' } },
        },
        failed: {
          tags: 'failed',
          entry: 'announce',
          on: { 'exporter.restart': { target: '#exporter.deciding', actions: 'forgive' } },
        },
        /** A change is under way: it begins again with the new configuration, or recovers with the old one. */
        held: {
          tags: 'restarting',
          entry: 'announce',
          on: {
            'config.commit': { target: '#exporter.deciding', actions: ['forgive', 'commit', 'acknowledge'] },
            'config.abort': { target: 'fencing', actions: ['forgetChange', 'acknowledge'] },
          },
        },
      },
    },

    disabled: {
      initial: 'idle',
      on: {
        'exporter.stop': { target: 'leaving.work.closing', actions: 'discard' },
      },
      states: {
        idle: {
          tags: 'disabled',
          entry: 'announce',
          on: {
            'config.prepare': [
              { guard: 'opensClient', target: 'opening', actions: 'noteChange' },
              { actions: ['noteChange', 'answerPrepared'] },
            ],
          },
        },
        opening: {
          tags: 'opening',
          entry: 'announce',
          invoke: {
            src: 'prepare',
            input: ({ context }) => ({ unit: context.unit, effect: 'open' }),
            onDone: 'prepared',
            onError: { target: 'idle', actions: ['answerRefused', 'abandonDisabled'] },
          },
          on: {
            'config.abort': { target: 'idle', actions: ['forgetChange', 'acknowledge', 'abandonDisabled'] },
          },
        },
        prepared: {
          tags: 'opening',
          entry: 'answerPrepared',
          on: {
            'config.commit': {
              target: '#exporter.active.client.serving',
              actions: ['commit', 'swap', 'renewBreaker', 'noteServing', 'startDelivery', 'acknowledge'],
            },
            'config.abort': {
              target: ['#exporter.leaving.work.closing', '#exporter.leaving.purpose.disabling'],
              actions: ['forgetChange', 'discard', 'acknowledge'],
            },
          },
        },
      },
    },

    active: {
      type: 'parallel',
      entry: 'subscribe',
      exit: 'noteClosed',
      on: {
        'config.commit': [
          {
            guard: 'disables',
            target: ['leaving.work', 'leaving.purpose.disabling'],
            actions: ['planDrain', 'commit'],
          },
          { actions: ['commit', 'acknowledge'] },
        ],
        'exporter.restart': { target: ['leaving.work.closing', 'leaving.purpose.restarting'] },
        'exporter.stop': { target: 'leaving', actions: ['discard', 'planDrain'] },
      },
      states: {
        client: {
          initial: 'opening',
          on: {
            'config.prepare': [
              {
                guard: 'replacesInPlace',
                target: '.replacing',
                actions: ['noteChange', 'haltDelivery', 'noteClosed'],
              },
              { guard: 'opensClient', target: '.replacing', actions: 'noteChange' },
            ],
          },
          states: {
            opening: {
              tags: 'opening',
              entry: 'announce',
              invoke: {
                src: 'open',
                input: ({ context }) => ({ unit: context.unit }),
                onDone: { target: 'serving', actions: ['noteServing', 'startDelivery'] },
                onError: { target: 'retrying', actions: ['noteError', 'noteReopen'] },
              },
            },
            retrying: {
              tags: 'retrying',
              entry: 'announce',
              after: { reopenBackoff: 'opening' },
            },
            serving: {
              tags: 'serving',
              entry: 'announce',
            },
            replacing: {
              tags: 'replacing',
              entry: 'announce',
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
                        'swap',
                        'announceRetired',
                        'renewBreaker',
                        'noteServing',
                        'startDelivery',
                        'acknowledge',
                      ],
                    },
                  },
                },
                /** The old client goes on; where there is none, one is opened. */
                refused: {
                  always: [
                    { guard: 'serves', target: '#exporter.active.client.serving' },
                    { target: '#exporter.active.client.opening' },
                  ],
                },
              },
              on: {
                /** The change is a restart, and its answer is waited for. */
                'exporter.restart': { actions: [] },
                'config.abort': {
                  target: '.refused',
                  actions: ['forgetChange', 'discard', 'announceRetired', 'acknowledge'],
                },
              },
            },
          },
        },

        retirement: {
          initial: 'none',
          states: {
            none: { on: { 'client.retired': 'retiring' } },
            retiring: {
              invoke: {
                src: 'retire',
                input: ({ context }) => ({ unit: context.unit }),
                onDone: 'none',
                onError: { target: 'none', actions: 'noteError' },
              },
              on: { 'client.retired': { target: 'retiring', reenter: true } },
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

    /** On the way out: what is done, and what for. */
    leaving: {
      tags: 'draining',
      type: 'parallel',
      entry: 'announce',
      states: {
        work: {
          initial: 'draining',
          states: {
            draining: {
              entry: ['unsubscribe', 'drainDelivery'],
              /** Enabled again, it keeps what waits for its next client. */
              always: { guard: stateIn('#exporter.leaving.purpose.reopening'), target: 'closing' },
              after: { drainDeadline: 'closing' },
              on: { 'delivery.drained': 'closing' },
            },
            closing: {
              entry: ['haltDelivery', 'cut'],
              invoke: {
                src: 'close',
                input: ({ context }) => ({ unit: context.unit }),
                onDone: 'closed',
                onError: { target: 'closed', actions: 'noteError' },
              },
            },
            closed: {
              always: [
                { guard: stateIn('#exporter.leaving.purpose.stopping'), target: '#exporter.stopped' },
                { guard: stateIn('#exporter.leaving.purpose.restarting'), target: '#exporter.active' },
                {
                  guard: stateIn('#exporter.leaving.purpose.reopening'),
                  target: '#exporter.disabled.opening',
                },
                { target: '#exporter.disabled', actions: ['unsubscribe', 'abandonDisabled', 'acknowledge'] },
              ],
            },
          },
        },
        purpose: {
          initial: 'stopping',
          on: { 'exporter.stop': '.stopping' },
          states: {
            stopping: {},
            disabling: {
              on: { 'config.prepare': { guard: 'opensClient', target: 'reopening', actions: 'noteChange' } },
            },
            restarting: {
              on: { 'config.commit': { guard: 'disables', target: 'disabling', actions: 'commit' } },
            },
            /** Enabled again before it was closed. */
            reopening: {
              on: { 'config.abort': { target: 'disabling', actions: ['forgetChange', 'acknowledge'] } },
            },
          },
        },
      },
    },

    stopped: {
      type: 'final',
      tags: 'stopped',
      entry: ['announce', 'unsubscribe', 'abandonShutdown', 'announceStopped'],
    },
  },
})
