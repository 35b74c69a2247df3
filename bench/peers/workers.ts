import { fork } from 'node:child_process'
import { cpus, loadavg } from 'node:os'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

/** Runs one contender in a process of its own, so that no other's garbage, code or timers are in its figures. */
export type RunApart<Task, Result> = (
  task: Task,
  /** Called at each `warm()` of the contender with what that was given; `warm()` resolves to what this resolves to. */
  onWarm?: (told: unknown) => Promise<unknown>,
) => Promise<Result>

const role = 'TELEMACHINE_BENCH_TASK'

/**
 * The whole of a bench file: `work` runs in a process of its own for each call of the `apart` that `main` is given.
 * `module` is the file's `import.meta.url`.
 */
export async function bench<Task, Result>(
  module: string,
  work: (task: Task) => Promise<Result>,
  main: (apart: RunApart<Task, Result>) => Promise<void>,
): Promise<void> {
  const given = process.env[role]
  if (given !== undefined && process.send) {
    const orphaned = (): never => process.exit(1)
    process.once('disconnect', orphaned)
    const result = await work(JSON.parse(given) as Task)
    process.off('disconnect', orphaned)
    process.send?.({ result }, () => process.disconnect?.())
    return
  }
  await main((task, onWarm = async () => {}) => {
    const env = { ...process.env, [role]: JSON.stringify(task) }
    const child = fork(fileURLToPath(module), [], { env })
    // What it sent on its way out arrives too: the result is given when it has ended.
    return new Promise((resolve, reject) => {
      let ended: { readonly result: Result } | undefined
      child.on('message', (message: { warm: unknown } | { result: Result }) => {
        if ('result' in message) ended = message
        else onWarm(message.warm).then((reply) => child.send({ go: reply ?? null }), reject)
      })
      child.on('exit', (code) => {
        if (ended === undefined) reject(new Error(`a contender ended with ${code}`))
        else resolve(ended.result)
      })
    })
  })
}

/** `--name text` of the command line. */
export function option(name: string): string | undefined {
  const { values } = parseArgs({ strict: false, options: { [name]: { type: 'string' } } })
  const value = values[name]
  return typeof value === 'string' ? value : undefined
}

/** `--name number` of the command line. */
export function flag(name: string, fallback: number): number {
  const value = option(name)
  return value === undefined ? fallback : Number(value)
}

/** `--name a,b,c` of the command line. Throws an Error if a word is not one of `allowed`, where that is given. */
export function list(name: string, fallback: readonly string[], allowed?: readonly string[]): string[] {
  const words = option(name)?.split(',') ?? [...fallback]
  const wrong = words.find((word) => allowed?.includes(word) === false)
  if (wrong !== undefined) throw new Error(`--${name} ${wrong}: not one of ${allowed?.join(', ')}`)
  return words
}

/** Whether `--name` is on the command line. */
export const isSet = (name: string): boolean =>
  parseArgs({ strict: false, options: { [name]: { type: 'boolean' } } }).values[name] === true

/** Event-loop delay from now on; the function ends it and gives the 99th percentile in ms. */
export function loopDelay(): () => number {
  const histogram = monitorEventLoopDelay({ resolution: 1 })
  histogram.enable()
  return () => {
    histogram.disable()
    return histogram.percentile(99) / 1e6
  }
}

/** Resident memory from now on, looked at ten times a second; the function ends it and gives its highest growth in MB. */
export function memoryGrowth(): () => number {
  const before = process.memoryUsage.rss()
  let highest = before
  const timer = setInterval(() => {
    highest = Math.max(highest, process.memoryUsage.rss())
  }, 100)
  return () => {
    clearInterval(timer)
    return (highest - before) / 2 ** 20
  }
}

/** Tells the starter that all is warm; resolves when its `onWarm` is done, to what that gave. */
export async function warm(told: unknown = null): Promise<unknown> {
  const go = new Promise<{ go: unknown }>((resolve) => process.once('message', resolve))
  process.send?.({ warm: told })
  return (await go).go
}

/** CPU seconds, user and system, since the call. */
export function cpuSeconds(): () => number {
  const before = process.cpuUsage()
  return () => {
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1e6
  }
}

/** Calls `batch(from, to)` so that `perSecond` come about, in steps of ~10 ms, for `seconds`; gives how many. */
export async function paced(
  perSecond: number,
  seconds: number,
  batch: (from: number, to: number) => void,
): Promise<number> {
  const total = Math.round(perSecond * seconds)
  const start = performance.now()
  for (let sent = 0; sent < total; ) {
    const due = Math.min(Math.floor(((performance.now() - start) / 1000) * perSecond), total)
    if (due > sent) {
      batch(sent, due)
      sent = due
    }
    await sleep(10)
  }
  return total
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

export const round = (value: number, digits = 1): number => Number(value.toFixed(digits))

export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** What to know of the machine before a figure is believed. */
export const machine = (profiled: boolean): string =>
  `Node ${process.versions.node}, ${cpus().length} CPUs, load ${loadavg()[0]!.toFixed(1)} at the beginning` +
  (profiled ? ', profiled: the figures of first runs are too high' : '')
