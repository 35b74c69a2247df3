import type { Clock } from '../../clock.ts'
import { type ContentHead, checksumOf, encodeContent } from './content.ts'
import { type Files, type StoredFile, storedFile } from './files.ts'
import type { Folder } from './folder.ts'
import type { Watch } from './patience.ts'
import type { SpoolSettings } from './settings.ts'

/** Of `max_bytes`: a spool that was full is open again at this. */
const freedAt = 0.9

/** Writes files, as far as there is room. */
export interface Writing {
  /** One that was full has room again. */
  readonly hasRoom: boolean
  /**
   * Writes a file. Undefined: it could not be written, or not in time. What is `sending` is being sent at this moment.
   */
  save(
    head: Omit<ContentHead, 'type' | 'version'>,
    packed: Uint8Array,
    weight: number,
    attempts: number,
    sending: boolean,
  ): Promise<StoredFile | undefined>
}

export function createWriting({
  files,
  type,
  version,
  settings,
  folder,
  clock,
  watch,
  fail,
  settle,
  onFull,
  onWritten,
}: {
  files: Files
  type: string
  version: number
  settings: () => SpoolSettings
  /** Undefined: it is closed. */
  folder: () => Folder | undefined
  clock: Clock
  watch: Watch
  fail: (error: unknown) => void
  /** A file is to be removed. */
  settle: (file: StoredFile) => void
  onFull: () => void
  onWritten: () => void
}): Writing {
  const hasRoom = (): boolean => files.bytes <= settings().maxBytes * freedAt

  return {
    get hasRoom() {
      return hasRoom()
    },
    async save(head, packed, weight, attempts, sending) {
      const content = encodeContent({ type, version, ...head }, packed)
      const { maxBytes, fsync } = settings()
      if (files.bytes + content.length > maxBytes) {
        // One that is large itself does not make a spool full that has room for others.
        if (!hasRoom()) onFull()
        return undefined
      }
      const into = folder()
      if (into === undefined) return undefined
      const sequence = Math.max(Math.floor(clock.now() * 1000), files.newest + 1)
      const checksum = checksumOf(content)
      const lives = sending ? 1 : 0
      const facts = { sequence, weight, bytes: content.length, attempts, lives, checksum }
      const file = storedFile(into, facts)
      files.add(file)
      const isSynced = fsync === 'batch'
      let isLate = false
      let giveUp: () => void = () => {}
      const late = new Promise<false>((resolve) => {
        giveUp = () => resolve(false)
      })
      const writing = watch(into.write(facts, content, isSynced), () => {
        isLate = true
        giveUp()
      }).then(
        () => true,
        (error) => {
          if (!isLate) fail(error)
          return false
        },
      )
      if (await Promise.race([writing, late])) {
        if (!isSynced) files.unsynced.add(file)
        onWritten()
        return file
      }
      // Removes the file, which may exist by now or appear later.
      void writing.then(() => settle(file))
      return undefined
    },
  }
}
