import { type Clock, createSystemClock } from '../../src/index.ts'
import type { Fault } from '../../src/testing/index.ts'
import { type Ours, startOurs } from '../peers/contenders.ts'
import { paced, sleep } from '../peers/workers.ts'
import { atMost, exactly, type Finding, type RemoteSink, type Scenario, until } from './scenario.ts'

const down: Fault = { type: 'status', status: 503 }

const emitter = ({ span }: Ours) => {
  let emitted = 0
  return {
    emitted: () => emitted,
    /** `perSecond` for so many seconds. */
    run: (perSecond: number, seconds: number) =>
      paced(perSecond, seconds, (from, to) => {
        for (let i = from; i < to; i++) span(emitted++)
      }),
  }
}

const breakerOpens = ({ telemetry }: Ours): Promise<number | undefined> =>
  until(() => telemetry.status().exporters.otel!.breaker === 'open')

/** Everything that was emitted is there, once. */
async function arrived(what: string, ours: Ours, sink: RemoteSink, emitted: number): Promise<Finding[]> {
  const report = await ours.telemetry.flush({ timeoutMs: 10_000 })
  const { spans } = await sink.stats()
  await ours.stop(5_000)
  return [exactly(`${what}: lost`, emitted - spans, 0), exactly(`${what}: flushed`, report.complete, true)]
}

/** `flush()` asks an open breaker for a probe: it says soon that the backend is down, and delivers once it is back. */
export const flushing: Scenario = {
  sinks: ['count'],
  async run([sink]) {
    const ours = await startOurs({ kind: 'native', url: sink!.url })
    const { run, emitted } = emitter(ours)
    await run(1_000, 1)
    await sink!.fault(down)
    await Promise.all([run(5_000, 2), breakerOpens(ours)])

    let start = performance.now()
    const failed = await ours.telemetry.flush({ timeoutMs: 30_000 })
    const failedMs = performance.now() - start
    await sink!.clear()
    await run(1_000, 0.2)
    start = performance.now()
    const done = await ours.telemetry.flush({ timeoutMs: 30_000 })
    const doneMs = performance.now() - start
    return [
      atMost('breaker open, backend down: flush() ends', failedMs, 2_000),
      exactly('breaker open, backend down: complete', failed.complete, false),
      atMost('breaker open, backend healthy: flush() ends', doneMs, 1_000),
      exactly('breaker open, backend healthy: complete', done.complete, true),
      ...(await arrived('breaker open', ours, sink!, emitted())),
    ]
  },
}

/** A system clock whose `now()` can be stepped while `monotonic()` is not. */
function steppedClock(): Clock & { step(ms: number): void } {
  const system = createSystemClock()
  let offset = 0
  return {
    ...system,
    now: () => system.now() + offset,
    step: (ms) => {
      offset += ms
    },
  }
}

/** Steps the clock under load, between two intervals of flushing; gives the ms until a span that was emitted later is there. */
async function stepUnderLoad(sink: RemoteSink, perSecond: number, stepMs: number): Promise<Finding[]> {
  const what = `clock ${stepMs / 1000} s, ${perSecond} spans/s`
  const clock = steppedClock()
  const ours = await startOurs({ kind: 'native', url: sink.url }, clock)
  const before = (await sink.stats()).spans
  const { run, emitted } = emitter(ours)
  const step = async (): Promise<number | undefined> => {
    await sleep(1_400)
    clock.step(stepMs)
    const sent = before + emitted()
    return until(async () => (await sink.stats()).spans > sent)
  }
  const [resumed] = await Promise.all([step(), run(perSecond, 4)])
  return [
    atMost(`${what}: delivered`, resumed, 2_000),
    ...(await arrived(what, ours, sink, before + emitted())),
  ]
}

/** Steps the clock while the breaker is open. */
async function stepInOutage(sink: RemoteSink, stepMs: number, by: 'itself' | 'flush'): Promise<Finding[]> {
  const what = `clock ${stepMs / 1000} s in an outage`
  const clock = steppedClock()
  const ours = await startOurs({ kind: 'native', url: sink.url }, clock)
  const before = (await sink.stats()).spans
  const { run, emitted } = emitter(ours)
  await sink.fault(down)
  await Promise.all([run(1_000, 2), breakerOpens(ours)])
  clock.step(stepMs)
  await sleep(500)
  await sink.clear()
  const seen = (await sink.stats()).spans
  const resumes = until(async () => (await sink.stats()).spans > seen)
  if (by === 'flush') {
    const start = performance.now()
    await ours.telemetry.flush({ timeoutMs: 20_000 })
    const took = performance.now() - start
    await resumes
    const finding = atMost(`${what}: flush() ends`, took, 1_000)
    return [finding, ...(await arrived(what, ours, sink, before + emitted()))]
  }
  return [
    atMost(`${what}: resumed by itself`, await resumes, 2_000),
    ...(await arrived(what, ours, sink, before + emitted())),
  ]
}

/** Waits are measured on the monotonic clock. */
export const clockSteps: Scenario = {
  sinks: ['count'],
  async run([sink]) {
    const findings: Finding[] = []
    for (const stepMs of [-600_000, 600_000]) {
      findings.push(...(await stepUnderLoad(sink!, 5_000, stepMs)))
      findings.push(...(await stepUnderLoad(sink!, 50, stepMs)))
      findings.push(...(await stepInOutage(sink!, stepMs, 'itself')))
      findings.push(...(await stepInOutage(sink!, stepMs, 'flush')))
    }
    return findings
  },
}
