import type { FileFacts } from './file-name.ts'
import type { Folder } from './folder.ts'

/** A file of the spool. */
export interface StoredFile {
  readonly folder: Folder
  facts: FileFacts
  /** The facts in its name before it was read to be sent. */
  unread: FileFacts | undefined
  /** An earlier life may have delivered it, and the ledger does not say so yet. */
  doubtful: boolean
  /** The backend has taken some of it, and the ledger does not say so yet. */
  isPartlyTaken: boolean
  readErrors: number
  /** Ends with what is done to it now: its name changes. */
  turn: Promise<unknown>
}

const idle: Promise<unknown> = Promise.resolve()

export const storedFile = (folder: Folder, facts: FileFacts, doubtful = false): StoredFile => ({
  ...{ folder, facts, unread: undefined, doubtful, isPartlyTaken: false, readErrors: 0 },
  turn: idle,
})

/** To drop it is ambiguous. */
export const mayHaveArrived = ({ doubtful, isPartlyTaken }: StoredFile): boolean => doubtful || isPartlyTaken

/** Does something to a file when nothing else is being done to it. */
export function inTurn<Result>(file: StoredFile, operation: () => Promise<Result>): Promise<Result> {
  const result = file.turn.then(operation)
  file.turn = result.catch(() => {})
  return result
}

/** Gives a file its next name, unless it has that already. */
export const renameFile = async (file: StoredFile, facts: FileFacts, synced: boolean): Promise<void> => {
  const { attempts, lives } = file.facts
  if (facts.attempts !== attempts || facts.lives !== lives) {
    await file.folder.rename(file.facts, facts)
    file.facts = facts
  }
  // Where this fails the file has its new name all the same.
  if (synced) await file.folder.syncNames()
}

/** Which files there are, and what they come to. */
export interface Files {
  /** Files that are not settled, in order of age. */
  readonly unsettled: ReadonlySet<StoredFile>
  /** Files whose events are not in memory, in the order in which they are sent. */
  readonly waiting: ReadonlySet<StoredFile>
  /** Settled, but still there. */
  readonly doomed: ReadonlySet<StoredFile>
  /** Written without being synced. */
  readonly unsynced: Set<StoredFile>
  /** Events of what waits or is being read. */
  readonly weight: number
  /** Bytes of all files on the disk. */
  readonly bytes: number
  /** The highest number that was given to one. */
  readonly newest: number
  /** One that was just written, or begins to be. */
  add(file: StoredFile): void
  /** Adds files of an earlier life; those that it may have delivered go last. */
  adopt(files: readonly StoredFile[]): void
  /** `isNext`: it goes before all others. */
  wait(file: StoredFile, isNext?: boolean): void
  stopWaiting(file: StoredFile): void
  /** Takes one out of the line; its weight still counts until it is released. */
  beginReading(file: StoredFile): void
  release(file: StoredFile): void
  /** It is to be removed. */
  doom(file: StoredFile): void
  /** It is there no more. */
  forget(file: StoredFile): void
  /** Forgets the files that wait, and returns their events. What is in memory as well goes on. */
  leave(): number
}

/** Smallest space of a file on the disk. */
const blockBytes = 4_096

const spaceOf = ({ facts }: StoredFile): number => Math.ceil(facts.bytes / blockBytes) * blockBytes

export function createFiles(): Files {
  const unsettled = new Set<StoredFile>()
  const waiting = new Set<StoredFile>()
  const doomed = new Set<StoredFile>()
  const unsynced = new Set<StoredFile>()
  /** Files whose space counts; those of another directory do not. */
  const counted = new Set<StoredFile>()
  let weight = 0
  let bytes = 0
  let newest = 0

  const add = (file: StoredFile): void => {
    newest = Math.max(newest, file.facts.sequence)
    bytes += spaceOf(file)
    counted.add(file)
    unsettled.add(file)
  }
  const wait: Files['wait'] = (file, isNext = false) => {
    const behind = isNext ? [...waiting] : []
    if (isNext) waiting.clear()
    waiting.add(file)
    for (const other of behind) waiting.add(other)
    weight += file.facts.weight
  }

  return {
    unsettled,
    waiting,
    doomed,
    unsynced,
    get weight() {
      return weight
    },
    get bytes() {
      return bytes
    },
    get newest() {
      return newest
    },
    add,
    adopt(files) {
      for (const file of files) add(file)
      for (const file of files) if (!file.doubtful) wait(file)
      for (const file of files) if (file.doubtful) wait(file)
    },
    wait,
    stopWaiting(file) {
      if (waiting.delete(file)) weight -= file.facts.weight
    },
    beginReading: (file) => void waiting.delete(file),
    release(file) {
      weight -= file.facts.weight
    },
    doom(file) {
      unsettled.delete(file)
      doomed.add(file)
    },
    forget(file) {
      unsettled.delete(file)
      doomed.delete(file)
      unsynced.delete(file)
      if (counted.delete(file)) bytes -= spaceOf(file)
    },
    leave() {
      let left = 0
      for (const file of waiting) {
        left += file.facts.weight
        unsettled.delete(file)
      }
      weight -= left
      waiting.clear()
      unsynced.clear()
      counted.clear()
      bytes = 0
      return left
    },
  }
}
