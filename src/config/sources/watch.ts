import { type FSWatcher, readlinkSync, unwatchFile, watch, watchFile } from 'node:fs'
import { basename, dirname, resolve, sep } from 'node:path'
import { type Clock, elapsed } from '../../clock.ts'

/** Editors and renames come in bursts: wait until they are over, but not for ever. */
const quietMs = 50
const maxQuietMs = 1000

/** Where no event comes (some network file systems, a directory that was replaced), Node's look by `stat` finds it. */
const lookMs = 5000

const maxLinks = 40

function linkAt(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}

/**
 * Every directory an entry of which decides what the path leads to, with those entries: the file's own, and those of
 * the symlinks on the way (in Kubernetes the file is a link through `..data`, and only `..data` is ever swapped).
 */
export function decidingEntries(path: string): Map<string, Set<string>> {
  const entries = new Map<string, Set<string>>()
  let left = resolve(path)
  for (let links = 0; links <= maxLinks; links++) {
    const parts = left.split(sep)
    const ways = parts.map((_, i) => parts.slice(0, i + 1).join(sep))
    const at = ways.findIndex((way, i) => i > 0 && linkAt(way) !== undefined)
    for (const entry of at < 0 ? [left] : links === 0 ? [left, ways[at]!] : [ways[at]!])
      entries.set(dirname(entry), (entries.get(dirname(entry)) ?? new Set()).add(basename(entry)))
    if (at < 0) break
    left = resolve(dirname(ways[at]!), linkAt(ways[at]!) ?? '', ...parts.slice(at + 1))
  }
  return entries
}

/**
 * Calls `changed` when the file at a path may have changed: written, replaced by a rename, deleted, created again, or
 * reached through other symlinks. Keeps no process alive. Returns what stops it.
 */
export function watchPath(path: string, clock: Clock, changed: () => void): () => void {
  const watchers: FSWatcher[] = []
  let quiet: unknown
  let burstSince: number | undefined

  const disarm = (): void => {
    clock.clearTimeout(quiet)
    for (const watcher of watchers.splice(0)) watcher.close()
  }

  const arm = (): void => {
    disarm()
    burstSince = undefined
    for (const [directory, names] of decidingEntries(path)) {
      try {
        const heard = (_event: string, name: string | null): void => {
          if (name === null || names.has(name)) stir()
        }
        watchers.push(watch(directory, { persistent: false }, heard).on('error', () => {}))
      } catch {
        // The directory is gone or may not be watched: Node's look finds what changes.
      }
    }
    // Also what changed before the watching began.
    changed()
  }

  const stir = (): void => {
    burstSince ??= elapsed(clock)
    clock.clearTimeout(quiet)
    quiet = clock.setTimeout(arm, Math.min(quietMs, Math.max(0, burstSince + maxQuietMs - elapsed(clock))))
  }

  watchFile(path, { interval: lookMs, persistent: false }, stir)
  arm()
  return () => {
    unwatchFile(path, stir)
    disarm()
  }
}
