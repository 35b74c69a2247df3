import type { InspectionEvent } from 'xstate'
import { type SpoolEvent, spoolMachine } from '../../../machines/index.ts'
import { createFakeSpool } from '../../../src/testing/index.ts'
import {
  createWorks,
  type Log,
  newClock,
  nextTimer,
  type Stage,
  type StagedChart,
  startStaged,
} from '../stage.ts'
import { leavesOf } from '../table.ts'

/** A spool chart; the disk only notes what it hears. */
export function stageSpool(inspect?: (event: InspectionEvent) => void) {
  const clock = newClock()
  const log: Log = []
  const works = createWorks(log, clock)
  const actor = startStaged(
    spoolMachine.provide({
      actors: { open: works.placeholder('open') as never, close: works.placeholder('close') as never },
    }),
    { spool: createFakeSpool(log) },
    clock,
    inspect,
  )
  const snapshot = () => actor.getSnapshot() as ReturnType<typeof spoolMachine.getInitialSnapshot>
  actor.on('state.shown', () => log.push(`shows ${[...snapshot().tags]}`))
  actor.start()

  const send = (event: SpoolEvent) => (): boolean => {
    actor.send(event)
    return true
  }
  const stage = {
    actor,
    clock,
    log,
    show(): string {
      const { failures, reopens } = snapshot().context
      return [
        ...leavesOf(snapshot().value),
        ...(failures > 0 ? [`${failures} failed`] : []),
        ...(reopens ? ['to be opened again'] : []),
      ].join(', ')
    },
    commands: {
      'is enabled': send({ type: 'spool.enable' }),
      'is disabled': send({ type: 'spool.disable' }),
      opens: works.done('open', { isFull: false }),
      'opens, full': works.done('open', { isFull: true }),
      'cannot open': works.fails('open'),
      closes: works.done('close'),
      'cannot close': works.fails('close'),
      'has written': send({ type: 'spool.wrote' }),
      'is filled': send({ type: 'spool.filled' }),
      'is freed': send({ type: 'spool.freed' }),
      fails: send({ type: 'spool.failed', error: 'EIO' }),
      'time passes': nextTimer(clock),
    },
  }
  return stage satisfies Stage
}

const ready = ['is enabled', 'opens']

export const spoolChart: StagedChart = {
  start: stageSpool,
  ways: {
    off: [],
    opening: ['is enabled'],
    ready,
    'ready, 1 failed': [...ready, 'fails', 'time passes', 'opens'],
    full: [...ready, 'is filled'],
    'failing, 1 failed': [...ready, 'fails'],
    closing: [...ready, 'is disabled'],
    'closing, to be opened again': [...ready, 'is disabled', 'is enabled'],
  },
}
