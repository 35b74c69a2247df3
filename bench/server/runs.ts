import { type RunApart, sleep } from '../peers/workers.ts'
import { printTimeSpent } from '../profile.ts'
import { startSink } from '../sink.ts'
import type { Kind, Signals } from './instruments.ts'
import { createLoad } from './load.ts'
import { type Ended, type ServerProcess, startServer, type Task, type Usage } from './process.ts'
import { type Framework, pathOf } from './service.ts'

export interface Plan {
  readonly framework: Framework
  readonly signals: Signals
  /** The bare one first. */
  readonly kinds: readonly Kind[]
  /** Counts per request; 0 unless `signals` is `metrics`. */
  readonly counts: number
  /** Requests per second. */
  readonly rate: number
  readonly warmSeconds: number
  readonly turns: number
  readonly turnSeconds: number
  /** Where the profile of a contender goes, `summary`, or nothing for none. */
  readonly profile: (name: string) => string | undefined
}

export interface Run {
  /** µs of CPU per request, one number for each turn of a contender; of all contenders in the same order. */
  readonly cpu: ReadonlyMap<Kind, readonly number[]>
  /** Spans that have not arrived. */
  readonly lost: ReadonlyMap<Kind, number>
  /** Requests, or counts, that the metrics lack. */
  readonly uncounted: ReadonlyMap<Kind, number>
}

/** Until what the last turn left is exported, in seconds: the SDK does that every 5. */
const settleSeconds = 5.5

/** Each contender is a process of its own. All live at once, and are asked in their turns only. */
export async function runApart(apart: RunApart<Task, Ended>, plan: Plan): Promise<Run> {
  const { kinds, signals, framework, counts, warmSeconds, turns, turnSeconds } = plan
  const sinks = new Map(await Promise.all(kinds.map(async (kind) => [kind, await startSink()] as const)))
  const servers = new Map<Kind, ServerProcess>()
  for (const [kind, { url }] of sinks)
    servers.set(
      kind,
      await startServer(apart, {
        framework,
        signals,
        counts,
        url,
        kinds: [kind],
        profile: plan.profile(kind),
      }),
    )
  const load = startLoad(plan)
  for (const server of servers.values()) await load.ask(await server.usage(), warmSeconds)
  for (const server of servers.values()) await server.profile()

  // From the beginning of a turn to that of the next: what a turn leaves to be exported later is in it.
  const marks = new Map<Kind, Usage[]>(kinds.map((kind) => [kind, []]))
  for (let turn = 0; turn < turns; turn++)
    for (const kind of rotated(kinds, turn)) {
      const usage = await servers.get(kind)!.usage()
      marks.get(kind)!.push(usage)
      await load.ask(usage, turnSeconds)
    }
  await sleep(settleSeconds * 1000)
  for (const [kind, server] of servers) marks.get(kind)!.push(await server.usage())
  load.close()

  const run = {
    cpu: new Map<Kind, readonly number[]>(),
    lost: new Map<Kind, number>(),
    uncounted: new Map<Kind, number>(),
  }
  for (const [kind, server] of servers) {
    const { answered, counted, timeSpent } = await server.stop()
    if (timeSpent) printTimeSpent(`${framework}, ${kind}`, timeSpent)
    const sink = sinks.get(kind)!
    const { spans } = await sink.stats()
    await sink.close()
    const usages = marks.get(kind)!
    run.cpu.set(
      kind,
      usages.slice(1).map((usage, i) => perRequest(usages[i]!, usage)),
    )
    run.lost.set(kind, kind === 'bare' ? 0 : 2 * answered - spans)
    run.uncounted.set(kind, counted === undefined ? 0 : answered - counted)
  }
  return run
}

/**
 * All in one process, which takes turns with what it is instrumented with: two processes differ by more than one count
 * costs. Only for what leaves nothing to be exported later: metrics.
 */
export async function runTogether(apart: RunApart<Task, Ended>, plan: Plan): Promise<Run> {
  const { kinds, framework, signals, counts, warmSeconds, turns, turnSeconds } = plan
  const task = {
    framework,
    signals,
    counts,
    kinds,
    url: 'http://127.0.0.1:9/v1/traces',
    profile: plan.profile('metrics'),
  }
  const server = await startServer(apart, task)
  const load = startLoad(plan)
  const turnOf = async (kind: Kind, seconds: number): Promise<readonly [Usage, Usage]> => {
    await server.use(kind)
    const before = await server.usage()
    await load.ask(before, seconds)
    return [before, await server.usage()]
  }
  for (const kind of kinds) await turnOf(kind, warmSeconds)
  await server.profile()

  const cpu = new Map<Kind, number[]>(kinds.map((kind) => [kind, []]))
  let bare = 0
  const [first] = kinds
  const origin = await server.usage()
  for (let turn = 0; turn < turns; turn++)
    for (const kind of rotated(kinds, turn)) {
      const [before, after] = await turnOf(kind, turnSeconds)
      cpu.get(kind)!.push(perRequest(before, after))
      if (kind === first) bare += after.answered - before.answered
    }
  load.close()
  const { answered, counted, timeSpent } = await server.stop()
  if (timeSpent) printTimeSpent(`${framework}, metrics`, timeSpent)
  const warmed = origin.answered / kinds.length
  const uncounted = counts * (answered - bare - warmed) - (counted ?? 0)
  return { cpu, lost: new Map(), uncounted: new Map([[first!, uncounted]]) }
}

const perRequest = (from: Usage, to: Usage): number => (to.cpu - from.cpu) / (to.answered - from.answered)

const rotated = <T>(all: readonly T[], by: number): T[] => all.map((_, i) => all[(i + by) % all.length]!)

function startLoad({ rate }: Plan) {
  const load = createLoad(pathOf)
  return {
    ask: async ({ port }: Usage, seconds: number): Promise<void> => {
      const asked = Math.round(rate * seconds)
      const answered = await load.run(port, rate, seconds)
      if (answered !== asked) throw new Error(`${asked - answered} of ${asked} requests failed`)
    },
    close: load.close,
  }
}
