import { type Clock, elapsed } from '../../clock.ts'
import { TelemetryError } from '../../errors.ts'
import type { DropReason } from '../../exporters/drop-reasons.ts'
import { CorruptFile, decodeContent } from './content.ts'
import type { LoadedFile } from './contract.ts'
import { type Files, inTurn, mayHaveArrived, renameFile, type StoredFile } from './files.ts'
import type { Watch } from './patience.ts'

/** A file that could not be read so often is set aside. */
const maxReadErrors = 3

/** Reads files to be sent, and says in their names what becomes of that. */
export interface Reading {
  readonly mayRead: boolean
  /** A file is being read, and it takes too long. */
  readonly isSlow: boolean
  load(onSlow: () => void): Promise<LoadedFile | undefined>
  /** Sets a file aside that cannot be unpacked. */
  spoil(file: StoredFile): Promise<void>
  /** An attempt to send the file failed. */
  survived(file: StoredFile): void
  /** Puts a file back that was read. */
  putBack(file: StoredFile): void
  /** Resolves when the names say everything. */
  finish(): Promise<void>
  /** The disk is well again: a file that could not be read is tried at once. */
  forgive(): void
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
  let loading = false
  let isSlow = false
  let failures = 0
  /** Monotonic milliseconds. */
  let readAgainAt = 0
  const renaming = new Set<Promise<void>>()

  const read = async (file: StoredFile): Promise<LoadedFile> => {
    const { facts } = file
    const content = decodeContent(await file.folder.read(facts), facts)
    if (content.head.type !== type)
      throw new CorruptFile(`it was written by an exporter of the type ${content.head.type}`)
    // If this life ends before the attempt does, the next one knows.
    await renameFile(file, { ...facts, attempts: facts.attempts + 1, lives: facts.lives + 1 }, isSynced())
    if (!isSynced()) files.unsynced.add(file)
    file.unread = facts
    return { ...content, file }
  }

  /** The name says too much until then: a loss of power may have it so. */
  const rename = (file: StoredFile, to: () => Partial<StoredFile['facts']>): void => {
    const renamed = inTurn(file, async () => {
      const facts = { ...file.facts, ...to() }
      const isSame = facts.lives === file.facts.lives && facts.attempts === file.facts.attempts
      if (isOpen() && unsettled.has(file) && !isSame) await renameFile(file, facts, false)
    }).catch(onError)
    renaming.add(renamed)
    void renamed.then(() => renaming.delete(renamed))
  }

  const spoil: Reading['spoil'] = async (file) => {
    onDropped('spool_corrupt', file.facts.weight, mayHaveArrived(file))
    try {
      await inTurn(file, () => file.folder.quarantine(file.facts))
      files.forget(file)
      onRoom()
    } catch (error) {
      // It may as well be removed later.
      files.doom(file)
      fail(error)
    }
  }

  const noteReadError = async (file: StoredFile, error: unknown): Promise<void> => {
    file.readErrors += 1
    failures += 1
    const delayMs = Math.min(1_000 * 2 ** (failures - 1), 30_000)
    readAgainAt = elapsed(clock) + delayMs
    clock.setTimeout(onReadable, delayMs)
    fail(error)
    if (file.readErrors >= maxReadErrors) await spoil(file)
    else wait(file)
  }

  return {
    get mayRead() {
      return waiting.size > 0 && !loading && isOpen() && elapsed(clock) >= readAgainAt
    },
    get isSlow() {
      return isSlow
    },
    async load(onSlow) {
      const [file] = waiting
      if (file === undefined || !isOpen() || loading) return undefined
      loading = true
      // Its weight still counts as waiting on disk while it is read.
      files.beginReading(file)
      try {
        const reading = inTurn(file, () => read(file))
        const loaded = await watch(reading, () => {
          isSlow = true
          onSlow()
        })
        failures = 0
        return loaded
      } catch (error) {
        files.release(file)
        if (error instanceof CorruptFile) {
          onError(
            new TelemetryError(
              'SPOOL_CORRUPT',
              `a file of the spool was moved to quarantine: ${error.message}`,
            ),
          )
          await spoil(file)
        } else await noteReadError(file, error)
        return undefined
      } finally {
        loading = false
        isSlow = false
      }
    },
    spoil,
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
