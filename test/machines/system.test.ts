/** The system's chart: how a change becomes a transaction, what follows a crash, and how everything stops. */
import assert from 'node:assert/strict'
import { systemMachine } from '../../machines/index.ts'
import { settings as before } from './stages/exporter.ts'
import { slowlyStoppingSystem, stageSystem, systemChart } from './stages/system.ts'
import { coversChart, followTable, type Row } from './table.ts'

const lets = (state: string, ...log: readonly string[]) => [state, ...log] as const

/** What follows a crash, by the actor that died: all actors of the exporter begin a next life. */
const respawned = {
  exporter: (id: string, how = '') => [
    `${id} noteCrash Error: dead`,
    `delivery:${id} stops`,
    `breaker:${id} < permit.cancel`,
    `delivery:${id} starts`,
    `exporter:${id} starts again${how}`,
  ],
  delivery: (id: string) => [
    `${id} noteCrash Error: dead`,
    `exporter:${id} stops`,
    `breaker:${id} < permit.cancel`,
    `delivery:${id} starts`,
    `exporter:${id} starts again`,
  ],
  breaker: (id: string) => [
    `${id} noteCrash Error: dead`,
    `exporter:${id} stops`,
    `delivery:${id} stops`,
    `breaker:${id} starts`,
    `delivery:${id} starts`,
    `exporter:${id} starts again`,
  ],
}

const busy = '7 is refused, : another change is under way, or telemetry has stopped'
const refusesChanges = (state: string): Row => ({
  'change of one and two': lets(state, busy),
  'change that adds and removes': lets(state, busy),
  'change of nothing': lets(state, busy),
})
const relays = (state: string): Row => ({
  flush: lets(state, 'delivery:one < exporter.flush'),
  restart: lets(state, 'exporter:two < exporter.restart'),
  'force open': lets(state, 'breaker:one < breaker.force_open'),
})
const stops = (ids: readonly string[], ...first: readonly string[]): Row => ({
  stop: lets(
    ['stopping.draining', ...ids].join(', '),
    ...first,
    ...ids.map((id) => `exporter:${id} < exporter.stop 3000`),
  ),
})
const three = ['one', 'two', 'three']
const cleared = (id: string) => [`breaker:${id} stops`, `delivery:${id} stops`, `exporter:${id} stops`]
/** What dies while everything stops begins no next life. */
const abandons = (state: string, awaited: readonly string[]): Row =>
  Object.fromEntries(
    [...awaited.map((id) => ['exporter', id]), ['delivery', 'one'], ['breaker', 'one']].map(([kind, id]) => [
      `${kind} ${id} crashes`,
      lets([state, ...awaited.filter((other) => other !== id)].join(', '), `${id} life 0: abandon shutdown`),
    ]),
  )
const four = [...three, 'new']

/** Crashes of one, two and three; `one` and `two` say where that leads, and what is done beside the next life. */
const crashes = (
  state: string,
  {
    one,
    two,
    beside = [],
  }: { one?: readonly string[]; two?: readonly string[]; beside?: readonly string[] } = {},
): Row => {
  const [toOne = state, ...afterOne] = one ?? []
  const [toTwo = state, ...afterTwo] = two ?? []
  const settled = (id: string): readonly string[] => beside.map((what) => `${id} life 0: ${what}`)
  return {
    'exporter one crashes': lets(toOne, ...settled('one'), ...respawned.exporter('one'), ...afterOne),
    'delivery one crashes': lets(toOne, ...settled('one'), ...respawned.delivery('one'), ...afterOne),
    'breaker one crashes': lets(toOne, ...settled('one'), ...respawned.breaker('one'), ...afterOne),
    'exporter two crashes': lets(toTwo, ...settled('two'), ...respawned.exporter('two'), ...afterTwo),
    'exporter three crashes': lets(state, ...settled('three'), ...respawned.exporter('three')),
  }
}

const commits = [
  'running.settling.committing, one, two',
  'exporter:one < config.commit 7',
  'exporter:two < config.commit 7',
]
const aborts = [
  'running.settling.aborting, one, two',
  'exporter:one < config.abort 7',
  'exporter:two < config.abort 7',
]
const asksOne = 'exporter:one < config.prepare 7 rebuild'

describe('the system chart', () => {
  followTable(systemChart, {
    'running.idle': {
      ...relays('running.idle'),
      ...crashes('running.idle'),
      ...stops(three),
      'change of one and two': lets(
        ...(['running.preparing, one, two', asksOne, 'exporter:two < config.prepare 7 rebuild'] as const),
      ),
      'change that adds and removes': lets(
        ...(['running.preparing, new', 'breaker:new starts', 'delivery:new starts'] as const),
        ...['exporter:new starts disabled', 'exporter:new < config.prepare 7 add'],
      ),
      'change of nothing': lets('running.idle', '7 is in force'),
      'more exporters': lets(
        ...(['running.idle', 'breaker:new starts', 'delivery:new starts', 'exporter:new starts'] as const),
      ),
    },
    'running.preparing, one, two': {
      ...refusesChanges('running.preparing, one, two'),
      ...relays('running.preparing, one, two'),
      ...stops(three),
      // What dies while it prepares has refused the change.
      ...crashes('running.preparing, one, two', {
        one: ['running.preparing, two'],
        two: ['running.preparing, one'],
      }),
      'one is prepared': lets('running.preparing, two'),
      'one refuses': lets('running.preparing, two'),
      'one stops': lets('running.preparing, two'),
      'two is prepared': lets('running.preparing, one'),
      'two refuses': lets('running.preparing, one'),
      'two stops': lets('running.preparing, one'),
    },
    'running.preparing, two': {
      ...refusesChanges('running.preparing, two'),
      ...relays('running.preparing, two'),
      ...stops(three),
      // The next life of one that was prepared hears of the change again.
      ...crashes('running.preparing, two', { one: ['running.preparing, two', asksOne], two: aborts }),
      'two is prepared': lets(...(commits as [string])),
      'two stops': lets(...(commits as [string])),
      'two refuses': lets(...(aborts as [string])),
    },
    'running.settling.committing, one, two': {
      ...refusesChanges('running.settling.committing, one, two'),
      ...relays('running.settling.committing, one, two'),
      ...stops(three, '7 is in force'),
      ...crashes('running.settling.committing, one, two', {
        one: ['running.settling.committing, two'],
        two: ['running.settling.committing, one'],
        beside: ['commit'],
      }),
      'one acknowledges': lets('running.settling.committing, two'),
      'one stops': lets('running.settling.committing, two'),
      'two acknowledges': lets('running.settling.committing, one'),
      'two stops': lets('running.settling.committing, one'),
      'time passes': lets('running.idle', '7 is in force'),
    },
    'running.settling.committing, two': {
      ...refusesChanges('running.settling.committing, two'),
      ...relays('running.settling.committing, two'),
      ...stops(three, '7 is in force'),
      ...crashes('running.settling.committing, two', { beside: ['commit'] }),
      'exporter two crashes': lets(
        ...(['running.idle', 'two life 0: commit', ...respawned.exporter('two'), '7 is in force'] as const),
      ),
      'two acknowledges': lets('running.idle', '7 is in force'),
      'two stops': lets('running.idle', '7 is in force'),
      'time passes': lets('running.idle', '7 is in force'),
    },
    'running.settling.aborting, one, two': {
      ...refusesChanges('running.settling.aborting, one, two'),
      ...relays('running.settling.aborting, one, two'),
      ...stops(three, '7 is refused, one: no'),
      ...crashes('running.settling.aborting, one, two', {
        one: ['running.settling.aborting, two'],
        two: ['running.settling.aborting, one'],
        beside: ['abort'],
      }),
      'one acknowledges': lets('running.settling.aborting, two'),
      'one stops': lets('running.settling.aborting, two'),
      'two acknowledges': lets('running.settling.aborting, one'),
      'two stops': lets('running.settling.aborting, one'),
      'time passes': lets('running.idle', '7 is refused, one: no'),
    },
    'running.preparing, new': {
      ...refusesChanges('running.preparing, new'),
      ...relays('running.preparing, new'),
      ...crashes('running.preparing, new'),
      ...stops(four),
      'new is prepared': lets(
        ...(['running.settling.committing, new, two', 'exporter:new < config.commit 7'] as const),
        'exporter:two < exporter.stop',
      ),
      'new stops': lets(
        ...(['running.settling.committing, new, two', 'exporter:new < config.commit 7'] as const),
        'exporter:two < exporter.stop',
      ),
      'new refuses': lets('running.settling.aborting, new', 'exporter:new < exporter.stop'),
      'exporter new crashes': lets(
        ...(['running.settling.aborting, new', ...respawned.exporter('new', ' disabled')] as const),
        'exporter:new < exporter.stop',
      ),
    },
    'running.settling.committing, new, two': {
      ...refusesChanges('running.settling.committing, new, two'),
      ...relays('running.settling.committing, new, two'),
      ...stops(four, '7 is in force'),
      ...crashes('running.settling.committing, new, two', {
        // It was told to go: its next life is as well.
        two: ['running.settling.committing, new', 'exporter:two < exporter.stop'],
        beside: ['commit'],
      }),
      'exporter new crashes': lets(
        ...(['running.settling.committing, two', 'new life 0: commit'] as const),
        ...respawned.exporter('new'),
      ),
      'new acknowledges': lets('running.settling.committing, two'),
      'new stops': lets('running.settling.committing, two'),
      'two acknowledges': lets('running.settling.committing, new'),
      'two stops': lets(
        ...(['running.settling.committing, new', 'exporter:two stops', 'delivery:two stops'] as const),
        ...['breaker:two stops', 'two is removed'],
      ),
      'time passes': lets('running.idle', '7 is in force'),
    },
    'running.settling.aborting, new': {
      ...refusesChanges('running.settling.aborting, new'),
      ...relays('running.settling.aborting, new'),
      ...stops(four, '7 is refused, new: no'),
      ...crashes('running.settling.aborting, new', { beside: ['abort'] }),
      'exporter new crashes': lets(
        ...(['running.idle', 'new life 0: abort', ...respawned.exporter('new', ' disabled')] as const),
        ...['exporter:new < exporter.stop', '7 is refused, new: no'],
      ),
      'new acknowledges': lets('running.idle', '7 is refused, new: no'),
      'new stops': lets(
        ...(['running.idle', 'exporter:new stops', 'delivery:new stops'] as const),
        ...['breaker:new stops', 'new is removed', '7 is refused, new: no'],
      ),
      'time passes': lets('running.idle', '7 is refused, new: no'),
    },
    'stopping.draining, one, two, three': {
      ...refusesChanges('stopping.draining, one, two, three'),
      'one has ended': lets('stopping.draining, two, three'),
      'two has ended': lets('stopping.draining, one, three'),
      'three has ended': lets('stopping.draining, one, two'),
      'exporter one crashes': lets('stopping.draining, two, three', 'one life 0: abandon shutdown'),
      'delivery one crashes': lets('stopping.draining, two, three', 'one life 0: abandon shutdown'),
      'breaker one crashes': lets('stopping.draining, two, three', 'one life 0: abandon shutdown'),
      'exporter two crashes': lets('stopping.draining, one, three', 'two life 0: abandon shutdown'),
      'exporter three crashes': lets('stopping.draining, one, two', 'three life 0: abandon shutdown'),
      'time passes': lets(
        ...(['stopped, one, two, three'] as const),
        ...three.flatMap((id) => [`breaker:${id} stops`, `delivery:${id} stops`, `exporter:${id} stops`]),
      ),
    },
    stopped: {},
  })

  followTable(slowlyStoppingSystem, {
    'stopping.yielding, one, two, three': {
      ...refusesChanges('stopping.yielding, one, two, three'),
      'one has ended': lets('stopping.yielding, two, three'),
      'two has ended': lets('stopping.yielding, one, three'),
      'three has ended': lets('stopping.yielding, one, two'),
      ...abandons('stopping.yielding', three),
      'others had their turn': lets(
        'stopping.yielding, one, two, three',
        'exporter:two < exporter.stop 3000',
        'starts yield',
      ),
      // The deadline: whoever has not been told yet is cut short as well.
      'time passes': lets(
        'clearing.yielding, one, two, three',
        'aborts yield',
        ...cleared('one'),
        'starts yield',
      ),
    },
    'stopping.draining, one, two, three': {
      ...refusesChanges('stopping.draining, one, two, three'),
      'one has ended': lets('stopping.draining, two, three'),
      'two has ended': lets('stopping.draining, one, three'),
      'three has ended': lets('stopping.draining, one, two'),
      ...abandons('stopping.draining', three),
      'time passes': lets('clearing.yielding, one, two, three', ...cleared('one'), 'starts yield'),
    },
    'clearing.yielding': {
      ...refusesChanges('clearing.yielding'),
      'exporter two crashes': lets('clearing.yielding', 'two life 0: abandon shutdown'),
      'exporter three crashes': lets('clearing.yielding', 'three life 0: abandon shutdown'),
      'others had their turn': lets('clearing.yielding', ...cleared('two'), 'starts yield'),
    },
  })

  it('spawns a breaker, a delivery and an exporter for each unit', () => {
    assert.deepEqual(
      stageSystem().log,
      three.flatMap((id) => [`breaker:${id} starts`, `delivery:${id} starts`, `exporter:${id} starts`]),
    )
  })

  it('knows the settings of a change once it is committed, and gives them to every later life', () => {
    const enabled = (stage: ReturnType<typeof stageSystem>, id: string): boolean | undefined =>
      stage.groups()[id]?.settings.enabled
    const stage = stageSystem()
    stage.commands['change that adds and removes']?.()
    assert.equal(enabled(stage, 'new'), false)
    stage.commands['new is prepared']?.()
    assert.equal(enabled(stage, 'new'), before.enabled)
    stage.commands['exporter new crashes']?.()
    assert.equal(enabled(stage, 'new'), before.enabled)
    assert.equal(stage.groups().new?.epoch, 1)
  })

  it('begins one next life when two actors of an exporter die of the same message', () => {
    const { actor, commands, groups, log } = stageSystem()
    commands['exporter one crashes']?.()
    const told = log.length
    actor.send({ type: 'xstate.error.actor.delivery:one', error: new Error('dead') })
    actor.send({ type: 'xstate.error.actor.exporter:one', error: new Error('dead') })
    assert.deepEqual(log.slice(told), [])
    assert.equal(groups().one?.epoch, 1)
    commands['breaker one crashes']?.()
    assert.equal(groups().one?.epoch, 2)
  })

  it('stops 100 ms after the time it was given, at the latest', () => {
    const { commands, clock } = stageSystem()
    commands.stop?.()
    assert.equal(clock.nextTimerIn, 3_100)
  })
})

describe('the tests of the system chart', () => coversChart(systemMachine))
