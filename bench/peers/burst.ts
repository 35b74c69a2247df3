/**
 * 5,000 spans in one go every 100 ms, with default settings: what is lost.
 * `npm --prefix bench run burst -- --seconds 3`
 */
import { startSink } from '../sink.ts'
import { type Kind, type Setting, startContender } from './contenders.ts'
import { bench, cpuSeconds, flag, loopDelay, round, sleep } from './workers.ts'

interface Task extends Setting {
  readonly bursts: number
}

interface Result {
  readonly cpu: number
  readonly delay: number
}

const perBurst = 5_000

async function work({ bursts, ...setting }: Task): Promise<Result> {
  const contender = await startContender(setting)
  const [cpu, delay] = [cpuSeconds(), loopDelay()]
  for (let n = 0; n < bursts; n++) {
    for (let i = 0; i < perBurst; i++) contender.span(n * perBurst + i)
    await sleep(100)
  }
  await contender.flush()
  const result = { cpu: cpu(), delay: delay() }
  await contender.stop(5_000)
  return result
}

await bench<Task, Result>(import.meta.url, work, async (apart) => {
  const bursts = Math.round(flag('seconds', 3) * 10)
  const kinds: readonly Kind[] = ['otel', 'native', 'package']
  console.log(`${bursts} bursts of ${perBurst} spans, default settings`)
  for (const kind of kinds) {
    const sink = await startSink()
    const { cpu, delay } = await apart({ kind, url: sink.url, bursts })
    const { spans } = await sink.stats()
    await sink.close()
    const lost = bursts * perBurst - spans
    console.log(
      `${kind.padEnd(10)} lost ${lost} (${round((lost / bursts / perBurst) * 100)} %), ` +
        `CPU ${round((cpu / spans) * 1e6)} s per 1M, loop delay p99 ${round(delay)} ms`,
    )
  }
})
