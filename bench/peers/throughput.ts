/**
 * Spans of 4 attributes, 500 a turn as fast as the process can, to a sink in another process that counts them: spans/s
 * until the last is there, CPU, losses, event-loop delay. Contenders take turns; medians of the rounds.
 * `npm --prefix bench run throughput -- --spans 200000 --rounds 3 --warm 200000`; `--full 1` has the sink decode every
 * field of every span, where it otherwise walks the framing and counts.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { startSink } from '../sink.ts'
import { type Kind, type Setting, startContender } from './contenders.ts'
import { bench, cpuSeconds, flag, loopDelay, median, round, warm } from './workers.ts'

interface Task extends Setting {
  readonly spans: number
  readonly warmUp: number
}

interface Result {
  readonly seconds: number
  readonly cpu: number
  readonly delay: number
}

const perTurn = 500

async function work({ spans, warmUp, ...setting }: Task): Promise<Result> {
  const contender = await startContender(setting)
  // Spans until the code is compiled, as in a service that has been running for a while.
  for (let i = 0; i < warmUp; i += perTurn) {
    for (let k = i; k < i + perTurn; k++) contender.span(k)
    await nextTurn()
    if (i % 2000 === 0) await contender.flush()
  }
  await contender.flush()
  await warm()

  const cpu = cpuSeconds()
  const delay = loopDelay()
  const start = performance.now()
  for (let i = 0; i < spans; i += perTurn) {
    for (let k = i; k < i + perTurn; k++) contender.span(k)
    await nextTurn()
  }
  await contender.flush()
  const result = { seconds: (performance.now() - start) / 1000, cpu: cpu(), delay: delay() }
  await contender.stop(5000)
  return result
}

await bench<Task, Result>(import.meta.url, work, async (apart) => {
  const spans = flag('spans', 200_000)
  const rounds = flag('rounds', 3)
  const warmUp = flag('warm', 200_000)
  const raised = { queue_size: 400_000 }
  const settings: readonly [name: string, kind: Kind, config?: object][] = [
    ['OTel, defaults', 'otel'],
    ['OTel, queue raised', 'otel-tuned', raised],
    ['native, defaults', 'native'],
    ['native, queue raised', 'native', raised],
    ['package, queue raised', 'package', raised],
  ]
  const results = settings.map(() => ({
    rate: [] as number[],
    cpu: [] as number[],
    delay: [] as number[],
    lost: 0,
  }))
  // To decode each span fully takes the sink longer than any contender takes to send it.
  const sink = await startSink({ decode: flag('full', 0) === 1 ? 'full' : 'count' })
  for (let n = 0; n < rounds; n++)
    for (const [i, [, kind, config]] of settings.entries()) {
      const all = results[i]!
      const { seconds, cpu, delay } = await apart(
        { kind, url: sink.url, config: { ...config }, spans, warmUp },
        () => sink.forget(),
      )
      const arrived = (await sink.stats()).spans
      all.rate.push(arrived / seconds)
      all.cpu.push((cpu / arrived) * 1e6)
      all.delay.push(delay)
      all.lost += spans - arrived
    }
  await sink.close()

  const tuned = results[1]!
  console.log(`${spans} spans, ${rounds} rounds; × beside OTel with its queue raised`)
  console.log(`${''.padEnd(24)} spans/s           CPU s per 1M     lost      loop delay p99, ms`)
  for (const [i, [name]] of settings.entries()) {
    const { rate, cpu, delay, lost } = results[i]!
    const [r, c] = [median(rate), median(cpu)]
    console.log(
      `${name.padEnd(24)}${r.toFixed(0).padStart(8)} ${(r / median(tuned.rate)).toFixed(2)} ×` +
        `${c.toFixed(2).padStart(10)} ${(c / median(tuned.cpu)).toFixed(2)} ×` +
        `${((lost / spans / rounds) * 100).toFixed(1).padStart(9)} %${round(median(delay)).toString().padStart(10)}`,
    )
  }
})
