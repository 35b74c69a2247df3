import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import type { Profiler } from 'node:inspector'
import { Session } from 'node:inspector/promises'
import { fileURLToPath } from 'node:url'

/** Where the time of a process went, in percent of what it was busy for. */
export interface TimeSpent {
  readonly busyMs: number
  /**
   * Waiting, and polling for events. Where a turn takes microseconds, much of what it does is in here: a sample that is
   * asked for meanwhile is taken at the next system call.
   */
  readonly idleMs: number
  readonly functions: readonly Share[]
  readonly files: readonly Share[]
}

interface Share {
  readonly name: string
  readonly percent: number
}

/** Profiles from now on; the function ends it. `file`: also writes it there, for Chrome's DevTools. */
export async function profile(file: string | undefined): Promise<() => Promise<TimeSpent>> {
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.setSamplingInterval', { interval: 200 })
  await session.post('Profiler.start')
  return async () => {
    const ended = await session.post('Profiler.stop')
    session.disconnect()
    if (file !== undefined) await writeFile(file, JSON.stringify(ended.profile))
    return summarise(ended.profile)
  }
}

function summarise({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): TimeSpent {
  const byId = new Map(nodes.map((node) => [node.id, node.callFrame]))
  const functions = new Map<string, number>()
  const files = new Map<string, number>()
  let [busy, idle] = [0, 0]
  for (const [i, id] of samples.entries()) {
    const frame = byId.get(id)!
    const time = timeDeltas[i + 1] ?? 0
    if (frame.functionName === '(idle)') {
      idle += time
      continue
    }
    busy += time
    const file = fileOf(frame)
    const name = `${frame.functionName || '(anonymous)'}  ${file}`.trim()
    functions.set(name, (functions.get(name) ?? 0) + time)
    const group = file || frame.functionName
    files.set(group, (files.get(group) ?? 0) + time)
  }
  const shares = (times: ReadonlyMap<string, number>): Share[] =>
    [...times]
      .map(([name, time]) => ({ name, percent: (time / busy) * 100 }))
      .sort((a, b) => b.percent - a.percent)
  return { busyMs: busy / 1000, idleMs: idle / 1000, functions: shares(functions), files: shares(files) }
}

/** A package by its name, a file of the bundle by the source it was made from. */
function fileOf({ url, lineNumber }: { readonly url: string; readonly lineNumber: number }): string {
  const packaged = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1]
  if (packaged !== undefined && !packaged.startsWith('.bench-')) return packaged
  if (!url.startsWith('file:')) return url
  const lines = linesOf(url)
  for (let line = lineNumber; line >= 0; line--) {
    const source = /^\/\/ (?:\.\.\/)*(\S+\.ts)$/.exec(lines[line] ?? '')?.[1]
    if (source !== undefined) return source
  }
  return url
}

const bundles = new Map<string, readonly string[]>()

function linesOf(url: string): readonly string[] {
  const known = bundles.get(url)
  if (known) return known
  const lines = readFileSync(fileURLToPath(url), 'utf8').split('\n')
  bundles.set(url, lines)
  return lines
}

export function printTimeSpent(title: string, spent: TimeSpent): void {
  const print = (share: Share): void =>
    console.log(`  ${share.percent.toFixed(1).padStart(5)} %  ${share.name}`)
  const { busyMs, idleMs } = spent
  console.log(
    `\n${title}: busy for ${busyMs.toFixed(0)} ms, idle for ${idleMs.toFixed(0)}; self time by function`,
  )
  for (const share of spent.functions.slice(0, 30)) print(share)
  console.log(' by file or package')
  for (const share of spent.files.slice(0, 20)) print(share)
}
