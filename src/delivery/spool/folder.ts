import { join } from 'node:path'
import { TelemetryError } from '../../errors.ts'
import { CorruptFile } from './content.ts'
import type { Disk } from './disk.ts'
import { type FileFacts, factsOf, nameOf } from './file-name.ts'
import { type Lock, lockName, takeLock } from './lock.ts'

/** The result of reading the names in a directory. */
export interface Inventory {
  /** In order of age. */
  readonly files: readonly FileFacts[]
  /** Files of ours that are set aside: what they were to deliver is lost. */
  readonly spoilt: readonly FileFacts[]
  /** Files that are not ours. They are left alone. */
  readonly foreign: number
  readonly quarantined: number
}

/** The directory of one spool. Every method may reject: disks fail. */
export interface Folder {
  readonly directory: string
  /** Takes the lock and looks what there is. Undefined: it has the lock already. */
  open(): Promise<Inventory | undefined>
  /** Rejects if the file is not there for good; it may be there all the same. */
  write(facts: FileFacts, content: Buffer, synced: boolean): Promise<void>
  /** Rejects with a CorruptFile if the file is gone. */
  read(file: FileFacts): Promise<Buffer>
  /** Gives a file its next name. */
  rename(file: FileFacts, to: FileFacts): Promise<void>
  remove(file: FileFacts): Promise<void>
  /** Sets a file aside, and removes the oldest that was if they are too many. */
  quarantine(file: FileFacts): Promise<void>
  readonly quarantined: number
  /** Has a file on the disk that was written without being synced. */
  sync(file: FileFacts): Promise<void>
  /** Names have changed that are not synced: attempts that are not on the disk for good. */
  readonly hasUnsyncedNames: boolean
  /** Has the names on the disk. */
  syncNames(): Promise<void>
  close(): Promise<void>
}

/** Files that so many lives of the process have ended with, while they sent it, are set aside. */
const maxLives = 5
/** Files that are kept set aside; a file has about 1 MiB at most. */
const maxQuarantined = 64

const quarantineName = 'quarantine'
const partSuffix = '.part'

const isMissing = (error: unknown): boolean => (error as { code?: unknown }).code === 'ENOENT'

const isLink = (error: unknown): boolean => (error as { code?: unknown }).code === 'ELOOP'

const bySequence = (a: FileFacts, b: FileFacts): number => a.sequence - b.sequence

export function createFolder(directory: string, disk: Disk): Folder {
  const pathOf = (file: FileFacts): string => join(directory, nameOf(file))
  const quarantine = join(directory, quarantineName)
  let lock: Lock | undefined
  let aside: string[] = []
  let hasUnsyncedNames = false

  /** Others must not be able to put files there that are then sent with our credentials. */
  const claim = async (): Promise<void> => {
    await disk.makeDirectory(directory)
    const { isDirectory, mode, uid } = await disk.look(directory)
    const own = process.getuid?.() ?? uid
    if (!isDirectory || (mode & 0o022) !== 0 || (uid !== own && uid !== 0))
      throw new TelemetryError(
        'SPOOL_UNSAFE',
        `the spool directory ${directory} must be a directory that only this user can write to (it has mode ${mode.toString(8)}): name a directory that does not exist yet, which telemachine then creates, or run chmod 700`,
      )
  }

  const isPresent = async (path: string): Promise<boolean> => {
    try {
      await disk.look(path)
      return true
    } catch (error) {
      if (isMissing(error)) return false
      throw error
    }
  }

  const setAside = async (file: FileFacts): Promise<void> => {
    await disk.makeDirectory(quarantine)
    const name = nameOf(file)
    await disk.rename(pathOf(file), join(quarantine, name))
    aside.push(name)
    while (aside.length > maxQuarantined) await disk.remove(join(quarantine, aside.shift() as string))
  }

  const takeStock = async (): Promise<Inventory> => {
    const files: FileFacts[] = []
    const spoilt: FileFacts[] = []
    let foreign = 0
    for (const name of await disk.list(directory)) {
      const facts = factsOf(name)
      if (facts !== undefined) {
        const { readable, ...file } = facts
        if (readable && file.lives < maxLives) files.push(file)
        else spoilt.push(file)
      } else if (name.endsWith(partSuffix) && factsOf(name.slice(0, -partSuffix.length)) !== undefined)
        // Its process was killed while it wrote. Nothing was promised of it.
        await disk.remove(join(directory, name)).catch(() => {
          foreign += 1
        })
      else if (name !== lockName && name !== quarantineName) foreign += 1
    }
    aside = (await isPresent(quarantine)) ? (await disk.list(quarantine)).sort() : []
    // One that stays is found again, and set aside then.
    for (const file of spoilt) await setAside(file).catch(() => {})
    return { files: files.sort(bySequence), spoilt, foreign, quarantined: aside.length }
  }

  return {
    directory,
    async open() {
      await claim()
      // A directory that was removed took the lock with it.
      if (lock !== undefined && (await isPresent(join(directory, lockName)))) return undefined
      await lock?.release()
      lock = undefined
      const taken = await takeLock(directory, disk)
      try {
        const inventory = await takeStock()
        lock = taken
        return inventory
      } catch (error) {
        await taken.release()
        throw error
      }
    },
    async write(facts, content, synced) {
      const path = pathOf(facts)
      try {
        await disk.write(path + partSuffix, content, synced)
        await disk.rename(path + partSuffix, path)
      } catch (error) {
        await disk.remove(path + partSuffix).catch(() => {})
        throw error
      }
      if (synced) await disk.sync(directory)
    },
    async read(file) {
      try {
        return await disk.read(pathOf(file), file.bytes)
      } catch (error) {
        if (isLink(error)) throw new CorruptFile('it is a symbolic link')
        // Without the lock it is the directory that is gone, not the file.
        if (isMissing(error) && (await isPresent(join(directory, lockName))))
          throw new CorruptFile('it is gone')
        throw error
      }
    },
    async rename(file, to) {
      await disk.rename(pathOf(file), pathOf(to))
      hasUnsyncedNames = true
    },
    async remove(file) {
      try {
        await disk.remove(pathOf(file))
      } catch (error) {
        if (!isMissing(error)) throw error
      }
    },
    async quarantine(file) {
      try {
        await setAside(file)
      } catch (error) {
        if (!isMissing(error)) throw error
      }
    },
    get quarantined() {
      return aside.length
    },
    async sync(file) {
      try {
        await disk.sync(pathOf(file))
      } catch (error) {
        // It was delivered meanwhile, or somebody has removed it.
        if (!isMissing(error)) throw error
      }
    },
    get hasUnsyncedNames() {
      return hasUnsyncedNames
    },
    async syncNames() {
      hasUnsyncedNames = false
      try {
        await disk.sync(directory)
      } catch (error) {
        hasUnsyncedNames = true
        throw error
      }
    },
    async close() {
      await lock?.release()
      lock = undefined
    },
  }
}
