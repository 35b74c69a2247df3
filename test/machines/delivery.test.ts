/** The delivery chart: when a batch is asked for, exported, waited for or drained, from each of its states. */
import assert from 'node:assert/strict'
import { deliveryMachine } from '../../machines/index.ts'
import { deliveryChart, stageDelivery } from './stages/delivery.ts'
import { coversChart, followTable } from './table.ts'

const released = 'breaker < permit.cancel'
const looks = ['working.idle', 'unit.look'] as const
const asks = ['working.asking', 'breaker < permit.request delivery'] as const
const asksUrgently = ['working.asking', 'breaker < permit.request urgent'] as const
const servesOther = ['working.idle', 'unit.serve', 'unit.look'] as const
const flushed = ['working.idle', 'unit.requestFlush', 'unit.look'] as const

/** What is told to it in any state of `working`. */
const commanded = {
  starts: ['working.idle', 'unit.look', released],
  halts: ['halted', released],
  drains: ['draining.asking', released, 'breaker < permit.request urgent'],
  'drains, for a stop': ['draining.asking', released, 'breaker < permit.request urgent'],
} as const

/** A permit that nobody asked for any more. */
const returned = (state: string) =>
  ({
    'gets a permit': [state, released],
    'gets a probe': [state, released],
    'gets a permit of another endpoint': [state, released],
    'gets a probe of another endpoint': [state, released],
  }) as const

const exporting = {
  starts: ['working.idle', 'unit.endWave', 'unit.look', 'aborts export', released],
  halts: ['halted', 'unit.endWave', 'aborts export', released],
  drains: ['draining.asking', 'unit.endWave', 'aborts export', released, 'breaker < permit.request urgent'],
  'drains, for a stop': [
    'draining.asking',
    'unit.endWave',
    'aborts export',
    released,
    'breaker < permit.request urgent',
  ],
  flushes: ['working.exporting', 'unit.requestFlush'],
  ...returned('working.exporting'),
  'another endpoint serves': ['working.exporting', 'unit.serve'],
  'loses its permit': ['working.exporting', 'unit.endWave'],
  'all goes well': ['working.idle, with a permit', 'unit.endWave', 'unit.look'],
  'wave ends': ['working.idle', 'unit.endWave', 'unit.look', 'breaker < export.reported 3 success,failure'],
  'wave dies': ['working.deferred', 'unit.endWave', 'unit.noteError Error: export failed', released],
} as const

describe('the delivery chart', () => {
  followTable(deliveryChart, {
    halted: {
      'another endpoint serves': ['halted', 'unit.serve'],
      starts: looks,
      drains: ['draining.asking', 'breaker < permit.request urgent'],
      'drains, for a stop': ['draining.asking', 'breaker < permit.request urgent'],
      flushes: ['halted', 'unit.requestFlush'],
      ...returned('halted'),
    },
    'working.idle': {
      'another endpoint serves': servesOther,
      ...commanded,
      ...returned('working.idle'),
      flushes: flushed,
      'work arrives': ['working.gathering'],
      'a batch is due': asks,
      'a batch is due, for a flush': asksUrgently,
      'has to back off': ['working.backing_off', 'breaker < permit.request probe'],
      'is told to wait': ['working.deferred'],
    },
    'working.idle, with a permit': {
      'another endpoint serves': servesOther,
      'permit is recalled': ['working.idle'],
      ...commanded,
      ...returned('working.idle, with a permit'),
      flushes: ['working.idle, with a permit', 'unit.requestFlush', 'unit.look'],
      'work arrives': ['working.gathering, with a permit'],
      'a batch is due': ['working.exporting', 'starts export'],
      'a batch is due, for a flush': ['working.exporting', 'starts export'],
      'has to back off': ['working.backing_off', 'breaker < permit.request probe'],
      'is told to wait': ['working.deferred'],
      'loses its permit': ['working.idle'],
    },
    'working.gathering, with a permit': {
      'another endpoint serves': servesOther,
      'permit is recalled': ['working.gathering'],
      ...commanded,
      ...returned('working.gathering, with a permit'),
      flushes: ['working.idle, with a permit', 'unit.requestFlush', 'unit.look'],
      'a batch is due': ['working.exporting', 'starts export'],
      'a batch is due, for a flush': ['working.exporting', 'starts export'],
      'time passes': ['working.idle, with a permit', 'unit.look'],
      'loses its permit': ['working.gathering'],
    },
    'working.gathering': {
      'another endpoint serves': servesOther,
      ...commanded,
      ...returned('working.gathering'),
      flushes: flushed,
      'a batch is due': asks,
      'a batch is due, for a flush': asksUrgently,
      'time passes': looks,
    },
    'working.asking': {
      'gets a permit of another endpoint': ['working.exporting', 'starts export to 1'],
      'gets a probe of another endpoint': ['working.exporting', 'starts export to 1, probe'],
      'another endpoint serves': ['working.asking', 'unit.serve'],
      ...commanded,
      flushes: ['working.asking', 'unit.requestFlush', 'breaker < permit.request urgent'],
      'gets a permit': ['working.exporting', 'starts export'],
      'gets a probe': ['working.exporting', 'starts export, probe'],
      'is denied': ['working.asking', 'unit.failFlush', 'breaker < permit.request delivery'],
    },
    'working.exporting': exporting,
    'working.backing_off': {
      'gets a permit of another endpoint': [
        'working.exporting',
        'breaker < permit.withdraw',
        'starts export to 1',
      ],
      'gets a probe of another endpoint': [
        'working.exporting',
        'breaker < permit.withdraw',
        'starts export to 1, probe',
      ],
      'another endpoint serves': [...servesOther, 'breaker < permit.withdraw'],
      starts: ['working.idle', 'unit.look', 'breaker < permit.withdraw', released],
      halts: ['halted', 'breaker < permit.withdraw', released],
      drains: ['draining.asking', 'breaker < permit.withdraw', released, 'breaker < permit.request urgent'],
      'drains, for a stop': [
        'draining.asking',
        'breaker < permit.withdraw',
        released,
        'breaker < permit.request urgent',
      ],
      flushes: ['working.idle', 'unit.requestFlush', 'unit.look', 'breaker < permit.withdraw'],
      'gets a permit': ['working.exporting', 'breaker < permit.withdraw', 'starts export'],
      'gets a probe': ['working.exporting', 'breaker < permit.withdraw', 'starts export, probe'],
      'time passes': ['working.idle', 'unit.look', 'breaker < permit.withdraw'],
    },
    'working.deferred': {
      'another endpoint serves': servesOther,
      ...commanded,
      ...returned('working.deferred'),
      flushes: ['working.deferred', 'unit.requestFlush'],
      'time passes': looks,
    },
    'draining.asking': {
      'gets a permit of another endpoint': ['draining.exporting', 'starts drain to 1 within 5000'],
      'gets a probe of another endpoint': ['draining.exporting', 'starts drain to 1, a probe within 5000'],
      'another endpoint serves': ['draining.asking', 'unit.serve'],
      starts: ['working.idle', 'unit.look', released, 'exporter < delivery.drained'],
      halts: ['halted', released, 'exporter < delivery.drained'],
      flushes: ['draining.asking', 'unit.requestFlush'],
      'gets a permit': ['draining.exporting', 'starts drain within 5000'],
      'gets a probe': ['draining.exporting', 'starts drain, a probe within 5000'],
      'is denied': ['halted', released, 'exporter < delivery.drained'],
    },
    'draining.exporting': {
      'another endpoint serves': ['draining.exporting', 'unit.serve'],
      'drain fails': [
        'halted',
        'unit.endWave',
        'breaker < export.reported 3 success,failure',
        released,
        'exporter < delivery.drained',
      ],
      starts: [
        'working.idle',
        'unit.endWave',
        'unit.look',
        'aborts drain',
        released,
        'exporter < delivery.drained',
      ],
      halts: ['halted', 'unit.endWave', 'aborts drain', released, 'exporter < delivery.drained'],
      flushes: ['draining.exporting', 'unit.requestFlush'],
      ...returned('draining.exporting'),
      'loses its permit': ['draining.exporting, without a permit', 'unit.endWave'],
      'drain ends': [
        'halted',
        'unit.endWave',
        'breaker < export.reported 3 success',
        released,
        'exporter < delivery.drained',
      ],
      'drain dies': [
        'halted',
        'unit.endWave',
        'unit.noteError Error: drain failed',
        released,
        'exporter < delivery.drained',
      ],
    },
  })

  it('asks for another permit when it lost that of a drain, once what is in flight has ended', async () => {
    const { commands, log, show } = stageDelivery()
    for (const command of ['drains', 'gets a permit', 'loses its permit'] as const) await commands[command]()
    log.length = 0
    await commands['drain ends']()
    assert.equal(show(), 'draining.asking')
    assert.deepEqual(log, ['unit.endWave', 'breaker < permit.request urgent'])
  })

  const waitAfter = async (...commands: (keyof ReturnType<typeof stageDelivery>['commands'])[]) => {
    const stage = stageDelivery()
    for (const command of commands) assert.ok(await stage.commands[command](), command)
    return stage.clock.nextTimerIn
  }

  it('gathers until the oldest item is due, and starts the wait again when settings change', async () => {
    assert.equal(await waitAfter('starts', 'work arrives'), 500)
    const stage = stageDelivery()
    stage.commands.starts()
    stage.commands['work arrives']()
    stage.clock.increment(300)
    stage.commands['work arrives']()
    assert.equal(stage.clock.nextTimerIn, 500)
  })

  it('waits as long as it is told, and a second when a wave dies for no fault of the backend', async () => {
    assert.equal(await waitAfter('starts', 'has to back off'), 700)
    assert.equal(await waitAfter('starts', 'is told to wait'), 30_000)
    assert.equal(await waitAfter('starts', 'a batch is due', 'gets a permit', 'wave dies'), 1_000)
  })

  it('tells the latest asker that it has drained, once', async () => {
    const { commands, log } = stageDelivery()
    for (const command of ['drains', 'drains, for a stop', 'is denied', 'halts'] as const)
      await commands[command]()
    assert.equal(log.filter((line) => line === 'exporter < delivery.drained').length, 1)
  })

  it('has a due batch for every three events it hears of it', async () => {
    const { commands, log } = stageDelivery()
    commands.starts()
    for (let wave = 0; wave < 3; wave += 1)
      for (const command of ['work arrives', 'a batch is due', 'gets a permit', 'wave ends'] as const)
        assert.ok(await commands[command]())
    assert.equal(log.filter((line) => line.startsWith('starts export')).length, 3)
  })

  it('keeps its permit as long as all goes well, and reports the first success after a failure', async () => {
    const { commands, log } = stageDelivery()
    const reports = () => log.filter((line) => line.startsWith('breaker < export.reported')).length
    commands.starts()
    for (const command of ['a batch is due', 'gets a permit', 'all goes well', 'a batch is due'] as const)
      assert.ok(await commands[command]())
    assert.equal(log.filter((line) => line === 'breaker < permit.request delivery').length, 1)
    for (const command of ['wave ends', 'a batch is due', 'gets a permit', 'all goes well'] as const)
      assert.ok(await commands[command]())
    assert.equal(reports(), 2)
    for (const command of ['a batch is due', 'gets a permit', 'all goes well', 'a batch is due'] as const)
      assert.ok(await commands[command]())
    assert.equal(reports(), 2)
  })

  it('sends further batches in one wave as long as all goes well, and waits for the result after a failure', async () => {
    const { commands, log } = stageDelivery()
    commands.starts()
    for (const command of ['a batch is due', 'gets a permit', 'wave ends', 'a batch is due'] as const)
      assert.ok(await commands[command]())
    for (const command of ['gets a permit', 'all goes well', 'a batch is due', 'gets a permit'] as const)
      assert.ok(await commands[command]())
    const starts = log.filter((line) => line.startsWith('starts export'))
    assert.deepEqual(starts, ['starts export', 'starts export, once', 'starts export'])
  })

  const afterwards = async (...commands: (keyof ReturnType<typeof stageDelivery>['commands'])[]) => {
    const stage = stageDelivery()
    for (const command of commands) assert.ok(await stage.commands[command](), command)
    return stage
  }

  it('goes on at another endpoint at once when its permit was revoked, and lets what is in flight finish', async () => {
    const { log, show } = await afterwards(
      ...([
        'starts',
        'a batch is due',
        'gets a permit',
        'loses its permit',
        'another endpoint serves',
      ] as const),
    )
    assert.equal(show(), 'working.idle')
    assert.deepEqual(log.slice(-4), ['unit.endWave', 'unit.serve', 'unit.look', 'aborts export'])
  })

  it('ends its wave, reports it and asks again when its permit is recalled', async () => {
    for (const news of ['permit is recalled', 'another endpoint serves'] as const) {
      const { log, show } = await afterwards(
        ...(['starts', 'a batch is due', 'gets a permit', news, 'all goes well', 'a batch is due'] as const),
      )
      assert.equal(show(), 'working.asking')
      assert.deepEqual(log.slice(-2), [
        'breaker < export.reported 3 success,neutral',
        'breaker < permit.request delivery',
      ])
    }
  })

  it('drains to each endpoint in turn until one takes everything or all are denied', async () => {
    const { log, show, commands } = await afterwards(
      ...(['drains', 'gets a permit of another endpoint', 'permit is recalled', 'drain fails'] as const),
    )
    assert.equal(show(), 'draining.asking')
    assert.deepEqual(log.slice(-2), [
      'breaker < export.reported 3 of 1 success,failure',
      'breaker < permit.request urgent except 1',
    ])
    commands['is denied']()
    assert.equal(show(), 'halted')
    commands.drains()
    assert.equal(log.at(-1), 'breaker < permit.request urgent')
  })

  it('asks other endpoints for a flush when the probe of one has failed', async () => {
    const { log, commands } = await afterwards(
      ...([
        'starts',
        'a batch is due, for a flush',
        'gets a probe of another endpoint',
        'wave ends',
      ] as const),
      'a batch is due, for a flush',
    )
    assert.equal(log.at(-1), 'breaker < permit.request urgent except 1')
    commands['is denied']()
    commands.flushes()
    assert.equal(log.at(-1), 'breaker < permit.request urgent')
  })

  it('asks another breaker from the moment that it is redirected', async () => {
    const { log } = await afterwards('starts', 'is redirected', 'a batch is due')
    assert.equal(log.at(-1), 'other breaker < permit.request')
  })

  it('says nothing of a wave whose permit was revoked meanwhile', async () => {
    const { commands, log } = stageDelivery()
    commands.starts()
    for (const command of ['a batch is due', 'gets a permit', 'loses its permit', 'wave ends'] as const)
      assert.ok(await commands[command]())
    assert.ok(!log.some((line) => line.startsWith('breaker < export.reported')))
  })
})

describe('the tests of the delivery chart', () => coversChart(deliveryMachine))
