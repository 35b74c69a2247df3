import { type Clock, elapsed } from '../../clock.ts'
import { messageOf, TelemetryError } from '../../errors.ts'
import type { DropReason } from '../../exporters/drop-reasons.ts'
import { type Content, CorruptFile, decodeContent } from './content.ts'
import { type Files, inTurn, mayHaveArrived, renameFile, type StoredFile } from './files.ts'
import type { Watch } from './patience.ts'

/** A file that could not be read so often is set aside. */
const maxReadErrors = 3

/** A file that was read to be sent. */
export interface LoadedFile extends Content {
  readonly file: StoredFile
}

/** Reads files to be sent, and says in their names what becomes of that. */
export interface Reading {
  /** A file waits, and may be read now. */
  readonly mayRead: boolean
  /**
   * Reads the next file, for an attempt to send it. One at a time. False: there is none, or it cannot be read now.
   * @param unpack makes a batch of it, and returns the function that adds the batch to the queue; a file with which it
   * throws is set aside.
   * @param onSlow is called when it takes too long; it goes on.
   */
  load(unpack: (file: LoadedFile) => () => void, onSlow: () => void): Promise<boolean>
  /** An attempt to send the file failed: this life of the process does not count against it. */
  survived(file: StoredFile): void
  /** Puts a file back that was read: before all others if nothing of it was sent meanwhile. */
  putBack(file: StoredFile): void
  /** Resolves when the names say everything. */
  finish(): Promise<void>
  /** The disk is well again: a file that could not be read is tried at once. */
  forgive(): void
}

/** @throws CorruptFile */
function unpacked(unpack: (file: LoadedFile) => () => void, file: LoadedFile): () => void {
  try {
    return unpack(file)
  } catch (error) {
    throw new CorruptFile(messageOf(error))
  }
}

export function createReading({
  files,
  wait,
  type,
  isOpen,
  isSynced,
  clock,
  watch,
  fail,
  onDropped,
  onError,
  onReadable,
  onRoom,
}: {
  files: Files
  /** The file waits again. */
  wait: Files['wait']
  type: string
  isOpen: () => boolean
  isSynced: () => boolean
  clock: Clock
  watch: Watch
  fail: (error: unknown) => void
  onDropped: (reason: DropReason, weight: number, isAmbiguous: boolean) => void
  onError: (error: unknown) => void
  onReadable: () => void
  /** A file is gone from the directory. */
  onRoom: () => void
}): Reading {
  const { waiting, unsettled } = files
  let failures = 0
  /** Monotonic milliseconds. */
  let readAgainAt = 0
  const renaming = new Set<Promise<void>>()

  const read = async (file: StoredFile): Promise<LoadedFile> => {
    const { facts } = file
    const content = decodeContent(await file.folder.read(facts), facts)
    // What fails from here on is no fault of the file.
    file.readErrors = 0
    if (content.head.type !== type)
      throw new CorruptFile(`it was written by an exporter of the type ${content.head.type}`)
    // A reading that failed before may have given it its name.
    file.unread ??= facts
    const { attempts, lives } = file.unread
    // If this life ends before the attempt does, the next one knows.
    await renameFile(file, { ...facts, attempts: attempts + 1, lives: lives + 1 }, isSynced())
    if (!isSynced()) files.unsynced.add(file)
    return { ...content, file }
  }

  /** The name says too much until then: a loss of power may have it so. */
  const rename = (file: StoredFile, to: () => Partial<StoredFile['facts']>): void => {
    const renamed = inTurn(file, async () => {
      if (isOpen() && unsettled.has(file)) await renameFile(file, { ...file.facts, ...to() }, false)
    }).catch(onError)
    renaming.add(renamed)
    void renamed.then(() => renaming.delete(renamed))
  }

  /** False: the disk fails at that, too. */
  const setAside = async (file: StoredFile): Promise<boolean> => {
    try {
      await inTurn(file, () => file.folder.quarantine(file.facts))
    } catch (error) {
      fail(error)
      return false
    }
    files.forget(file)
    onRoom()
    return true
  }

  const spoil = async (file: StoredFile, error: CorruptFile): Promise<void> => {
    onError(
      new TelemetryError('SPOOL_CORRUPT', `a file of the spool was moved to quarantine: ${error.message}`),
    )
    files.release(file)
    onDropped('spool_corrupt', file.facts.weight, mayHaveArrived(file))
    // It may as well be removed later.
    if (!(await setAside(file))) files.doom(file)
  }

  const noteReadError = async (file: StoredFile, error: unknown): Promise<void> => {
    file.readErrors += 1
    failures += 1
    const delayMs = Math.min(1_000 * 2 ** (failures - 1), 30_000)
    readAgainAt = elapsed(clock) + delayMs
    clock.setTimeout(onReadable, delayMs)
    fail(error)
    // Where the disk cannot set it aside either, the trouble is the disk's: the file may be whole.
    const isAside = file.readErrors >= maxReadErrors && (await setAside(file))
    files.release(file)
    if (isAside) onDropped('spool_corrupt', file.facts.weight, mayHaveArrived(file))
    else wait(file)
  }

  return {
    get mayRead() {
      return waiting.size > 0 && isOpen() && elapsed(clock) >= readAgainAt
    },
    async load(unpack, onSlow) {
      const [file] = waiting
      if (file === undefined || !isOpen()) return false
      // Its weight still counts as waiting on disk while it is read.
      files.beginReading(file)
      let add: () => void
      try {
        const reading = inTurn(file, () => read(file))
        const loaded = await watch(reading, onSlow)
        failures = 0
        add = unpacked(unpack, loaded)
      } catch (error) {
        if (error instanceof CorruptFile) await spoil(file, error)
        else await noteReadError(file, error)
        return false
      }
      // From here on it counts in the queue.
      files.release(file)
      add()
      return true
    },
    survived(file) {
      file.unread = undefined
      if (file.facts.lives > 0) rename(file, () => ({ lives: 0 }))
    },
    putBack(file) {
      const { unread } = file
      file.unread = undefined
      // It was not sent, so it goes where it was.
      if (unread) rename(file, () => ({ attempts: unread.attempts, lives: unread.lives }))
      wait(file, unread !== undefined)
      onReadable()
    },
    finish: async () => void (await Promise.all(renaming)),
    forgive() {
      readAgainAt = 0
    },
  }
}
