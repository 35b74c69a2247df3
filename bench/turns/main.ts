/**
 * What a span costs at 1, 2, 10, 100 and 500 a turn of the event loop, ours beside the SDK with its queue raised: CPU of
 * the process per span, and spans/s from the first until the last is there or given up. Each contender runs in a process
 * of its own against a sink in another; ours and the peer's take turns, medians of the pairs.
 *
 * `npm --prefix bench run turns`; less of it: `-- --workloads varied,unique --turns 1,500 --pairs 1 --spans 50000`
 * `--default`   ours with default settings; otherwise its queue is raised as the peer's is
 * `--span`      `telemetry.span(name, metadata, fn)` beside `tracer.startActiveSpan`, 1 a turn, unless `--turns` says more;
 *               `--async`: with an async function
 * `--force`     the peer is told to flush as soon as the last span has ended, which sends everything at once
 * `--profile`   where the time of the first run of each cell went; `--profile-to folder`: written there, too
 */

import { bench, flag, isSet, list, machine, median, option } from '../peers/workers.ts'
import { printTimeSpent } from '../profile.ts'
import { startSink } from '../sink.ts'
import { type Measured, measure, type Task } from './measure.ts'
import { workloads } from './workloads.ts'

interface Cell {
  readonly workload: string
  readonly perTurn: number
  readonly ours: Run[]
  readonly peer: Run[]
}

/** One contender's run, per span. */
interface Run {
  readonly cpu: number
  readonly rate: number
  readonly lost: number
  readonly counted: number | undefined
  readonly ambiguous: number
}

const table = ['constant', 'varied', 'spread', 'unique']

await bench<Task, Measured>(import.meta.url, measure, async (apart) => {
  const asSpan = isSet('span')
  const cells: readonly Cell[] = list('workloads', table, Object.keys(workloads)).flatMap((workload) =>
    list('turns', asSpan ? ['1'] : ['1', '2', '10', '100', '500']).map((perTurn) => ({
      ...{ workload, perTurn: Number(perTurn), ours: [], peer: [] },
    })),
  )
  const pairs = flag('pairs', 5)
  const common = {
    spans: flag('spans', 150_000),
    warmUp: flag('warm', 50_000),
    call: asSpan ? (isSet('async') ? 'span-async' : 'span') : 'events',
    force: isSet('force'),
  } as const
  const defaults = isSet('default')
  const profileTo = option('profile-to')
  const profiled = isSet('profile') || profileTo !== undefined

  printHead(
    `${common.spans} spans after ${common.warmUp}, ${pairs} pairs, ${common.call}; ${machine(profiled)}`,
  )
  const sink = await startSink()
  const run = async (cell: Cell, who: 'ours' | 'peer', profiling: boolean): Promise<Run> => {
    const { workload, perTurn } = cell
    const raised = who === 'peer' || !defaults ? { queue_size: 400_000 } : {}
    const name = `${who}-${workload}-${perTurn}`
    const measured = await apart(
      {
        ...common,
        ...{
          kind: who === 'ours' ? 'native' : 'otel-tuned',
          url: sink.url,
          config: raised,
          workload,
          perTurn,
        },
        profile: profiling ? (profileTo ? `${profileTo}/${name}.cpuprofile` : 'summary') : undefined,
      } as Task,
      () => sink.forget(),
    )
    if (measured.timeSpent) printTimeSpent(name, measured.timeSpent)
    const { spans: arrived } = await sink.stats()
    return {
      cpu: (measured.cpu / common.spans) * 1e6,
      rate: arrived / measured.seconds,
      lost: common.spans - arrived,
      counted: measured.dropped,
      ambiguous: measured.ambiguous,
    }
  }

  // The pairs of a cell follow each other: a machine that is slow for a minute is so for both.
  for (const cell of cells) {
    for (let n = 0; n < pairs; n++) {
      const order = n % 2 === 0 ? (['ours', 'peer'] as const) : (['peer', 'ours'] as const)
      for (const who of order) cell[who].push(await run(cell, who, profiled && n === 0))
    }
    printCell(cell)
  }
  await sink.close()
  printTurns(cells)
})

function printHead(title: string): void {
  console.log(`${title}. × is ours beside the tuned SDK, median of the pairs [least-most]`)
  console.log(
    'workload  a turn  CPU µs per span                     spans/s                            lost: sink, ledger / SDK',
  )
}

function printCell({ workload, perTurn, ours, peer }: Cell): void {
  const of = (runs: readonly Run[], key: 'cpu' | 'rate'): number => median(runs.map((run) => run[key]))
  const compare = (key: 'cpu' | 'rate', digits: number): string => {
    const single = ours.map((run, i) => run[key] / peer[i]![key])
    const [mine, theirs] = [of(ours, key), of(peer, key)]
    const range = `[${Math.min(...single).toFixed(2)}-${Math.max(...single).toFixed(2)}]`
    return `${mine.toFixed(digits).padStart(8)} ${theirs.toFixed(digits).padStart(8)} ${median(single).toFixed(2)} × ${range}`
  }
  const sum = (runs: readonly Run[], key: 'lost' | 'counted' | 'ambiguous'): number =>
    runs.reduce((all, run) => all + (run[key] ?? 0), 0)
  const ambiguous = sum(ours, 'ambiguous')
  console.log(
    `${workload.padEnd(9)}${String(perTurn).padStart(7)}${compare('cpu', 2).padEnd(36)}${compare('rate', 0).padEnd(36)}` +
      `${sum(ours, 'lost')}, ${sum(ours, 'counted')} / ${sum(peer, 'lost')}${ambiguous > 0 ? `, ambiguous ${ambiguous}` : ''}`,
  )
}

/** Our CPU per span with few a turn, beside ours with the most. */
function printTurns(cells: readonly Cell[]): void {
  const most = Math.max(...cells.map(({ perTurn }) => perTurn))
  const cpu = ({ ours }: Cell): number => median(ours.map((run) => run.cpu))
  for (const beside of cells.filter(({ perTurn }) => perTurn === most)) {
    const few = cells.filter(({ workload, perTurn }) => workload === beside.workload && perTurn < most)
    const ratios = few.map((cell) => `${cell.perTurn} a turn ${(cpu(cell) / cpu(beside)).toFixed(2)} ×`)
    if (few.length > 0)
      console.log(`ours, ${beside.workload}, CPU beside ours at ${most} a turn: ${ratios.join(', ')}`)
  }
}
