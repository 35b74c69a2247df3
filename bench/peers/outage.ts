/**
 * Outages under 5,000 spans/s: what is lost, how long after the backend's return the first span arrives, how often the
 * backend is probed, event-loop delay, growth of resident memory. Ours with default settings, beside the SDK with its
 * queue raised to 400,000 (`--peers 2`: and the SDK with its defaults).
 *
 * `npm --prefix bench run outage -- --seconds 1,3,10,30`; `--only refused,hung,503,reset,none`
 * `--runs 5`  medians; memory of one run says little, as it depends on when the garbage collector ran last
 * `--warm 45` seconds of life before: until the code is compiled, and the heap has the size that it keeps
 * `--raised`  ours with a queue of 400,000, a reset_timeout of 1 s and a timeout of 2 s, too
 */
import type { Fault } from '../../src/testing/index.ts'
import { type Sink, startSink } from '../sink.ts'
import { type Counts, type Kind, type Setting, startContender } from './contenders.ts'
import {
  bench,
  flag,
  isSet,
  list,
  loopDelay,
  median,
  memoryGrowth,
  paced,
  round,
  sleep,
  warm,
} from './workers.ts'

interface Task extends Setting {
  readonly seconds: number
  readonly warmSeconds: number
}

interface Result {
  readonly sent: number
  readonly delay: number
  /** Resident MB before the outage, and its highest growth. */
  readonly resident: number
  readonly memory: number
  /** Attempts a second in the second half of the outage: the breaker is open, so these are probes. */
  readonly probes: number | undefined
  readonly counts: Counts | undefined
}

const perSecond = 5_000
const beforeSeconds = 1
/** More than the 2 s in which delivery has to resume: the flush that follows would ask the backend itself. */
const afterSeconds = 5

const outages: Readonly<Record<string, Fault | undefined>> = {
  // What the same time costs without one.
  none: undefined,
  refused: { type: 'refuse' },
  // What is held is reset at the end of the outage.
  hung: { type: 'hang' },
  503: { type: 'status', status: 503 },
  // In the middle of the body: the sink surely has not taken it, so the count of what arrives is exact.
  reset: { type: 'reset', when: 'during' },
}

async function work({ seconds, warmSeconds, ...setting }: Task): Promise<Result> {
  const contender = await startContender(setting)
  const emit = (from: number, to: number): void => {
    for (let i = from; i < to; i++) contender.span(i)
  }
  await paced(perSecond, warmSeconds, emit)
  await contender.flush()
  await warm()
  const delay = loopDelay()
  const resident = process.memoryUsage.rss() / 2 ** 20
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
    resident,
    memory: memory(),
    probes: half === undefined || end === undefined ? undefined : (end - half) / (seconds / 2),
  }
  await contender.flush()
  const counts = contender.counts()
  await contender.stop(5_000)
  return { sent, ...measured, counts }
}

/** Lets the outage happen; gives the ms from its end until the first span arrives, at most 60 s. */
async function direct(sink: Sink, fault: Fault | undefined, seconds: number): Promise<number> {
  await sleep(beforeSeconds * 1000)
  if (fault === undefined) return 0
  await sink.fault(fault)
  await sleep(seconds * 1000)
  const { spans } = await sink.stats()
  const cleared = performance.now()
  await sink.clear()
  if (fault.type === 'hang') await sink.reset()
  while ((await sink.stats()).spans <= spans && performance.now() - cleared < 60_000) await sleep(10)
  return performance.now() - cleared
}

await bench<Task, Result>(import.meta.url, work, async (apart) => {
  const config = isSet('raised') ? { queue_size: 400_000, reset_timeout: 1, timeout: 2 } : {}
  const kinds = (['native', 'otel-tuned', 'otel'] satisfies Kind[]).slice(0, flag('peers', 1) + 1)
  const names = list('only', ['refused', 'hung', '503', 'reset'], Object.keys(outages))
  console.log(
    `${perSecond} spans/s, ours with ${isSet('raised') ? JSON.stringify(config) : 'default settings'}`,
  )
  const [runs, warmSeconds] = [flag('runs', 1), flag('warm', 45)]
  for (const seconds of list('seconds', ['1', '3', '10', '30']).map(Number))
    for (const name of names)
      for (const kind of kinds) {
        const outcomes: Outcome[] = []
        while (outcomes.length < runs) {
          const sink = await startSink()
          let directed: Promise<number> | undefined
          const task = { kind, url: sink.url, config: kind === 'native' ? config : {}, seconds, warmSeconds }
          const result = await apart(task, async () => {
            await sink.forget()
            directed = direct(sink, outages[name], seconds)
          })
          const resumed = await directed!
          const { spans } = await sink.stats()
          await sink.close()
          outcomes.push({ ...result, lost: result.sent - spans, resumed: resumed / 1000 })
        }
        print(`${`${seconds} s`.padEnd(5)}${name.padEnd(8)} ${kind.padEnd(10)}`, outcomes)
      }
})

interface Outcome extends Result {
  readonly lost: number
  readonly resumed: number
}

function print(title: string, outcomes: readonly Outcome[]): void {
  const of = (key: 'lost' | 'resumed' | 'memory' | 'resident' | 'delay', digits: number): string => {
    const values = outcomes.map((outcome) => outcome[key])
    const range = values.toSorted((a, b) => a - b).map((value) => round(value, digits))
    return `${round(median(values), digits)}${range.length > 1 ? ` [${range.join(' ')}]` : ''}`
  }
  const [{ probes, counts }] = outcomes as readonly [Outcome]
  console.log(
    `${title} lost ${of('lost', 0)}, resumed after ${of('resumed', 2)} s, memory +${of('memory', 1)} MB ` +
      `beside ${of('resident', 0)}, loop delay p99 ${of('delay', 1)} ms` +
      (probes === undefined ? '' : `, ${round(probes, 2)} probes per s`) +
      (counts ? `, ambiguous ${counts.ambiguous}, ledger ${JSON.stringify(counts.reasons)}` : ''),
  )
}
