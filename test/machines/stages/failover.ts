import type { InspectionEvent } from 'xstate'
import {
  type Availability,
  type FailoverEvent,
  failoverMachine,
  type PermitPurpose,
} from '../../../machines/index.ts'
import {
  createEar,
  createFakeUnit,
  createWorks,
  type Log,
  newClock,
  type Stage,
  type StagedChart,
  startStaged,
} from '../stage.ts'
import { leavesOf } from '../table.ts'

const report = { results: ['failure'], at: 7, jitter: 0.5 } as const
const names = ['primary', 'second', 'third']

/** The failover chart of three endpoints; their breakers and whoever asks for permits only note what they hear. */
export function stageFailover(inspect?: (event: InspectionEvent) => void) {
  const clock = newClock()
  const log: Log = []
  const { unit } = createFakeUnit(log)
  const works = createWorks(log, clock)
  const breakers = names.map((name) =>
    createEar(log, name, (event) => {
      const { type, purpose, results, generation } = event as Partial<Record<string, unknown>>
      if (type === 'permit.request') return `permit.request ${purpose}`
      return type === 'export.reported' ? `export.reported ${generation} ${results}` : String(type)
    }),
  )
  const delivery = createEar(log, 'delivery', (event) => {
    const { type, endpoint } = event as Partial<Record<string, unknown>>
    if (type === 'endpoint.changed') return `endpoint.changed ${endpoint}`
    if (type !== 'permit.granted') return String(type)
    const { permit } = event as unknown as { permit: { endpoint: number; probe: boolean; others: boolean } }
    return `${permit.probe ? 'a probe' : 'a permit'} of ${permit.endpoint}${permit.others ? ' among others' : ''}`
  })
  const actor = startStaged(
    failoverMachine.provide({
      actors: {
        exportProbe: works.placeholder(
          'probe',
          ({ endpoint }: { endpoint: number }) => ` of ${endpoint}`,
        ) as never,
      },
    }),
    { unit, breakers: breakers.slice(0, 3) },
    clock,
    inspect,
  )
  const snapshot = () => actor.getSnapshot() as ReturnType<typeof failoverMachine.getInitialSnapshot>
  actor.on('state.shown', () => log.push(`shows ${snapshot().context.serving}`))
  actor.start()
  log.length = 0

  const send = (event: FailoverEvent) => (): boolean => {
    actor.send(event)
    return true
  }
  const ask = (purpose: PermitPurpose, ...except: number[]) =>
    send({ type: 'permit.request', replyTo: delivery as never, purpose, except })
  const shows = (endpoint: number, availability: Availability) =>
    send({ type: 'breaker.shown', endpoint, availability })
  const grant = (endpoint: number, probe: boolean) =>
    send({ type: 'permit.granted', permit: { generation: 4, endpoint, probe } })

  const stage = {
    actor,
    clock,
    log,
    /** Its states, and whose permit is waited for. */
    show(): string {
      const { value, context } = snapshot()
      const waits = context.askedAt === undefined ? '' : ` at ${names[context.askedAt]}`
      const [serving = '', probe = ''] = leavesOf(value)
      return [
        serving.replace('serving.', '') + (context.serving ? ` ${context.serving}` : ''),
        ...(probe === 'probe.waiting' ? [] : [probe.replace('probe.', 'probe ')]),
        ...(context.asked ? [`asked${waits}`] : []),
      ].join(', ')
    },
    commands: {
      asks: ask('delivery'),
      'asks urgently': ask('urgent'),
      'asks urgently, without success so far': ask('urgent', 0, 1),
      'asks for a probe': ask('probe'),
      withdraws: send({ type: 'permit.withdraw' }),
      cancels: send({ type: 'permit.cancel' }),
      'primary has failed': send({ type: 'export.reported', generation: 4, endpoint: 0, ...report }),
      'second has failed': send({ type: 'export.reported', generation: 4, endpoint: 1, ...report }),
      'moves on': send({ type: 'breaker.renew' }),
      'is configured': send({
        type: 'breaker.configure',
        settings: { failureThreshold: 5, resetTimeoutMs: 1, probeTimeoutMs: 1 },
      }),
      'has two endpoints': send({ type: 'failover.endpoints', breakers: breakers.slice(0, 2) as never }),
      'primary opens': shows(0, 'away'),
      'primary may be probed': shows(0, 'probe_free'),
      'primary is well': shows(0, 'serves'),
      'primary is forced open': shows(0, 'forced_open'),
      'second opens': shows(1, 'away'),
      'second may be probed': shows(1, 'probe_free'),
      'second is well': shows(1, 'serves'),
      'third opens': shows(2, 'away'),
      'primary grants': grant(0, false),
      'primary grants a probe': grant(0, true),
      'second grants': grant(1, false),
      'primary denies': send({ type: 'permit.denied', endpoint: 0 }),
      'primary revokes': send({ type: 'permit.revoked', endpoint: 0 }),
      'second revokes': send({ type: 'permit.revoked', endpoint: 1 }),
      'probe ends': works.done('probe', report),
      'probe dies': works.fails('probe'),
    },
  }
  return stage satisfies Stage
}

const onSecond = ['asks', 'primary grants', 'primary has failed', 'primary opens']
const allOpen = [...onSecond, 'second opens', 'third opens']

export const failoverChart: StagedChart = {
  start: stageFailover,
  ways: {
    primary: ['asks', 'primary grants'],
    'primary, asked at primary': ['asks'],
    'fallback 1': [...onSecond, 'asks', 'second grants'],
    'fallback 1, asked at second': [...onSecond, 'asks'],
    'fallback 2': [...onSecond, 'second opens'],
    'fallback 1, probe due': [...onSecond, 'primary may be probed'],
    'fallback 1, asked': [...onSecond, 'asks for a probe'],
    'fallback 1, probe asking, asked': [...onSecond, 'primary may be probed', 'asks'],
    'fallback 1, probe probing, asked at second': [
      ...onSecond,
      'primary may be probed',
      'asks',
      'primary grants a probe',
    ],
    none: allOpen,
    'none, asked': [...allOpen, 'asks'],
    'none, asked at primary': [...allOpen, 'asks urgently'],
  },
}
