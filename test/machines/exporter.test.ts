/** The exporter's chart: what each change, command and outcome of its work does in each of its states. */
import assert from 'node:assert/strict'
import { exporterMachine } from '../../machines/index.ts'
import { crashedExporterChart, exporterChart, settings, stageExporter } from './stages/exporter.ts'
import { coversChart, followTable, type Row } from './table.ts'

const lets = (state: string, ...log: readonly string[]) => [state, ...log] as const

const prepared = 'system < config.prepared 4'
const refused = 'system < config.refused 4 no'
const acknowledged = 'system < config.acknowledged 4'
const error = 'unit.noteError Error: no'
const halt = 'delivery < delivery.halt'
const drains = `delivery < delivery.drain ${settings.drainTimeoutMs}`

/** What a change does that concerns no client now. */
const changes = (state: string): Row => ({
  'hot change': lets(state, prepared),
  'change of client': lets(state, prepared),
  'change in place': lets(state, prepared),
  'change that disables': lets(state, prepared),
  'change of nothing': lets(state, prepared),
  commit: lets(state, 'unit.commit', 'breaker < breaker.configure', acknowledged),
  abort: lets(state, 'unit.abort', acknowledged),
})

const ticks = (state: string): Row => ({ 'time passes': lets(state, 'unit.tick') })

/** It is told to stop, in any state; `work` is aborted by that. */
const stops = (...work: readonly string[]): Row => {
  const first = ['unit.discard', 'unit.unsubscribe', ...work, 'shows draining']
  return {
    stop: lets('stopping.draining', ...first, `delivery < delivery.drain ${settings.drainTimeoutMs}`),
    'stop within 800 ms': lets('stopping.draining', ...first, 'delivery < delivery.drain 800'),
  }
}

/** What ends any state of `active`. */
const leaves = (...work: readonly string[]): Row => ({
  ...stops(...work),
  restart: lets('leaving.closing', 'unit.cut', ...work, 'shows draining', halt, 'starts close'),
})

const recreates = (retiring = '', ...work: readonly string[]) =>
  lets(`active.recreating.opening${retiring}`, ...work, halt, 'shows replacing', 'starts prepare replace')

const swapped = (...subscribed: readonly string[]) =>
  lets(
    ...(['active.serving, retiring', 'unit.commit', 'unit.swap', ...subscribed] as const),
    ...['breaker < breaker.configure', halt, 'breaker < breaker.renew', 'delivery < delivery.start'],
    ...[acknowledged, 'shows serving', 'starts retire'],
  )

const stopped = ['unit.unsubscribe', 'unit.abandon disabled'] as const

const serve = ['opening done']
const disable = [...serve, 'change that disables', 'commit', 'drained', 'closing done']

describe('the exporter chart', () => {
  followTable(exporterChart, {
    'active.opening': {
      ...changes('active.opening'),
      ...ticks('active.opening'),
      ...leaves('aborts open'),
      'change of client': recreates('', 'aborts open'),
      'change in place': recreates('', 'aborts open'),
      'opening done': lets('active.serving', 'delivery < delivery.start', 'shows serving'),
      'opening fails': lets('active.retrying', error, 'shows retrying'),
      'opening fails, oddly': lets('active.retrying', error, 'shows retrying'),
    },
    'active.retrying': {
      ...changes('active.retrying'),
      ...leaves(),
      'change of client': recreates(),
      'change in place': recreates(),
      'time passes': lets('active.opening', 'shows opening', 'starts open'),
    },
    'active.serving': {
      ...changes('active.serving'),
      ...ticks('active.serving'),
      ...leaves(),
      'change of client': lets('active.replacing.opening', 'shows replacing', 'starts prepare rebuild'),
      'change in place': recreates(),
    },
    'active.replacing.opening': {
      ...changes('active.replacing.opening'),
      ...ticks('active.replacing.opening'),
      ...leaves('aborts prepare'),
      ...{ restart: lets('active.replacing.opening') },
      'change of client': recreates('', 'aborts prepare'),
      'change in place': recreates('', 'aborts prepare'),
      abort: lets(
        ...(['active.serving, retiring', 'unit.abort', 'unit.discard', 'aborts prepare'] as const),
        ...[acknowledged, 'shows serving', 'starts retire'],
      ),
      'candidate opens': lets('active.replacing.prepared', prepared),
      'candidate fails': lets('active.serving', refused, 'shows serving'),
    },
    'active.replacing.prepared': {
      ...changes('active.replacing.prepared'),
      ...ticks('active.replacing.prepared'),
      ...leaves(),
      ...{ restart: lets('active.replacing.prepared') },
      'change of client': recreates(),
      'change in place': recreates(),
      commit: swapped(),
      abort: lets(
        ...(['active.serving, retiring', 'unit.abort', 'unit.discard'] as const),
        ...[acknowledged, 'shows serving', 'starts retire'],
      ),
    },
    'active.recreating.opening': {
      ...changes('active.recreating.opening'),
      ...ticks('active.recreating.opening'),
      ...leaves('aborts prepare'),
      ...{ restart: lets('active.recreating.opening') },
      'change of client': recreates('', 'aborts prepare'),
      'change in place': recreates('', 'aborts prepare'),
      abort: lets(
        ...(['active.opening, retiring', 'unit.abort', 'unit.discard', 'aborts prepare'] as const),
        ...[acknowledged, 'shows opening', 'starts open', 'starts retire'],
      ),
      'candidate opens': lets('active.recreating.prepared', prepared),
      'candidate fails': lets('active.opening', refused, 'shows opening', 'starts open'),
    },
    'active.recreating.prepared': {
      ...changes('active.recreating.prepared'),
      ...ticks('active.recreating.prepared'),
      ...leaves(),
      ...{ restart: lets('active.recreating.prepared') },
      'change of client': recreates(),
      'change in place': recreates(),
      commit: swapped(),
      abort: lets(
        ...(['active.opening, retiring', 'unit.abort', 'unit.discard'] as const),
        ...[acknowledged, 'shows opening', 'starts open', 'starts retire'],
      ),
    },
    'active.serving, retiring': {
      ...changes('active.serving, retiring'),
      ...ticks('active.serving, retiring'),
      ...leaves('aborts retire'),
      'change of client': lets(
        ...(['active.replacing.opening, retiring', 'shows replacing', 'starts prepare rebuild'] as const),
      ),
      'change in place': recreates(', retiring'),
      'retirement done': lets('active.serving'),
      'retirement fails': lets('active.serving', error),
    },
    'leaving.draining': {
      ...changes('leaving.draining'),
      ...stops(),
      'change of client': lets('enabling.reviving', 'shows opening', 'starts prepare rebuild'),
      drained: lets('leaving.closing', 'unit.cut', halt, 'starts close'),
      'time passes': lets('leaving.closing', 'unit.cut', halt, 'starts close'),
    },
    'leaving.closing': {
      ...changes('leaving.closing'),
      ...stops('aborts close'),
      'closing done': lets(
        ...(['active.opening', 'unit.subscribe', 'system < config.acknowledged 0'] as const),
        ...['shows opening', 'starts open'],
      ),
      'closing fails': lets(
        ...(['active.opening', error, 'unit.subscribe', 'system < config.acknowledged 0'] as const),
        ...['shows opening', 'starts open'],
      ),
    },
    disabled: {
      ...changes('disabled'),
      ...stops(),
      'change of client': lets('enabling.opening', 'shows opening', 'starts prepare replace'),
      'change in place': lets('enabling.opening', 'shows opening', 'starts prepare replace'),
    },
    'enabling.reviving': {
      ...changes('enabling.reviving'),
      ...stops('aborts prepare'),
      abort: lets(
        ...([
          'leaving.draining',
          'unit.abort',
          'unit.discard',
          'unit.unsubscribe',
          'aborts prepare',
        ] as const),
        ...[acknowledged, 'shows draining', drains],
      ),
      'candidate opens': lets('enabling.prepared', prepared),
      'candidate fails': lets('leaving.draining', 'unit.unsubscribe', refused, 'shows draining', drains),
    },
    'enabling.opening': {
      ...changes('enabling.opening'),
      ...stops('aborts prepare'),
      abort: lets(
        ...([
          'leaving.draining',
          'unit.abort',
          'unit.discard',
          'unit.unsubscribe',
          'aborts prepare',
        ] as const),
        ...[acknowledged, 'shows draining', drains],
      ),
      'candidate opens': lets('enabling.prepared', prepared),
      'candidate fails': lets(
        'disabled',
        'unit.unsubscribe',
        'unit.abandon disabled',
        refused,
        'shows disabled',
      ),
    },
    'enabling.prepared': {
      ...changes('enabling.prepared'),
      ...stops(),
      commit: swapped('unit.subscribe'),
      abort: lets(
        ...(['leaving.draining', 'unit.abort', 'unit.discard', 'unit.unsubscribe'] as const),
        ...[acknowledged, 'shows draining', drains],
      ),
    },
    'stopping.draining': {
      ...changes('stopping.draining'),
      ...stops(),
      drained: lets('stopping.closing', 'unit.cut', halt, 'starts close'),
      'time passes': lets('stopping.closing', 'unit.cut', halt, 'starts close'),
    },
    'stopping.closing': {
      ...changes('stopping.closing'),
      ...stops('aborts close'),
      'closing done': lets('stopped', ...stopped, 'shows stopped', 'system < exporter.stopped'),
      'closing fails': lets('stopped', error, ...stopped, 'shows stopped', 'system < exporter.stopped'),
    },
    stopped: {},
  })

  it('waits for the clients of two changes on end to finish', async () => {
    const { commands, log, show } = stageExporter()
    await commands['opening done']()
    for (let change = 0; change < 2; change += 1)
      for (const command of ['change of client', 'candidate opens', 'commit'] as const)
        assert.ok(await commands[command]())
    assert.equal(show(), 'active.serving, retiring')
    assert.equal(log.filter((line) => line === 'starts retire').length, 2)
    await commands['retirement done']()
    assert.equal(show(), 'active.serving')
  })

  it('frees the address of a pull exporter before it is enabled again', async () => {
    const { commands, log, show } = stageExporter({ pulled: true })
    for (const command of ['opening done', 'change that disables', 'commit', 'change of client'] as const)
      assert.ok(await commands[command]())
    assert.equal(show(), 'enabling.opening')
    assert.deepEqual(log.slice(-4), ['unit.cut', halt, 'shows opening', 'starts prepare replace'])
  })

  it('is enabled again while it closes', async () => {
    const { commands, log, show } = stageExporter()
    const disabling = [
      'opening done',
      'change that disables',
      'commit',
      'drained',
      'change of client',
    ] as const
    for (const command of disabling) assert.ok(await commands[command]())
    assert.equal(show(), 'enabling.opening')
    assert.deepEqual(log.slice(-3), ['aborts close', 'shows opening', 'starts prepare replace'])
  })

  it('tries again in a second when an opening says nothing of its backoff', async () => {
    const { commands, clock } = stageExporter()
    await commands['opening fails, oddly']()
    clock.increment(999)
    assert.equal(clock.nextTimerIn, 1)
  })

  it('begins disabled when it is not enabled', () => {
    const { show, log } = stageExporter({ enabled: false })
    assert.equal(show(), 'disabled')
    assert.deepEqual(log, ['unit.unsubscribe', 'unit.abandon disabled', 'shows disabled'])
  })

  it('decides by the configuration in force once a restart has closed everything', async () => {
    const { commands, show } = stageExporter()
    for (const command of [
      'opening done',
      'restart',
      'change that disables',
      'commit',
      'closing done',
    ] as const)
      assert.ok(await commands[command]())
    assert.equal(show(), 'disabled')
  })

  it('acknowledges that it is disabled only when it has drained and closed', async () => {
    const { commands, log } = stageExporter()
    const heard: number[] = []
    for (const command of [...disable] as (keyof typeof commands)[]) {
      await commands[command]()
      heard.push(log.filter((line) => line === acknowledged).length)
    }
    assert.deepEqual(heard, [0, 0, 0, 0, 1])
  })
})

describe('the exporter chart on its way out', () => {
  it('drops what is left as disabled when it is removed, and as shutdown when everything stops', async () => {
    for (const [commands, reason] of [
      [['stop'], 'disabled'],
      [['stop within 800 ms'], 'shutdown'],
      [['stop', 'stop within 800 ms'], 'shutdown'],
    ] as const) {
      const stage = stageExporter()
      for (const command of [...serve, ...commands, 'drained', 'closing done'])
        await stage.commands[command as keyof typeof stage.commands]()
      assert.ok(stage.log.includes(`unit.abandon ${reason}`), stage.log.join('; '))
    }
  })
})

describe('the exporter chart after a crash', () => {
  const held = (...work: readonly string[]) => lets('recovering.held', ...work, prepared, 'shows restarting')
  const holds = (state: string, ...work: readonly string[]): Row => ({
    ...changes(state),
    'hot change': held(...work),
    'change of client': held(...work),
    'change in place': held(...work),
    'change that disables': held(...work),
    'change of nothing': held(...work),
  })
  const reopens = ['unit.subscribe', 'shows opening', 'starts open'] as const

  followTable(crashedExporterChart, {
    'recovering.fencing': {
      ...holds('recovering.fencing', 'aborts fence'),
      ...stops('aborts fence'),
      'fencing done': lets('recovering.backoff'),
      'fencing done, after too many crashes': lets('recovering.failed', 'shows failed'),
      'fencing fails': lets('recovering.backoff', error),
    },
    'recovering.backoff': {
      ...holds('recovering.backoff'),
      ...stops(),
      restart: lets('active.opening', 'unit.forgive', ...reopens),
      'time passes': lets('active.opening', ...reopens),
    },
    'recovering.failed': {
      ...holds('recovering.failed'),
      ...stops(),
      restart: lets('active.opening', 'unit.forgive', ...reopens),
    },
    'recovering.held': {
      ...holds('recovering.held'),
      ...stops(),
      commit: lets(
        ...(['active.opening', 'unit.forgive', 'unit.commit', 'unit.subscribe'] as const),
        ...['breaker < breaker.configure', acknowledged, 'shows opening', 'starts open'],
      ),
      abort: lets('recovering.fencing', 'unit.abort', acknowledged, 'shows restarting', 'starts fence'),
    },
  })

  it('stays disabled when the change that was under way disables it', async () => {
    const { commands, show } = stageExporter({ hasCrashed: true })
    for (const command of ['change that disables', 'commit'] as const) await commands[command]()
    assert.equal(show(), 'disabled')
  })

  it('acknowledges the abort of a change that its earlier life was told of', () => {
    const { commands, log } = stageExporter({ hasCrashed: true })
    commands.abort()
    assert.equal(log.at(-1), acknowledged)
  })
})

describe('the tests of the exporter chart', () => coversChart(exporterMachine))
