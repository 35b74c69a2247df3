/**
 * CPU that telemetry adds to a request: a service under a fixed rate from another process, bare, with ours, with
 * OpenTelemetry's NodeSDK and prom-client; each run in a process of its own, with a bare one beside it in each round.
 *
 * `npm --prefix bench run server`; less of it: `-- --frameworks http --contenders span,otel --runs 1 --warm 3 --seconds 5`
 * `--signals both`     two spans and RED metrics per request; `spans`; `metrics`: one count event beside `inc`
 * `--rate 1000`        requests per second
 * `--profile`          where the time of each contender's first run went; `--profile-to folder`: written there, too
 */
import { bench, cpuSeconds, flag, isSet, list, median, option, warm } from '../peers/workers.ts'
import { printTimeSpent, profile, type TimeSpent } from '../profile.ts'
import { type Sink, startSink } from '../sink.ts'
import { type Kind, type Setting, startInstruments } from './instruments.ts'
import { createLoad } from './load.ts'
import { type Framework, pathOf, startService } from './service.ts'

interface Task extends Setting {
  readonly framework: Framework
  /** A file, or `summary`. */
  readonly profile?: string
}

interface Measured {
  /** µs per request. */
  readonly cpu: number
  readonly answered: number
  /** By the metrics. */
  readonly counted: number | undefined
  readonly timeSpent: TimeSpent | undefined
}

/** What the load is told of the service. */
interface Told {
  readonly port: number
  readonly measured: boolean
}

async function serve({ framework, profile: file, ...setting }: Task): Promise<Measured> {
  const instruments = await startInstruments(setting)
  const service = await startService(framework, instruments)
  const { port } = service
  await warm({ port, measured: false } satisfies Told)

  const profiled = file && (await profile(file === 'summary' ? undefined : file))
  const [cpu, before] = [cpuSeconds(), service.answered()]
  await warm({ port, measured: true } satisfies Told)
  const perRequest = (cpu() / (service.answered() - before)) * 1e6
  const timeSpent = profiled ? await profiled() : undefined

  await service.close()
  return { cpu: perRequest, answered: service.answered(), counted: await instruments.stop(), timeSpent }
}

interface Runs {
  readonly cpu: number[]
  /** What it adds to the bare service of the same round. */
  readonly adds: number[]
  lost: number
  uncounted: number
}

await bench<Task, Measured>(import.meta.url, serve, async (apart) => {
  const signals = list('signals', ['both'], ['both', 'spans', 'metrics'])[0] as Setting['signals']
  // A count event has no spans to choose between.
  const contenders = list(
    'contenders',
    signals === 'metrics' ? ['events', 'otel'] : ['span', 'events', 'otel'],
  )
  const kinds = ['bare', ...contenders.filter((kind) => kind !== 'bare')] as Kind[]
  const [runs, rate, warmSeconds, seconds] = [
    ...[flag('runs', 5), flag('rate', 1000), flag('warm', 10), flag('seconds', 10)],
  ] as const
  const profileTo = option('profile-to')
  const profiled = isSet('profile') || profileTo !== undefined

  const run = async (sink: Sink, task: Omit<Task, 'url'>): Promise<Measured & { readonly lost: number }> => {
    await sink.forget()
    const load = createLoad(pathOf)
    const measured = await apart({ ...task, url: sink.url }, async (told) => {
      const { port, measured: counts } = told as Told
      const asked = Math.round(rate * (counts ? seconds : warmSeconds))
      const answered = await load.run(port, rate, asked / rate)
      if (answered !== asked) throw new Error(`${asked - answered} of ${asked} requests failed`)
    })
    load.close()
    if (measured.timeSpent) printTimeSpent(`${task.framework}, ${task.kind}`, measured.timeSpent)
    const spans = task.kind === 'bare' || signals === 'metrics' ? 0 : 2 * measured.answered
    return { ...measured, lost: spans - (await sink.stats()).spans }
  }

  const sink = await startSink()
  console.log(
    `${rate} requests/s, ${warmSeconds} s of warm-up, ${seconds} s measured, ${runs} runs, signals: ${signals}; median [spread]`,
  )
  for (const framework of list('frameworks', ['http', 'fastify'], ['http', 'fastify']) as Framework[]) {
    const all = new Map<Kind, Runs>(kinds.map((kind) => [kind, { cpu: [], adds: [], lost: 0, uncounted: 0 }]))
    for (let n = 0; n < runs; n++) {
      const order = kinds.map((_, i) => kinds[(i + n) % kinds.length]!)
      for (const kind of order) {
        const file = profileTo ? `${profileTo}/${framework}-${kind}.cpuprofile` : 'summary'
        const done = await run(sink, {
          framework,
          kind,
          signals,
          profile: profiled && n === 0 ? file : undefined,
        })
        const of = all.get(kind)!
        of.cpu.push(done.cpu)
        of.lost += done.lost
        of.uncounted += done.counted === undefined ? 0 : done.answered - done.counted
      }
      for (const { cpu, adds } of all.values()) adds.push(cpu[n]! - all.get('bare')!.cpu[n]!)
    }
    print(framework, all)
  }
  await sink.close()
})

function print(framework: Framework, all: ReadonlyMap<Kind, Runs>): void {
  const spread = (numbers: readonly number[], digits: number): string =>
    `${median(numbers).toFixed(digits)} [${Math.min(...numbers).toFixed(digits)} to ${Math.max(...numbers).toFixed(digits)}]`
  const peer = all.get('otel')
  for (const [kind, { cpu, adds, lost, uncounted }] of all) {
    const beside = peer && adds.map((added, i) => added / peer.adds[i]!)
    const ratio =
      beside &&
      `${(median(adds) / median(peer.adds)).toFixed(2)} × [${Math.min(...beside).toFixed(2)} to ${Math.max(...beside).toFixed(2)}]`
    console.log(
      `${framework.padEnd(8)} ${kind.padEnd(7)} CPU per request ${spread(cpu, 1).padEnd(26)}` +
        (kind === 'bare'
          ? 'µs'
          : `µs, adds ${spread(adds, 1).padEnd(24)} µs  ${(ratio ?? '').padEnd(24)} lost: ${lost} spans, ${uncounted} counts`),
    )
  }
}
