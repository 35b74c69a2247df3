import { dirname } from 'node:path'
import type { Disk } from '../../src/delivery/spool/disk.ts'

/** One step of a disk, as a loss of power would find it done or not. */
export type DiskStep =
  | { readonly type: 'write'; readonly path: string; readonly content: Buffer }
  | { readonly type: 'fsync'; readonly path: string }
  | { readonly type: 'rename'; readonly path: string; readonly to: string }
  | { readonly type: 'unlink'; readonly path: string }
  /** A backend took these events: noted by the test, for their place among the others. */
  | { readonly type: 'arrive'; readonly names: readonly string[] }

/** A disk in memory, with a log, faults and locks. */
export interface MemoryDisk extends Disk {
  /** Contents by path. */
  readonly files: Map<string, Buffer>
  readonly log: DiskStep[]
  /** Called before each operation: throw, or return a promise that settles late. */
  fault: (operation: keyof Disk, path: string) => void | Promise<void>
  /** Operations under way, at most. */
  readonly mostAtOnce: number
  /** How often each operation was asked for. */
  readonly counts: ReadonlyMap<keyof Disk, number>
  /** The process dies: its locks are stale, and what it still does changes nothing. */
  kill(): void
}

const failure = (code: string): Error => Object.assign(new Error(code), { code })

/** The directories and files of a machine, which outlive its processes. */
export interface Platter {
  readonly files: Map<string, Buffer>
  readonly directories: Set<string>
  /** Paths of sockets, and who listens. */
  readonly sockets: Map<string, symbol>
  readonly alive: Set<symbol>
}

export const createPlatter = (): Platter => ({
  files: new Map(),
  directories: new Set(),
  sockets: new Map(),
  alive: new Set(),
})

/** The disk as one process sees it. */
export function createMemoryDisk(platter: Platter = createPlatter()): MemoryDisk {
  const { files, directories, sockets, alive } = platter
  const self = Symbol('process')
  alive.add(self)
  const log: DiskStep[] = []
  let underWay = 0
  let mostAtOnce = 0
  const counts = new Map<keyof Disk, number>()
  let last: Promise<unknown> = Promise.resolve()

  const operation =
    <Args extends [path: string, ...unknown[]], Result>(
      name: keyof Disk,
      act: (...args: Args) => Result,
    ): ((...args: Args) => Promise<Result>) =>
    (...args) => {
      counts.set(name, (counts.get(name) ?? 0) + 1)
      const run = async (): Promise<Result> => {
        underWay += 1
        mostAtOnce = Math.max(mostAtOnce, underWay)
        try {
          await disk.fault(name, args[0])
          if (!alive.has(self)) await new Promise(() => {})
          return act(...args)
        } finally {
          underWay -= 1
        }
      }
      const result = last.then(run)
      last = result.catch(() => {})
      return result
    }
  const present = (path: string): void => {
    if (!files.has(path) && !directories.has(path) && !sockets.has(path)) throw failure('ENOENT')
  }

  const disk: MemoryDisk = {
    files,
    log,
    fault: () => {},
    get mostAtOnce() {
      return mostAtOnce
    },
    counts,
    kill: () => void alive.delete(self),
    makeDirectory: operation('makeDirectory', (path) => void directories.add(path)),
    makeExclusively: operation('makeExclusively', (path) => {
      if (directories.has(path)) throw failure('EEXIST')
      directories.add(path)
    }),
    removeDirectory: operation('removeDirectory', (path) => void directories.delete(path)),
    look: operation('look', (path) => {
      present(path)
      return { isDirectory: directories.has(path), mode: 0o700, uid: process.getuid?.() ?? 0, modifiedMs: 0 }
    }),
    list: operation('list', (path) => {
      present(path)
      const all = [...files.keys(), ...directories, ...sockets.keys()]
      return all.filter((one) => dirname(one) === path).map((one) => one.slice(path.length + 1))
    }),
    read: operation('read', (path) => {
      present(path)
      return Buffer.from(files.get(path) as Buffer)
    }),
    write: operation('write', (path: string, content: Uint8Array, synced: boolean) => {
      if (!directories.has(dirname(path))) throw failure('ENOENT')
      if (files.has(path)) throw failure('EEXIST')
      files.set(path, Buffer.from(content))
      log.push({ type: 'write', path, content: Buffer.from(content) })
      if (synced) log.push({ type: 'fsync', path })
    }),
    rename: operation('rename', (path: string, to: string) => {
      present(path)
      files.set(to, files.get(path) as Buffer)
      files.delete(path)
      log.push({ type: 'rename', path, to })
    }),
    remove: operation('remove', (path) => {
      present(path)
      files.delete(path)
      sockets.delete(path)
      log.push({ type: 'unlink', path })
    }),
    sync: operation('sync', (path) => {
      present(path)
      log.push({ type: 'fsync', path })
    }),
    knock: operation('knock', (path) => {
      const owner = sockets.get(path)
      if (owner === undefined) return 'free' as const
      return alive.has(owner) ? ('held' as const) : ('stale' as const)
    }),
    bind: operation('bind', (path) => {
      sockets.set(path, self)
      return async () => void sockets.delete(path)
    }),
  }
  return disk
}
