import { type FSWatcher, watch } from 'node:fs'
import { lstat, readlink, stat } from 'node:fs/promises'
import { basename, dirname, join, parse, resolve, sep } from 'node:path'
import { type Clock, elapsed } from '../../clock.ts'

/** Editors and renames come in bursts: wait until they are over, but not for ever. */
const quietMs = 50
const longestQuietMs = 1000

/** Where no event comes (some network file systems, a directory that was replaced), looking does. */
const lookMs = 5000

const mostLinks = 40

/**
 * Every directory an entry of which decides what the path leads to, with those entries: the file's own, and those of
 * the symlinks on the way (in Kubernetes the file is a link through `..data`, and only `..data` is ever swapped).
 */
export async function decidingEntries(path: string): Promise<Map<string, Set<string>>> {
  const entries = new Map<string, Set<string>>()
  const add = (file: string): void => {
    const directory = dirname(file)
    entries.set(directory, (entries.get(directory) ?? new Set()).add(basename(file)))
  }
  let left = resolve(path)
  add(left)
  for (let links = 0; links < mostLinks; ) {
    const { root } = parse(left)
    const parts = left.slice(root.length).split(sep)
    let link: string | undefined
    let walked = root
    let i = 0
    for (; i < parts.length && link === undefined; i++) {
      walked = join(walked, parts[i]!)
      link = await readlink(walked).catch(() => undefined)
    }
    if (link === undefined) break
    links += 1
    add(walked)
    left = resolve(dirname(walked), link, ...parts.slice(i))
  }
  add(left)
  return entries
}

/** What tells one state of a file from another without reading it. */
async function signatureOf(path: string): Promise<string> {
  try {
    const { ino, size, mtimeMs, ctimeMs } = await stat(path)
    return [ino, size, mtimeMs, ctimeMs].join()
  } catch {
    return 'none'
  }
}

/**
 * Calls `changed` when the file at a path may have changed: written, replaced by a rename, deleted, created again, or
 * reached through other symlinks. Keeps no process alive. Resolves once the watching has begun, with what stops it.
 */
export async function watchFile(path: string, clock: Clock, changed: () => void): Promise<() => void> {
  const watchers: FSWatcher[] = []
  let stopped = false
  let quiet: unknown
  let burstSince: number | undefined
  let look: unknown
  let signature = ''
  let armed = ''

  const disarm = (): void => {
    for (const watcher of watchers.splice(0)) watcher.close()
  }

  const settle = (): void => {
    quiet = undefined
    burstSince = undefined
    void arm(true).then(() => {
      if (!stopped) changed()
    })
  }

  const stir = (): void => {
    if (stopped) return
    burstSince ??= elapsed(clock)
    if (quiet !== undefined) clock.clearTimeout(quiet)
    const left = Math.max(0, burstSince + longestQuietMs - elapsed(clock))
    quiet = clock.setTimeout(settle, Math.min(quietMs, left))
  }

  const arm = async (again: boolean): Promise<void> => {
    const [entries, now] = await Promise.all([decidingEntries(path), signatureOf(path)])
    signature = now
    const inodes = await Promise.all(
      [...entries.keys()].map(async (one) => (await lstat(one).catch(() => undefined))?.ino),
    )
    const wanted = JSON.stringify([[...entries].map(([directory, names]) => [directory, [...names]]), inodes])
    if (stopped || (again && wanted === armed)) return
    armed = wanted
    disarm()
    for (const [directory, names] of entries) {
      try {
        const watcher = watch(directory, { persistent: false }, (_event, name) => {
          if (name === null || names.has(name)) stir()
        })
        watcher.on('error', () => {
          armed = ''
        })
        watchers.push(watcher)
      } catch {
        // The directory is gone or may not be watched: looking finds what changes.
        armed = ''
      }
    }
  }

  const lookAgain = async (): Promise<void> => {
    const before = signature
    await arm(true)
    if (stopped) return
    if (signature !== before) stir()
    look = clock.setTimeout(() => void lookAgain(), lookMs)
  }

  await arm(false)
  look = clock.setTimeout(() => void lookAgain(), lookMs)

  return () => {
    stopped = true
    disarm()
    if (quiet !== undefined) clock.clearTimeout(quiet)
    clock.clearTimeout(look)
  }
}
