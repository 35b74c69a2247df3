import { execFile } from 'node:child_process'
import cluster from 'node:cluster'
import { createHash } from 'node:crypto'
import { readFile, readlink } from 'node:fs/promises'
import {
  BroadcastChannel,
  getEnvironmentData,
  isMainThread,
  setEnvironmentData,
  threadId,
} from 'node:worker_threads'
import type { Clock } from '../clock.ts'
import { pause } from '../waiting.ts'

/** Which processes and threads belong together: the workers of one `node:cluster` primary, and all of their threads. */

export interface Kin {
  /** The process that all of them descend from: the primary of a cluster, else this one. */
  readonly owner: number
  /** Label of this process or thread in the group: `2`, `main`, and `2/1` for the first thread of worker 2. */
  readonly label: string
  /** True for a worker or a thread, which has siblings. A main thread that is not a worker may be alone. */
  readonly isOneOfMany: boolean
}

/** The wire format. Processes whose versions of telemachine speak another one form a group of their own. */
const protocol = 1

const ownerKey = 'telemachine.owner'
const labelKey = 'telemachine.label'

let known: Kin | undefined

/** Returns the place of this thread in its group; the same at every call, even after the primary has died. */
export function kin(): Kin {
  known ??= isMainThread ? mainThread() : thread()
  return known
}

function mainThread(): Kin {
  const { isWorker, worker } = cluster
  const owner = isWorker ? process.ppid : process.pid
  // PM2 numbers its instances, and gives the number of a dead one to the next.
  const label = isWorker ? (process.env.NODE_APP_INSTANCE ?? String(worker?.id ?? process.pid)) : 'main'
  setEnvironmentData(ownerKey, owner)
  setEnvironmentData(labelKey, label)
  return { owner, label, isOneOfMany: isWorker }
}

/** A thread does not see that its process is a worker: its main thread tells it, if telemachine runs there. */
function thread(): Kin {
  const owner = getEnvironmentData(ownerKey)
  const label = getEnvironmentData(labelKey)
  return {
    owner: typeof owner === 'number' ? owner : process.pid,
    label: `${typeof label === 'string' ? label : 'main'}/${threadId}`,
    isOneOfMany: true,
  }
}

/** Where the groups of this machine are told apart: process ids mean nothing in another container. */
export async function namespace(): Promise<string> {
  const read = (path: string) => readlink(path).catch(() => '')
  return digest([await read('/proc/self/ns/pid'), await read('/proc/self/ns/net')], 6)
}

/**
 * The name of a group's folder: equal for those who belong together and serve the same page.
 * @param page what tells the page apart from others of the same processes.
 */
export async function groupName(page: readonly unknown[]): Promise<string> {
  const { owner } = kin()
  return `${await namespace()}-${owner}-${digest([protocol, await startOf(owner), ...page], 12)}`
}

const digest = (parts: readonly unknown[], length: number): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, length)

/** When a process began, as text: the system gives the number of a dead process to another one. */
async function startOf(pid: number): Promise<string> {
  try {
    const [boot, stat] = await Promise.all([
      readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
      readFile(`/proc/${pid}/stat`, 'utf8'),
    ])
    // The name of the program, in parentheses, may have spaces.
    return `${boot.trim()} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`
  } catch {
    return process.platform === 'win32' || process.platform === 'linux' ? '' : startByCommand(pid)
  }
}

const startByCommand = (pid: number): Promise<string> =>
  new Promise((resolve) => {
    const environment = { ...process.env, LC_ALL: 'C', TZ: 'UTC' }
    execFile('ps', ['-o', 'lstart=', '-p', String(pid)], { env: environment }, (error, output) =>
      resolve(error ? '' : output.trim()),
    )
  })

/** Whether a process exists. One of another user counts. */
export function isAlive(pid: number): boolean {
  try {
    return pid > 0 && process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

interface Listener {
  readonly forked: () => void
  readonly threadMade: () => void
}

/** Listeners of all telemetry systems of this process. */
const listeners = new Set<Listener>()

const forked = (): void => {
  for (const one of listeners) one.forked()
}
const threadMade = (): void => {
  for (const one of listeners) one.threadMade()
}

function listen(listener: Listener): () => void {
  if (listeners.size === 0) {
    process.on('worker', threadMade)
    cluster.on('fork', forked)
  }
  listeners.add(listener)
  return () => {
    if (!listeners.delete(listener) || listeners.size > 0) return
    process.off('worker', threadMade)
    cluster.off('fork', forked)
  }
}

/**
 * Calls `ring` when this main thread forks a worker, has forked one, or one of its threads knocks. Returns the end of it.
 * There is no channel to knock at before there is a thread.
 */
export function listenForKin(door: string, ring: () => void): () => void {
  let channel: BroadcastChannel | undefined
  const openDoor = (): void => {
    if (channel) return
    channel = new BroadcastChannel(door)
    channel.onmessage = ring
    channel.unref()
  }
  const stop = listen({ forked: ring, threadMade: openDoor })
  if (Object.keys(cluster.workers ?? {}).length > 0) queueMicrotask(ring)
  return () => {
    stop()
    channel?.close()
  }
}

const knockMs = 250
const pollMs = 10

/** Tells the main thread that this one is there. Resolves when that has done something about it, or does not answer. */
export async function knock(door: string, clock: Clock, isAnswered: () => Promise<boolean>): Promise<void> {
  const until = clock.now() + knockMs
  const channel = new BroadcastChannel(door)
  channel.postMessage('knock')
  channel.close()
  while (clock.now() < until && !(await isAnswered())) await pause(clock, pollMs)
}
