/**
 * The endpoint changes under 5,000 spans/s, the old one healthy or hung: what is lost (on both together), how long the
 * change takes, what arrives at the new one. `npm --prefix bench run move -- --seconds 4`
 */
import { startSink } from '../sink.ts'
import { type Counts, type Kind, type Setting, startContender } from './contenders.ts'
import { bench, flag, paced, round, sleep, warm } from './workers.ts'

interface Task extends Setting {
  readonly seconds: number
  readonly to: string
}

interface Result {
  readonly sent: number
  readonly tookMs: number
  readonly counts: Counts | undefined
}

const perSecond = 5_000

async function work({ seconds, to, ...setting }: Task): Promise<Result> {
  const contender = await startContender(setting)
  await warm()
  let tookMs = Number.NaN
  const change = async (): Promise<void> => {
    await sleep((seconds / 2) * 1000)
    const start = performance.now()
    await contender.move(to)
    tookMs = performance.now() - start
  }
  const [sent] = await Promise.all([
    paced(perSecond, seconds, (from, until) => {
      for (let i = from; i < until; i++) contender.span(i)
    }),
    change(),
  ])
  await contender.flush()
  const counts = contender.counts()
  await contender.stop(5_000)
  return { sent, tookMs, counts }
}

await bench<Task, Result>(import.meta.url, work, async (apart) => {
  const seconds = flag('seconds', 4)
  const config = { queue_size: 400_000 }
  const kinds: readonly Kind[] = ['native', 'package', 'otel', 'otel-tuned']
  console.log(`endpoint changed under ${perSecond} spans/s, after ${seconds / 2} s of ${seconds}`)
  for (const health of ['healthy', 'hung'] as const)
    for (const kind of kinds) {
      const [old, next] = [await startSink(), await startSink()]
      const { sent, tookMs, counts } = await apart(
        { kind, url: old.url, to: next.url, config, seconds },
        async () => {
          if (health === 'hung') await old.fault({ type: 'hang' })
        },
      )
      const [before, after] = [(await old.stats()).spans, (await next.stats()).spans]
      await Promise.all([old.close(), next.close()])
      console.log(
        `${health.padEnd(8)} ${kind.padEnd(10)} lost ${sent - before - after}, change took ${round(tookMs)} ms, ` +
          `${before} at the old one, ${after} at the new one` +
          (counts ? `, ambiguous ${counts.ambiguous}, ${JSON.stringify(counts.reasons)}` : ''),
      )
    }
})
