import type { InspectionEvent } from 'xstate'
import {
  type BreakerEvent,
  breakerMachine,
  type ExportResult,
  type PermitPurpose,
} from '../../../machines/index.ts'
import {
  createEar,
  type Log,
  newClock,
  nextTimer,
  type Stage,
  type StagedChart,
  startStaged,
} from '../stage.ts'
import { leavesOf } from '../table.ts'

export const settings = {
  failureThreshold: 3,
  resetTimeoutMs: 60_000,
  initialResetTimeoutMs: 1_000,
  probeTimeoutMs: 11_000,
}

/** A breaker, and one exporter that asks it for permits. */
export function stageBreaker(
  input: { settings?: typeof settings; bypassed?: boolean; endpoint?: number } = {},
  inspect?: (event: InspectionEvent) => void,
) {
  const clock = newClock()
  const log: Log = []
  let held = 0
  const holder = createEar(log, 'holder', (event) => {
    if (event.type !== 'permit.granted') return event.type
    const { permit } = event as unknown as { permit: { generation: number; probe: boolean } }
    held = permit.generation
    return permit.probe ? 'a probe' : 'a permit'
  })
  const watcher = createEar(log, 'watcher', (event) => {
    const { endpoint, availability } = event as unknown as Record<string, unknown>
    return `${endpoint} ${availability}`
  })
  const actor = startStaged(breakerMachine, { settings, ...input }, clock, inspect)
  const snapshot = () => actor.getSnapshot() as ReturnType<typeof breakerMachine.getInitialSnapshot>
  actor.on('state.shown', () => log.push(`shows ${[...snapshot().tags]}`))
  actor.start()

  const send = (event: BreakerEvent) => (): boolean => {
    actor.send(event)
    return true
  }
  const ask = (purpose: PermitPurpose, last?: boolean) =>
    send({ type: 'permit.request', replyTo: holder as never, purpose, ...(last && { last }) })
  const report =
    (results: readonly ExportResult[], generation = () => held, jitter = 0) =>
    (): boolean =>
      send({ type: 'export.reported', generation: generation(), results, at: clock.monotonic(), jitter })()

  const stage = {
    actor,
    clock,
    log,
    askForTheLastTime: ask('urgent', true),
    send: actor.send.bind(actor) as (event: BreakerEvent) => void,
    get context() {
      return snapshot().context
    },
    /** Its state, its consecutive failures while it is closed, and whether somebody waits. */
    show(): string {
      const { failures, waiter } = snapshot().context
      return [
        ...leavesOf(snapshot().value),
        ...(snapshot().matches('closed') && failures > 0 ? [`${failures} failed`] : []),
        ...(waiter ? ['awaited'] : []),
      ].join(', ')
    },
    commands: {
      asks: ask('delivery'),
      'asks urgently': ask('urgent'),
      'asks for a probe': ask('probe'),
      withdraws: send({ type: 'permit.withdraw' }),
      cancels: send({ type: 'permit.cancel' }),
      succeeds: report(['success']),
      fails: report(['failure']),
      'fails three times at once': report(['failure', 'failure', 'failure']),
      'succeeds between failures': report(['failure', 'failure', 'success', 'failure']),
      'is refused': report(['neutral']),
      'is misdirected': report(['failure', 'misdirected', 'success']),
      'is cancelled': report(['cancelled']),
      'sent nothing': report([]),
      'fails, of another generation': report(['misdirected'], () => held - 1),
      'is configured': send({
        type: 'breaker.configure',
        settings: { ...settings, failureThreshold: 1 },
      }),
      'moves on': send({ type: 'breaker.renew' }),
      'is forced open': send({ type: 'breaker.force_open' }),
      'is disabled': send({ type: 'breaker.disable' }),
      'is reset': send({ type: 'breaker.reset' }),
      'is watched': send({ type: 'breaker.watch', watcher: watcher as never }),
      'time passes': nextTimer(clock),
    },
  }
  return stage satisfies Stage
}

const trip = ['asks', 'fails three times at once']

export const breakerChart: StagedChart = {
  start: (inspect) => stageBreaker({}, inspect),
  ways: {
    closed: ['asks'],
    'closed, 2 failed': ['asks', 'fails', 'fails'],
    open: trip,
    'open, awaited': [...trip, 'asks'],
    'half_open.free': [...trip, 'time passes'],
    'half_open.probing': [...trip, 'asks', 'time passes'],
    'half_open.probing, awaited': [...trip, 'asks', 'time passes', 'asks'],
    forced_open: ['asks', 'is forced open'],
    'forced_open, awaited': ['is forced open', 'asks'],
    disabled: ['asks', 'is disabled'],
  },
}
