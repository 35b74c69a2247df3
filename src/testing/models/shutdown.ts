import { assign, setup } from 'xstate'

/** How many events {@link shutdownModel} assumes to wait when the backend does not take them. */
export const shutdownBacklog = 3

/**
 * A model of a stop: one deadline, one attempt for what is left, and a report that adds up. Each state before the stop
 * is a way to have a backlog; `lost` in its context is the number of events that the report counts as lost.
 */
export const shutdownModel = setup({
  types: {
    context: {} as { lost: number },
    events: {} as {
      type:
        | 'backend hangs'
        | 'backend is down'
        | 'backend mends'
        | 'breaker is forced open'
        | 'client cannot open'
        | 'exporter crashes'
        | 'exporter is disabled'
        | 'events come'
        | 'stops'
        | 'attempt is answered'
        | 'attempt fails'
        | 'deadline passes'
        | 'endpoint changes'
    },
  },
  actions: { lose: assign({ lost: shutdownBacklog }), loseAttempt: assign({ lost: 1 }), stay: () => {} },
}).createMachine({
  id: 'shutdown model',
  context: { lost: 0 },
  initial: 'healthy',
  states: {
    healthy: {
      on: {
        'backend hangs': 'hanging',
        'backend is down': 'down',
        'breaker is forced open': 'forced_open',
        'client cannot open': 'retrying',
        'exporter crashes': 'restarting',
        'exporter is disabled': 'disabled',
        'events come': { actions: 'stay' },
        stops: 'stopped',
      },
    },
    /** One attempt hangs, the rest is queued. */
    hanging: { on: { stops: 'stopping', 'exporter crashes': 'restarting' } },
    /** The breaker is open; its probe is not due. */
    down: {
      on: { 'backend mends': 'mended', stops: { target: 'stopped', actions: 'lose' } },
    },
    /** As `down`, but the backend works again and nothing has noticed it yet. */
    mended: { on: { stops: 'stopped' } },
    forced_open: { on: { stops: { target: 'stopped', actions: 'lose' } } },
    retrying: { on: { stops: { target: 'stopped', actions: 'lose' } } },
    restarting: { on: { stops: { target: 'stopped', actions: 'lose' } } },
    disabled: { on: { 'events come': { actions: 'stay' }, stops: 'stopped' } },
    /** The rest was tried, and delivered. */
    stopping: {
      on: {
        'attempt is answered': 'stopped',
        // It began before the stop: its one attempt since is still to come.
        'attempt fails': 'stopped',
        'deadline passes': { target: 'stopped', actions: 'loseAttempt' },
        'exporter crashes': { target: 'stopped', actions: 'loseAttempt' },
        'events come': { actions: 'stay' },
        'endpoint changes': { actions: 'stay' },
        stops: { actions: 'stay' },
      },
    },
    stopped: {
      on: {
        'deadline passes': { actions: 'stay' },
        'events come': { actions: 'stay' },
        'endpoint changes': { actions: 'stay' },
        stops: { actions: 'stay' },
      },
    },
  },
})
