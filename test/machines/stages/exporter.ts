import type { InspectionEvent } from 'xstate'
import {
  type ChangeEffect,
  type ExporterEvent,
  type ExporterSettings,
  exporterMachine,
} from '../../../machines/index.ts'
import {
  createEar,
  createFakeUnit,
  createWorks,
  type Log,
  newClock,
  nextTimer,
  type Stage,
  type StagedChart,
  startStaged,
} from '../stage.ts'
import { leavesOf } from '../table.ts'

export const settings: ExporterSettings = {
  enabled: true,
  drainTimeoutMs: 5_000,
  breaker: { failureThreshold: 5, resetTimeoutMs: 60_000, probeTimeoutMs: 11_000 },
}

/** Regions that have nothing to say. */
const silent = new Set(['active.retirement.none', 'active.upkeep.waiting'])

/** An exporter chart; its unit, delivery, breaker and system only note what they hear. */
export function stageExporter(
  input: { enabled?: boolean; hasCrashed?: boolean; pulled?: boolean } = {},
  inspect?: (event: InspectionEvent) => void,
) {
  const { enabled = true, hasCrashed = false, pulled = false } = input
  const clock = newClock()
  const log: Log = []
  const { unit } = createFakeUnit(log, { pulled })
  const works = createWorks(log, clock)
  const versioned = (event: object): string => {
    const { type, version, reason, withinMs } = event as Partial<Record<string, unknown>>
    return [type, version, reason, withinMs].filter((part) => part !== undefined).join(' ')
  }
  const actor = startStaged(
    exporterMachine.provide({
      actors: {
        fence: works.placeholder('fence') as never,
        open: works.placeholder('open') as never,
        prepare: works.placeholder('prepare', ({ effect }: { effect: string }) => ` ${effect}`) as never,
        retire: works.placeholder('retire') as never,
        close: works.placeholder('close') as never,
      },
    }),
    {
      unit,
      breaker: createEar(log, 'breaker'),
      delivery: createEar(log, 'delivery', versioned),
      system: createEar(log, 'system', versioned),
      settings: { ...settings, enabled },
      hasCrashed,
    },
    clock,
    inspect,
  )
  const snapshot = () => actor.getSnapshot() as ReturnType<typeof exporterMachine.getInitialSnapshot>
  actor.on('state.shown', () => log.push(`shows ${[...snapshot().tags]}`))
  actor.start()

  const send = (event: ExporterEvent) => (): boolean => {
    if (snapshot().status !== 'active') return false
    actor.send(event)
    return true
  }
  const change = 4
  const keys = ['endpoint']
  const prepare = (effect: ChangeEffect, isEnabled = true) =>
    send({
      type: 'config.prepare',
      version: change,
      effect,
      settings: { ...settings, enabled: isEnabled },
      keys,
    })

  const stage = {
    actor,
    clock,
    log,
    send: (event: ExporterEvent): void => actor.send(event),
    get context() {
      return snapshot().context
    },
    show: (): string =>
      leavesOf(snapshot().value)
        .filter((leaf) => !silent.has(leaf))
        .map((leaf) => leaf.replace('active.client.', 'active.').replace('active.retirement.', ''))
        .join(', '),
    commands: {
      'hot change': prepare('hot'),
      'change of client': prepare('rebuild'),
      'change in place': prepare('replace'),
      'change that disables': prepare('disable', false),
      'change of nothing': prepare('none', false),
      commit: send({ type: 'config.commit', version: change, keys }),
      abort: send({ type: 'config.abort', version: change, keys }),
      restart: send({ type: 'exporter.restart' }),
      stop: send({ type: 'exporter.stop' }),
      'stop within 800 ms': send({ type: 'exporter.stop', withinMs: 800 }),
      drained: send({ type: 'delivery.drained' }),
      'opening done': works.done('open'),
      'opening fails': works.fails('open', Object.assign(new Error('no'), { retryInMs: 500 })),
      'opening fails, oddly': works.fails('open', new Error('no')),
      'candidate opens': works.done('prepare'),
      'candidate fails': works.fails('prepare', new Error('no')),
      'retirement done': works.done('retire'),
      'retirement fails': works.fails('retire', new Error('no')),
      'closing done': works.done('close'),
      'closing fails': works.fails('close', new Error('no')),
      'fencing done': works.done('fence', { crashes: 1 }),
      'fencing done, after too many crashes': works.done('fence', { crashes: 6 }),
      'fencing fails': works.fails('fence', new Error('no')),
      'time passes': nextTimer(clock),
    },
  }
  return stage satisfies Stage
}

const serve = ['opening done']
const disable = [...serve, 'change that disables', 'commit', 'drained', 'closing done']

export const exporterChart: StagedChart = {
  start: (inspect) => stageExporter({}, inspect),
  ways: {
    'active.opening': [],
    'active.retrying': ['opening fails'],
    'active.serving': serve,
    'active.replacing.opening': [...serve, 'change of client'],
    'active.replacing.prepared': [...serve, 'change of client', 'candidate opens'],
    'active.recreating.opening': [...serve, 'change in place'],
    'active.recreating.prepared': [...serve, 'change in place', 'candidate opens'],
    'active.serving, retiring': [...serve, 'change of client', 'candidate opens', 'commit'],
    'leaving.draining': [...serve, 'change that disables', 'commit'],
    'leaving.closing': [...serve, 'restart'],
    disabled: disable,
    'enabling.reviving': [...serve, 'change that disables', 'commit', 'change of client'],
    'enabling.opening': [...disable, 'change of client'],
    'enabling.prepared': [...disable, 'change of client', 'candidate opens'],
    'stopping.draining': [...serve, 'stop'],
    'stopping.closing': [...serve, 'stop', 'drained'],
    stopped: [...serve, 'stop', 'drained', 'closing done'],
  },
}

/** The chart of an exporter whose earlier life has died. */
export const crashedExporterChart: StagedChart = {
  start: (inspect) => stageExporter({ hasCrashed: true }, inspect),
  ways: {
    'recovering.fencing': [],
    'recovering.backoff': ['fencing done'],
    'recovering.failed': ['fencing done, after too many crashes'],
    'recovering.held': ['hot change'],
  },
}
