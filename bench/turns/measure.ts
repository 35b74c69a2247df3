import { context, type Tracer } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import type { Telemetry } from '../../src/index.ts'
import { isOurs, type Setting, startOurs, startPeer } from '../peers/contenders.ts'
import { cpuSeconds, warm } from '../peers/workers.ts'
import { profile, type TimeSpent } from '../profile.ts'
import { type Workload, type WorkloadName, workloads } from './workloads.ts'

export interface Task extends Setting {
  readonly workload: WorkloadName
  readonly perTurn: number
  readonly spans: number
  readonly warmUp: number
  readonly call: 'events' | 'span' | 'span-async'
  /** The peer's processor is told to flush as soon as the last span has ended. */
  readonly force: boolean
  /** A file, or `summary`. */
  readonly profile?: string
}

export interface Measured {
  readonly seconds: number
  readonly cpu: number
  /** Spans that our ledger counts as dropped. */
  readonly dropped: number | undefined
  readonly ambiguous: number
  readonly timeSpent: TimeSpent | undefined
}

/** One run, in this process. */
export async function measure({ spans, warmUp, perTurn, ...task }: Task): Promise<Measured> {
  const { span, settled, ledger, stop } = await start(task)
  await turns(span, 0, warmUp, perTurn)
  await settled(warmUp)
  const before = ledger()
  await warm()

  const profiled = task.profile && (await profile(task.profile === 'summary' ? undefined : task.profile))
  const cpu = cpuSeconds()
  const started = performance.now()
  await turns(span, warmUp, spans, perTurn)
  await settled(warmUp + spans)
  const result = { seconds: (performance.now() - started) / 1000, cpu: cpu() }
  const timeSpent = profiled ? await profiled() : undefined
  const after = ledger()
  await stop()
  const since = (key: 'dropped' | 'ambiguous'): number => (after?.[key] ?? 0) - (before?.[key] ?? 0)
  const dropped = after && since('dropped')
  return { ...result, dropped, ambiguous: since('ambiguous'), timeSpent }
}

/** Calls `span` for `count` numbers, `perTurn` of them in each turn of the event loop. */
const turns = (span: (i: number) => void, from: number, count: number, perTurn: number): Promise<void> =>
  new Promise((resolve) => {
    const end = from + count
    let i = from
    const turn = (): void => {
      for (const until = Math.min(i + perTurn, end); i < until; i++) span(i)
      if (i < end) setImmediate(turn)
      else resolve()
    }
    setImmediate(turn)
  })

async function start({ workload, call, force, ...setting }: Omit<Task, 'spans' | 'warmUp' | 'perTurn'>) {
  const chosen: Workload = workloads[workload]
  if (isOurs(setting.kind)) {
    const { telemetry, counts, flush, stop } = await startOurs(setting)
    const span = call === 'events' ? chosen.ours(telemetry) : ourSpan(telemetry, chosen, call)
    return { span, settled: (_: number) => flush(), ledger: counts, stop: () => stop(5_000) }
  }
  if (call !== 'events') context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  const { tracer, drained, flush, counts, stop } = await startPeer(setting)
  const span = call === 'events' ? chosen.peer(tracer) : activeSpan(tracer, chosen, call)
  return {
    span,
    settled: (sent: number) => (force ? flush() : drained(sent)),
    ledger: counts,
    stop: () => stop(5_000),
  }
}

let work = 0

function ourSpan(telemetry: Telemetry, { metadata }: Workload, call: Task['call']): (i: number) => void {
  if (call === 'span') return (i) => telemetry.span('job', metadata(i), () => ++work)
  return (i) => void telemetry.span('job', metadata(i), async () => ++work)
}

/** By the SDK's guide: the caller ends the span. The duration, which ours measures, is the attribute it always has. */
function activeSpan(tracer: Tracer, { metadata }: Workload, call: Task['call']): (i: number) => void {
  const options = (i: number) => {
    const attributes = metadata(i)
    attributes.duration_ms = 1.5
    return { attributes }
  }
  if (call === 'span')
    return (i) =>
      tracer.startActiveSpan('job', options(i), (span) => {
        const result = ++work
        span.end()
        return result
      })
  return (i) =>
    void tracer.startActiveSpan('job', options(i), async (span) => {
      try {
        return ++work
      } finally {
        span.end()
      }
    })
}
