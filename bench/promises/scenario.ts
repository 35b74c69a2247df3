import type { Fault } from '../../src/testing/index.ts'
import { sleep, warm } from '../peers/workers.ts'
import type { Sink, SinkStats } from '../sink.ts'

/** One thing that was promised, as measured. */
export interface Finding {
  readonly what: string
  readonly measured: string
  /** What it may be, and whether it is; a finding without is for information. */
  readonly bound?: string
  readonly kept?: boolean
}

/** Runs in a process of its own, with as many sinks as it asks for. */
export interface Scenario {
  readonly sinks: readonly ('count' | 'ids')[]
  run(sinks: readonly RemoteSink[], task: Task): Promise<Finding[]>
}

export interface Task {
  readonly name: string
  readonly urls: readonly string[]
  /** Spans of the scenarios that fill a queue. */
  readonly spans: number
}

/** A sink that the starter of this process holds. */
export interface RemoteSink {
  readonly url: string
  fault(fault: Fault): Promise<void>
  clear(): Promise<void>
  reset(): Promise<void>
  stats(): Promise<SinkStats>
}

interface Told {
  readonly sink: number
  readonly call: 'fault' | 'clear' | 'reset' | 'stats'
  readonly fault?: Fault
}

/** What the starter does when a scenario calls. */
export async function perform(sinks: readonly Sink[], told: unknown): Promise<unknown> {
  const { sink, call, fault } = told as Told
  const called = sinks[sink]!
  return call === 'fault' ? called.fault(fault!) : called[call]()
}

export function remoteSinks(urls: readonly string[]): RemoteSink[] {
  // The answers carry no numbers: one call at a time.
  let last: Promise<unknown> = Promise.resolve()
  const ask = (told: Told): Promise<unknown> => {
    last = last.then(() => warm(told))
    return last
  }
  return urls.map((url, sink) => ({
    url,
    fault: async (fault) => void (await ask({ sink, call: 'fault', fault })),
    clear: async () => void (await ask({ sink, call: 'clear' })),
    reset: async () => void (await ask({ sink, call: 'reset' })),
    stats: async () => (await ask({ sink, call: 'stats' })) as SinkStats,
  }))
}

/** Milliseconds until `holds` does, or undefined when that takes longer than `atMostMs`. */
export async function until(
  holds: () => boolean | Promise<boolean>,
  atMostMs = 20_000,
): Promise<number | undefined> {
  const start = performance.now()
  while (!(await holds())) {
    if (performance.now() - start > atMostMs) return undefined
    await sleep(10)
  }
  return performance.now() - start
}

export const atMost = (what: string, ms: number | undefined, boundMs: number): Finding => ({
  what,
  measured: ms === undefined ? 'never' : `${(ms / 1000).toFixed(2)} s`,
  bound: `${boundMs / 1000} s`,
  kept: ms !== undefined && ms <= boundMs,
})

export const exactly = (what: string, measured: unknown, wanted: unknown): Finding => ({
  what,
  measured: JSON.stringify(measured),
  bound: JSON.stringify(wanted),
  kept: JSON.stringify(measured) === JSON.stringify(wanted),
})

export const grewAtMost = (what: string, mib: number, boundMib: number): Finding => ({
  what,
  measured: `${mib.toFixed(1)} MiB`,
  bound: `${boundMib} MiB`,
  kept: mib <= boundMib,
})

export const told = (what: string, measured: unknown): Finding => ({
  what,
  measured: typeof measured === 'string' ? measured : JSON.stringify(measured),
})
