import { type EventObject, fromCallback, type InspectionEvent } from 'xstate'
import {
  type PlannedChange,
  type SystemEvent,
  systemMachine,
  type UnitHandle,
} from '../../../machines/index.ts'
import {
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
import { settings } from './exporter.ts'

/** A child that notes what it hears and dies of it when it is told to. */
const child = (log: Log) =>
  fromCallback<EventObject, { unit?: { id: string }; hasCrashed?: boolean; settings?: { enabled: boolean } }>(
    ({ receive, self, input }) => {
      const { hasCrashed, settings: given } = input
      const name = self.id.replace(/#\d+$/, '')
      const notes = [hasCrashed && 'again', given?.enabled === false && 'disabled'].filter(Boolean)
      log.push([`${name} starts`, ...notes].join(' '))
      receive((event) => {
        if (event.type === 'test.die') throw new Error('dead')
        const { version, effect, withinMs } = event as Partial<Record<string, unknown>>
        const details = [version, effect, withinMs].filter((part) => part !== undefined)
        log.push([`${name} < ${event.type}`, ...details].join(' '))
      })
      return () => void log.push(`${name} stops`)
    },
  )

/**
 * The system's chart over three exporters; its children only note what they hear. A change adds a fourth.
 * @param perTurn exporters that a stop tells and clears away in one turn of the event loop.
 */
export function stageSystem(inspect?: (event: InspectionEvent) => void, perTurn?: number) {
  const clock = newClock()
  const log: Log = []
  const works = createWorks(log, clock)
  const handles = Object.fromEntries(
    ['one', 'two', 'three', 'new'].map((id) => [
      id,
      createFakeUnit(log, { id, pulled: id === 'three' }).handle,
    ]),
  ) as Record<string, UnitHandle>
  const planned = (id: string) => ({ unit: handles[id] as UnitHandle, settings })

  const actor = startStaged(
    systemMachine.provide({
      actors: {
        exporter: child(log),
        delivery: child(log),
        breaker: child(log),
        yield: works.placeholder('yield'),
      } as never,
    }),
    { exporters: ['one', 'two', 'three'].map(planned), ...(perTurn && { perTurn }) },
    clock,
    inspect,
  )
  const snapshot = () => actor.getSnapshot() as ReturnType<typeof systemMachine.getInitialSnapshot>
  const groups = () => snapshot().context.groups
  actor.on('config.settled', (event) => {
    const { version, accepted, refusals } = event as unknown as {
      version: number
      accepted: boolean
      refusals: { id: string; reason: string }[]
    }
    const why = refusals.map(({ id, reason }) => `${id}: ${reason}`)
    log.push([`${version} is ${accepted ? 'in force' : 'refused'}`, ...why].join(', '))
  })
  actor.on('exporter.removed', (event) => log.push(`${(event as unknown as { id: string }).id} is removed`))
  actor.start()

  const send = (event: SystemEvent) => (): boolean => {
    if (snapshot().status !== 'active') return false
    actor.send(event)
    return true
  }
  const change = (id: string, effect: PlannedChange['effect']): PlannedChange => ({
    ...planned(id),
    effect,
    keys: ['endpoint'],
  })
  const crash = (kind: 'exporter' | 'delivery' | 'breaker', id: string) => (): boolean => {
    const group = snapshot().context.groups[id]
    if (!group || snapshot().status !== 'active') return false
    const actor = kind === 'breaker' ? group.breakers[0] : group[kind]
    actor?.send({ type: 'test.die' } as never)
    return true
  }
  const version = 7

  const stage = {
    actor,
    clock,
    log,
    /** Its state, and whose answers are awaited. */
    show: (): string => [...leavesOf(snapshot().value), ...snapshot().context.awaiting].join(', '),
    groups,
    commands: {
      'change of one and two': send({
        type: 'config.change',
        version,
        changes: [change('one', 'rebuild'), change('two', 'rebuild')],
      }),
      'change that adds and removes': send({
        type: 'config.change',
        version,
        changes: [change('new', 'add'), change('two', 'remove')],
      }),
      'change of nothing': send({ type: 'config.change', version, changes: [] }),
      ...Object.fromEntries(
        ['one', 'two', 'new'].flatMap((id) => [
          [`${id} is prepared`, send({ type: 'config.prepared', id, version })],
          [`${id} refuses`, send({ type: 'config.refused', id, version, reason: 'no' })],
          [`${id} acknowledges`, send({ type: 'config.acknowledged', id, version })],
        ]),
      ),
      'an answer is late': send({ type: 'config.prepared', id: 'one', version: 3 }),
      ...Object.fromEntries(
        ['one', 'two', 'three', 'new'].flatMap((id) => [
          [`${id} stops`, send({ type: 'exporter.stopped', id })],
          [`${id} has ended`, send({ type: `xstate.done.actor.exporter:${id}` })],
          [`exporter ${id} crashes`, crash('exporter', id)],
        ]),
      ),
      'delivery one crashes': crash('delivery', 'one'),
      'breaker one crashes': crash('breaker', 'one'),
      'an unknown actor crashes': send({
        type: 'xstate.error.actor.exporter:nobody',
        error: new Error('no'),
      }),
      flush: send({ type: 'exporters.flush', ids: ['one', 'nobody'] }),
      restart: send({ type: 'exporter.restart', id: 'two' }),
      'restart of nobody': send({ type: 'exporter.restart', id: 'nobody' }),
      'force open': send({ type: 'breaker.command', id: 'one', command: 'force_open' }),
      'force open of nobody': send({ type: 'breaker.command', id: 'nobody', command: 'reset' }),
      stop: send({ type: 'system.stop', timeoutMs: 3_000 }),
      'more exporters': () => !groups().new && send({ type: 'exporters.add', exporters: [planned('new')] })(),
      'others had their turn': works.done('yield'),
      'time passes': nextTimer(clock),
    } as Record<string, () => boolean | Promise<boolean>>,
  }
  return stage satisfies Stage
}

const bothPrepared = ['change of one and two', 'one is prepared', 'two is prepared']

export const systemChart: StagedChart = {
  start: stageSystem,
  ways: {
    'running.idle': [],
    'running.preparing, one, two': ['change of one and two'],
    'running.preparing, two': ['change of one and two', 'one is prepared'],
    'running.settling.committing, one, two': bothPrepared,
    'running.settling.committing, two': [...bothPrepared, 'one acknowledges'],
    'running.settling.aborting, one, two': ['change of one and two', 'one refuses', 'two is prepared'],
    'running.preparing, new': ['change that adds and removes'],
    'running.settling.committing, new, two': ['change that adds and removes', 'new is prepared'],
    'running.settling.aborting, new': ['change that adds and removes', 'new refuses'],
    'stopping.draining, one, two, three': ['stop'],
    stopped: ['stop', 'one has ended', 'two has ended', 'three has ended'],
  },
}

/** The same as one that takes a turn of the event loop for each exporter it stops. */
export const slowlyStoppingSystem: StagedChart = {
  start: (inspect) => stageSystem(inspect, 1),
  ways: {
    'stopping.yielding, one, two, three': ['stop'],
    'stopping.draining, one, two, three': ['stop', 'others had their turn', 'others had their turn'],
    'clearing.yielding': [
      ...['stop', 'others had their turn', 'others had their turn'],
      ...['one has ended', 'two has ended', 'three has ended'],
    ],
  },
}
