import { join } from 'node:path'
import { TelemetryError } from '../../errors.ts'
import type { Disk } from './disk.ts'

/** The right to a directory: a bound Unix socket in it, which the kernel lets go of with the process. */
export interface Lock {
  release(): Promise<void>
}

export const lockName = 'lock'
const takeoverName = 'lock.takeover'

/** A takeover of a lock ends within milliseconds, unless its process is killed meanwhile. */
const staleTakeoverMs = 5_000

const codeOf = (error: unknown): unknown => (error as { code?: unknown }).code

/**
 * Takes the lock of a directory. Process ids repeat in containers, so a file that names one would not do. The socket is
 * bound under an exclusive mkdir, so that of several processes that find the socket of a dead one, one takes it over.
 * @throws TelemetryError `SPOOL_HELD` if another process, or another exporter of this one, has it.
 */
export async function takeLock(directory: string, disk: Disk): Promise<Lock> {
  const path = join(directory, lockName)
  const takeover = join(directory, takeoverName)
  const held = new TelemetryError(
    'SPOOL_HELD',
    `another exporter or process uses the spool directory ${directory}: each exporter needs one of its own`,
  )
  try {
    await disk.makeExclusively(takeover)
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
    const { modifiedMs } = await disk.look(takeover)
    // The time of the file system is the wall clock.
    if (Math.abs(Date.now() - modifiedMs) > staleTakeoverMs) await disk.removeDirectory(takeover)
    throw held
  }
  try {
    const state = await disk.knock(path)
    if (state === 'held') throw held
    if (state === 'stale') await disk.remove(path)
    return { release: await disk.bind(path) }
  } finally {
    // One that cannot be removed is stale soon.
    await disk.removeDirectory(takeover).catch(() => {})
  }
}
