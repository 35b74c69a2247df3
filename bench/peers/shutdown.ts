/**
 * A stop with a backlog of 50,000 spans. Healthy backend: what is lost. Hanging backend: how long it takes beside its
 * deadline, and whether the report adds up. `npm --prefix bench run shutdown -- --spans 50000`
 */
import { startSink } from '../sink.ts'
import { type Counts, type Kind, type Setting, startContender } from './contenders.ts'
import { bench, flag, round } from './workers.ts'

interface Task extends Setting {
  readonly spans: number
  readonly deadlineMs: number
}

interface Result {
  readonly tookMs: number
  readonly report: Counts | undefined
}

async function work({ spans, deadlineMs, ...setting }: Task): Promise<Result> {
  const contender = await startContender(setting)
  for (let i = 0; i < spans; i++) contender.span(i)
  const start = performance.now()
  const report = await contender.stop(deadlineMs)
  return { tookMs: performance.now() - start, report }
}

await bench<Task, Result>(import.meta.url, work, async (apart) => {
  const spans = flag('spans', 50_000)
  const deadlineMs = flag('deadline', 3_000)
  const config = { queue_size: 400_000 }
  const kinds: readonly Kind[] = ['native', 'package', 'otel', 'otel-tuned']
  console.log(`stop with a backlog of ${spans} spans, deadline ${deadlineMs} ms`)
  for (const health of ['healthy', 'hanging'] as const)
    for (const kind of kinds) {
      const sink = await startSink()
      if (health === 'hanging') await sink.fault({ type: 'hang' })
      const { tookMs, report } = await apart({ kind, url: sink.url, config, spans, deadlineMs })
      const arrived = (await sink.stats()).spans
      await sink.close()
      const adds =
        report && report.accepted === spans && report.delivered + report.dropped + report.pending === spans
      console.log(
        `${health} ${kind.padEnd(10)} lost ${spans - arrived}, took ${round(tookMs, 0)} ms` +
          (report
            ? `, report ${adds ? 'adds up' : `DOES NOT ADD UP ${JSON.stringify(report)}`}: delivered ${report.delivered}, ` +
              `${JSON.stringify(report.reasons)}, ambiguous ${report.ambiguous}`
            : ''),
      )
    }
})
