import { candidateInput, exporterSetup, noChange, unitInput } from './exporter-setup.ts'

/** The candidate serves from now on, with the new configuration. */
const takeOver = [
  'commit',
  'swap',
  'announceRetired',
  'haltDelivery',
  'renewBreaker',
  'startDelivery',
  'acknowledge',
] as const

/** A change opens a candidate. It serves once the change is committed; else the exporter is `before` again. */
const replacing = (effect: 'rebuild' | 'replace', before: 'serving' | 'opening') => {
  const back = `#exporter.active.client.${before}`
  return {
    tags: 'replacing',
    entry: 'announce',
    initial: 'opening',
    on: {
      /** The change is a restart, and its answer is waited for. */
      'exporter.restart': { actions: [] },
      'config.abort': {
        target: back,
        actions: ['forgetChange', 'discard', 'announceRetired', 'acknowledge'],
      },
    },
    states: {
      opening: {
        invoke: {
          src: 'prepare',
          input: candidateInput(effect),
          onDone: 'prepared',
          onError: { target: back, actions: 'refuse' },
        },
      },
      prepared: {
        entry: 'answer',
        on: { 'config.commit': { target: '#exporter.active.client.serving', actions: takeOver } },
      },
    },
  } as const
}

/** One attempt for everything that waits, until the deadline. */
const draining = {
  entry: ['unsubscribe', 'drainDelivery'],
  after: { deadline: 'closing' },
  on: { 'delivery.drained': 'closing' },
} as const

/** Ends what is in flight and closes every client. */
const closing = (then: string, actions: readonly 'acknowledge'[] = []) =>
  ({
    entry: ['haltDelivery', 'cut'],
    invoke: {
      src: 'close',
      input: unitInput,
      onDone: { target: then, actions },
      onError: { target: then, actions: ['noteError', ...actions] },
    },
  }) as const

/**
 * The life of one exporter: its client (opened, replaced, retired), its way out (drain, close) and what follows a
 * crash (fence, back off, begin again). Telemetry is never in here: the unit holds it, and the delivery chart says
 * when to move it.
 */
export const exporterMachine = exporterSetup.createMachine({
  id: 'exporter',
  options: { maxIterations: 1000 },
  context: ({ input }) => ({
    ...input,
    pulled: input.unit.pulled,
    change: noChange(input.settings),
    reopenMs: 0,
    drainMs: 0,
    abandonAs: 'shutdown',
    crashes: 0,
  }),
  initial: 'starting',
  on: {
    'config.prepare': { actions: ['noteChange', 'answer'] },
    'config.commit': { actions: ['commit', 'acknowledge'] },
    'config.abort': { actions: ['forgetChange', 'acknowledge'] },
    'exporter.stop': { target: '.stopping', actions: ['discard', 'planDrain'] },
  },
  states: {
    starting: {
      always: [{ guard: 'hasCrashed', target: 'recovering' }, { target: 'deciding' }],
    },

    recovering: {
      initial: 'fencing',
      on: {
        'config.prepare': { target: '.held', actions: ['noteChange', 'answer'] },
      },
      states: {
        fencing: {
          tags: 'restarting',
          entry: 'announce',
          invoke: {
            src: 'fence',
            input: unitInput,
            onDone: [
              { guard: { type: 'tooOften', params: ({ event }) => event.output }, target: 'failed' },
              { target: 'backoff', actions: { type: 'noteCrashes', params: ({ event }) => event.output } },
            ],
            onError: { target: 'backoff', actions: 'noteError' },
          },
        },
        backoff: {
          tags: 'restarting',
          after: { backoff: '#exporter.deciding' },
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

    deciding: {
      always: [{ guard: 'isEnabled', target: 'active' }, { target: 'disabled' }],
    },

    disabled: {
      tags: 'disabled',
      entry: ['announce', 'unsubscribe', 'abandonDisabled'],
      on: {
        'config.prepare': { guard: 'opensClient', target: 'enabling', actions: 'noteChange' },
      },
    },

    /** A change enables it, if its client opens and the change is committed. */
    enabling: {
      tags: 'opening',
      entry: 'announce',
      initial: 'opening',
      on: {
        'config.abort': { target: 'leaving', actions: ['forgetChange', 'discard', 'acknowledge'] },
      },
      states: {
        /** The drain goes on while a candidate opens, and is finished if the change is refused. */
        reviving: {
          invoke: {
            src: 'prepare',
            input: candidateInput('rebuild'),
            onDone: 'prepared',
            onError: { target: '#exporter.leaving', actions: 'refuse' },
          },
        },
        /** Waits for a client that is closing, since the new one may use the same address. */
        opening: {
          invoke: {
            src: 'prepare',
            input: candidateInput('replace'),
            onDone: 'prepared',
            onError: { target: '#exporter.disabled', actions: 'refuse' },
          },
        },
        prepared: {
          entry: 'answer',
          on: { 'config.commit': { target: '#exporter.active.client.serving', actions: takeOver } },
        },
      },
    },

    active: {
      type: 'parallel',
      entry: 'subscribe',
      on: {
        'config.commit': { guard: 'disables', target: 'leaving', actions: ['planDrain', 'commit'] },
        'exporter.restart': 'leaving.closing',
      },
      states: {
        client: {
          initial: 'opening',
          on: {
            'config.prepare': {
              guard: 'opensClient',
              target: '.recreating',
              actions: ['noteChange', 'haltDelivery'],
            },
          },
          states: {
            opening: {
              tags: 'opening',
              entry: 'announce',
              invoke: {
                src: 'open',
                input: unitInput,
                onDone: { target: 'serving', actions: 'startDelivery' },
                onError: { target: 'retrying', actions: ['noteError', 'noteReopen'] },
              },
            },
            retrying: {
              tags: 'retrying',
              entry: 'announce',
              after: { retryDelay: 'opening' },
            },
            serving: {
              tags: 'serving',
              entry: 'announce',
              on: {
                'config.prepare': { guard: 'opensBeside', target: 'replacing', actions: 'noteChange' },
              },
            },
            /** The old client serves until the candidate does. */
            replacing: replacing('rebuild', 'serving'),
            /** No client serves: the old one makes room for the candidate, or there was none. */
            recreating: replacing('replace', 'opening'),
          },
        },

        retirement: {
          initial: 'none',
          states: {
            none: { on: { 'client.retired': 'retiring' } },
            retiring: {
              invoke: {
                src: 'retire',
                input: unitInput,
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

    /** Disabled, or restarted: once everything is closed, the configuration decides how it goes on. */
    leaving: {
      tags: 'draining',
      entry: 'announce',
      initial: 'draining',
      states: {
        draining: {
          ...draining,
          on: {
            ...draining.on,
            'config.prepare': [
              { guard: 'enablesBeside', target: '#exporter.enabling.reviving', actions: 'noteChange' },
              {
                guard: 'enables',
                target: '#exporter.enabling',
                actions: ['noteChange', 'haltDelivery', 'cut'],
              },
            ],
          },
        },
        closing: {
          ...closing('#exporter.deciding', ['acknowledge']),
          on: {
            'config.prepare': { guard: 'enables', target: '#exporter.enabling', actions: 'noteChange' },
          },
        },
      },
    },

    stopping: {
      tags: 'draining',
      entry: 'announce',
      initial: 'draining',
      states: { draining, closing: closing('#exporter.stopped') },
    },

    stopped: {
      type: 'final',
      tags: 'stopped',
      entry: ['announce', 'unsubscribe', 'abandonStopped', 'announceStopped'],
    },
  },
})
