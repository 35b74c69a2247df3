import type { InspectionEvent } from 'xstate'
import {
  type DeliveryEvent,
  deliveryMachine,
  type ExportPlace,
  type WaveReport,
  type WaveScope,
  type WorkEvent,
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

const reportOf = (...results: WaveReport['results']): WaveReport => ({ results, at: 7, jitter: 0.5 })

/** A delivery chart; its unit, breaker and exporter only note what they hear. */
export function stageDelivery(inspect?: (event: InspectionEvent) => void) {
  const clock = newClock()
  const log: Log = []
  const { unit, tell } = createFakeUnit(log)
  const works = createWorks(log, clock)
  const breaker = createEar(log, 'breaker', (event) => {
    const { type, purpose, except, results, endpoint, generation } = event as Partial<Record<string, unknown>>
    if (type === 'permit.request') return `permit.request ${purpose}${except ? ` except ${except}` : ''}`
    const place = endpoint === 0 ? '' : ` of ${endpoint}`
    return type === 'export.reported' ? `export.reported ${generation}${place} ${results}` : String(type)
  })
  const otherBreaker = createEar(log, 'other breaker')
  const exporter = createEar(log, 'exporter')
  const places = ({ endpoint }: ExportPlace): string => (endpoint === 0 ? '' : ` to ${endpoint}`)
  const scopes = (input: ExportPlace & { scope: WaveScope }): string =>
    places(input) + (input.scope === 'series' ? '' : `, ${input.scope}`)
  const probes = (input: ExportPlace & { probe: boolean }): string =>
    places(input) + (input.probe ? ', a probe' : '')

  const actor = startStaged(
    deliveryMachine.provide({
      actors: {
        exportWave: works.placeholder('export', scopes) as never,
        drain: works.placeholder(
          'drain',
          (input: ExportPlace & { probe: boolean; withinMs: number }) =>
            `${probes(input)} within ${input.withinMs}`,
        ) as never,
      },
    }),
    { unit, breaker },
    clock,
    inspect,
  )
  actor.start()

  const send = (event: DeliveryEvent) => (): boolean => {
    actor.send(event)
    return true
  }
  const says = (event: WorkEvent) => (): boolean => {
    tell(event)
    return true
  }
  const batch = (urgent: boolean) => says({ type: 'telemetry.batch', items: 2, events: 4, bytes: 99, urgent })
  const drain = (withinMs: number) => send({ type: 'delivery.drain', replyTo: exporter as never, withinMs })
  const grant = (probe: boolean) =>
    send({ type: 'permit.granted', permit: { generation: 3, endpoint: 0, probe } })

  const grantOther = (probe: boolean) =>
    send({ type: 'permit.granted', permit: { generation: 3, endpoint: 1, probe, others: true } })

  const stage = {
    actor,
    clock,
    log,
    show: (): string => {
      const { value, context } = actor.getSnapshot() as {
        value: unknown
        context: { permit: unknown; recalled: boolean }
      }
      const [state = ''] = leavesOf(value)
      if (state === 'draining.exporting' && context.permit === null) return `${state}, without a permit`
      const keeps =
        context.permit !== null &&
        !context.recalled &&
        (state === 'working.idle' || state === 'working.gathering')
      return keeps ? `${state}, with a permit` : state
    },
    commands: {
      starts: send({ type: 'delivery.start' }),
      halts: send({ type: 'delivery.halt' }),
      drains: drain(5_000),
      'drains, for a stop': drain(800),
      flushes: send({ type: 'exporter.flush' }),
      'work arrives': says({ type: 'work.arrived', items: 1, events: 1, dueInMs: 500 }),
      'a batch is due': batch(false),
      'a batch is due, for a flush': batch(true),
      'has to back off': says({ type: 'work.deferred', ms: 700, by: 'backoff' }),
      'is told to wait': says({ type: 'work.deferred', ms: 30_000, by: 'retry_after' }),
      'gets a permit': grant(false),
      'gets a probe': grant(true),
      'gets a permit of another endpoint': grantOther(false),
      'gets a probe of another endpoint': grantOther(true),
      'another endpoint serves': send({ type: 'endpoint.changed', endpoint: 1 }),
      'permit is recalled': send({ type: 'permit.recalled' }),
      'is redirected': send({ type: 'delivery.redirect', breaker: otherBreaker as never }),
      'is denied': send({ type: 'permit.denied' }),
      'loses its permit': send({ type: 'permit.revoked' }),
      'all goes well': works.done('export', reportOf('success', 'neutral')),
      'wave ends': works.done('export', reportOf('success', 'failure')),
      'wave dies': works.fails('export'),
      'drain ends': works.done('drain', reportOf('success')),
      'drain fails': works.done('drain', reportOf('success', 'failure')),
      'drain dies': works.fails('drain'),
      'time passes': nextTimer(clock),
    },
  }
  return stage satisfies Stage
}

export const deliveryChart: StagedChart = {
  start: stageDelivery,
  ways: {
    halted: [],
    'working.idle': ['starts'],
    'working.idle, with a permit': ['starts', 'a batch is due', 'gets a permit', 'all goes well'],
    'working.gathering': ['starts', 'work arrives'],
    'working.gathering, with a permit': [
      'starts',
      'a batch is due',
      'gets a permit',
      'all goes well',
      'work arrives',
    ],
    'working.asking': ['starts', 'a batch is due'],
    'working.exporting': ['starts', 'a batch is due', 'gets a permit'],
    'working.backing_off': ['starts', 'has to back off'],
    'working.deferred': ['starts', 'is told to wait'],
    'draining.asking': ['drains'],
    'draining.exporting': ['drains', 'gets a permit'],
  },
}
