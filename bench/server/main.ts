/**
 * CPU that telemetry adds to a request: a service under a fixed rate from another process, bare, with ours, and with
 * OpenTelemetry's NodeSDK and prom-client. Each is a process of its own; in a run they take turns of a few seconds, so that
 * a slow moment of the machine meets all of them. A run is the median of its turns, each beside the bare one's.
 * With `--signals metrics` they take turns in one process: two processes differ by more than what a count costs.
 *
 * `npm --prefix bench run server`; less of it: `-- --frameworks http --contenders span,otel --runs 1 --warm 3 --seconds 4`
 * `--signals both`     two spans and RED metrics per request; `spans`; `metrics`: one count event beside `inc`
 * `--counts 1`         with `metrics`: how often a request is counted, each in a turn of its own
 * `--rate 1000`        requests per second
 * `--profile`          where the time of each contender's first run went; `--profile-to folder`: written there, too
 */
import { bench, flag, isSet, list, machine, median, option } from '../peers/workers.ts'
import type { Kind, Signals } from './instruments.ts'
import { type Ended, serve, type Task } from './process.ts'
import { type Run, runApart, runTogether } from './runs.ts'
import type { Framework } from './service.ts'

await bench<Task, Ended>(import.meta.url, serve, async (apart) => {
  const signals = list('signals', ['both'], ['both', 'spans', 'metrics'])[0] as Signals
  const together = signals === 'metrics'
  const fitting = together ? ['events', 'otel'] : ['span', 'events', 'otel']
  const kinds = ['bare', ...list('contenders', fitting, fitting)] as Kind[]
  const [runs, rate, warmSeconds] = [flag('runs', 5), flag('rate', 1000), flag('warm', 10)]
  const turnSeconds = together ? 1 : 2
  const turns = Math.max(Math.round(flag('seconds', together ? 20 : 10) / turnSeconds), 1)
  const counts = together ? flag('counts', 1) : 0
  const profileTo = option('profile-to')
  const profiled = isSet('profile') || profileTo !== undefined

  console.log(
    `${rate} requests/s, ${warmSeconds} s of warm-up, ${turns} turns of ${turnSeconds} s, ${runs} runs, ` +
      `signals: ${signals}${counts > 1 ? `, ${counts} counts` : ''}; ${machine(profiled)}. Median [least to most]`,
  )
  for (const framework of list('frameworks', ['http', 'fastify'], ['http', 'fastify']) as Framework[]) {
    const all: Run[] = []
    for (let n = 0; n < runs; n++) {
      const profile = (name: string): string | undefined => {
        if (!profiled || n > 0) return undefined
        return profileTo ? `${profileTo}/${framework}-${name}.cpuprofile` : 'summary'
      }
      const plan = { framework, signals, kinds, counts, rate, warmSeconds, turns, turnSeconds, profile }
      all.push(await (together ? runTogether : runApart)(apart, plan))
    }
    print(framework, kinds, all)
  }
})

function print(framework: Framework, kinds: readonly Kind[], runs: readonly Run[]): void {
  /** What a contender adds to the bare one: a number a run. */
  const adds = (kind: Kind): number[] =>
    runs.map(({ cpu }) => median(cpu.get(kind)!.map((used, turn) => used - cpu.get('bare')![turn]!)))
  const sum = (of: 'lost' | 'uncounted', kind: Kind): number =>
    runs.reduce((all, run) => all + (run[of].get(kind) ?? 0), 0)
  const peer = kinds.includes('otel') ? adds('otel') : undefined
  for (const kind of kinds) {
    const added = adds(kind)
    const ratio = (): string => {
      if (!peer || kind === 'otel') return ''
      const single = added.map((each, i) => each / peer[i]!)
      return `${(median(added) / median(peer)).toFixed(2)} × [${single.map((each) => each.toFixed(2)).join(' ')}]`
    }
    const missing = `lost: ${sum('lost', kind)} spans, ${sum('uncounted', kind)} counts`
    console.log(
      `${framework.padEnd(8)}${kind.padEnd(7)} CPU per request ${spread(runs.map(({ cpu }) => median(cpu.get(kind)!))).padEnd(24)} µs` +
        (kind === 'bare' ? `  ${missing}` : `, adds ${spread(added).padEnd(22)} µs  ${missing}  ${ratio()}`),
    )
  }
}

function spread(numbers: readonly number[]): string {
  const [low, high] = [Math.min(...numbers), Math.max(...numbers)]
  return `${median(numbers).toFixed(1)} [${low.toFixed(1)} to ${high.toFixed(1)}]`
}
