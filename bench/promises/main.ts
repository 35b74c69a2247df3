/**
 * What is promised of delivery with default settings, measured from outside; outages by themselves: `outage`.
 * `npm --prefix bench run promises`; some of it: `-- --only flush,clock,queue,open,buffered,moved,changes`
 * `--spans 1200`  of 256 KiB each that fill a queue, an unbounded one with 300 MiB
 */
import { bench, flag, list } from '../peers/workers.ts'
import { startSink } from '../sink.ts'
import { backToBack, movedAndStopped } from './changes.ts'
import { beforeStart, fullQueue, openSpans } from './memory.ts'
import { type Finding, perform, remoteSinks, type Scenario, type Task } from './scenario.ts'
import { clockSteps, flushing } from './waiting.ts'

const scenarios: Readonly<Record<string, Scenario>> = {
  flush: flushing,
  clock: clockSteps,
  queue: fullQueue,
  open: openSpans,
  buffered: beforeStart,
  moved: movedAndStopped,
  changes: backToBack,
}

const run = (task: Task): Promise<Finding[]> => scenarios[task.name]!.run(remoteSinks(task.urls), task)

await bench<Task, Finding[]>(import.meta.url, run, async (apart) => {
  const names = Object.keys(scenarios)
  let broken = 0
  for (const name of list('only', names, names)) {
    const sinks = await Promise.all(scenarios[name]!.sinks.map((decode) => startSink({ decode })))
    const task = { name, urls: sinks.map(({ url }) => url), spans: flag('spans', 1_200) }
    for (const { what, measured, bound, kept } of await apart(task, (told) => perform(sinks, told))) {
      const verdict = kept === undefined ? '' : `(${bound})`.padEnd(14) + (kept ? 'kept' : 'BROKEN')
      console.log(`${what.padEnd(66)}${measured.padStart(12)} ${verdict}`)
      if (kept === false) broken += 1
    }
    for (const sink of sinks) await sink.close()
  }
  console.log(broken === 0 ? 'all kept' : `${broken} broken`)
  process.exitCode = broken === 0 ? 0 : 1
})
