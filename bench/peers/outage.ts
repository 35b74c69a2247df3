/**
 * An outage under 5,000 spans/s, with a queue that can hold it and a reset_timeout of 1 s: what is lost, how often the
 * backend is probed, how long until the first span arrives once it is back, event-loop delay, memory.
 * `npm --prefix bench run outage -- --seconds 10`; `--only 0`: refused, 1: hung, 2: 503, 3: reset.
 */
import type { Fault } from '../../src/testing/index.ts'
import { startSink } from '../sink.ts'
import { type Counts, type Kind, type Setting, startContender } from './contenders.ts'
import { bench, flag, loopDelay, memoryGrowth, paced, round, sleep, warm } from './workers.ts'

interface Task extends Setting {
  readonly seconds: number
}

interface Result {
  readonly sent: number
  readonly delay: number
  readonly memory: number
  /** Attempts a second in the second half of the outage: the breaker is open, so these are probes. */
  readonly probes: number | undefined
  readonly counts: Counts | undefined
}

const perSecond = 5_000
/** Until the code is compiled. */
const warmSeconds = 10
const beforeSeconds = 1
const afterSeconds = 3

const outages: readonly (readonly [name: string, fault: Fault])[] = [
  ['refused', { type: 'refuse' }],
  ['hung', { type: 'hang' }],
  ['503', { type: 'status', status: 503 }],
  // In the middle of the body: the sink surely has not taken it, so the count of what arrives is exact.
  ['reset', { type: 'reset', when: 'during' }],
]

async function work({ seconds, ...setting }: Task): Promise<Result> {
  const contender = await startContender(setting)
  const emit = (from: number, to: number): void => {
    for (let i = from; i < to; i++) contender.span(i)
  }
  await paced(perSecond, warmSeconds, emit)
  await contender.flush()
  await warm()
  const delay = loopDelay()
  const memory = memoryGrowth()
  const attemptsAt = async (second: number): Promise<number | undefined> => {
    await sleep(second * 1000)
    return contender.attempts()
  }
  const [sent, half, end] = await Promise.all([
    paced(perSecond, beforeSeconds + seconds + afterSeconds, emit),
    attemptsAt(beforeSeconds + seconds / 2),
    attemptsAt(beforeSeconds + seconds - 0.1),
  ])
  const measured = {
    delay: delay(),
    memory: memory(),
    probes: half === undefined || end === undefined ? undefined : (end - half) / (seconds / 2),
  }
  await contender.flush()
  const counts = contender.counts()
  await contender.stop(5_000)
  return { sent, ...measured, counts }
}

await bench<Task, Result>(import.meta.url, work, async (apart) => {
  const seconds = flag('seconds', 10)
  const only = flag('only', -1)
  // A hung backend is found out by the timeout of an attempt.
  const config = { queue_size: 400_000, reset_timeout: 1, timeout: 2 }
  const kinds: readonly Kind[] = ['native', 'otel', 'otel-tuned']
  console.log(`${seconds} s of outage at ${perSecond} spans/s`)
  for (const [name, fault] of outages.filter((_, i) => only < 0 || i === only))
    for (const kind of kinds.slice(0, flag('peers', 2) + 1)) {
      const sink = await startSink()
      let resumed = Number.NaN
      const director = async (): Promise<void> => {
        await sleep(beforeSeconds * 1000)
        await sink.fault(fault)
        await sleep(seconds * 1000)
        const after = await sink.stats()
        const cleared = performance.now()
        await sink.clear()
        while ((await sink.stats()).spans <= after.spans && performance.now() - cleared < 20_000)
          await sleep(10)
        resumed = performance.now() - cleared
      }
      let directed: Promise<void> | undefined
      const task = { kind, url: sink.url, config, seconds }
      const { sent, delay, memory, probes, counts } = await apart(task, async () => {
        await sink.forget()
        directed = director()
      })
      await directed
      const { spans } = await sink.stats()
      await sink.close()
      const probed = probes === undefined ? '' : `, ${round(probes, 2)} probes per s`
      console.log(
        `${name.padEnd(8)} ${kind.padEnd(10)} lost ${sent - spans}${probed}, ` +
          `resumed after ${round(resumed / 1000, 2)} s, loop delay p99 ${round(delay)} ms, memory +${round(memory)} MB` +
          (counts ? `, ambiguous ${counts.ambiguous}, ledger ${JSON.stringify(counts.reasons)}` : ''),
      )
    }
})
