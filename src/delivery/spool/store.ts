import type { SpoolEvent } from '../../../machines/index.ts'
import type { Clock } from '../../clock.ts'
import { TelemetryError } from '../../errors.ts'
import type { DropReason } from '../../exporters/drop-reasons.ts'
import type { Store } from './contract.ts'
import type { Disk } from './disk.ts'
import type { FileFacts } from './file-name.ts'
import { createFiles, inTurn, mayHaveArrived, type StoredFile, storedFile } from './files.ts'
import { createFolder, type Folder } from './folder.ts'
import { createWatch } from './patience.ts'
import { createReading } from './reading.ts'
import { createRemoval } from './removal.ts'
import type { SpoolSettings } from './settings.ts'
import { createWriting } from './writing.ts'

const leftBehind = (events: number, directory: string): TelemetryError =>
  new TelemetryError(
    'SPOOL_LEFT',
    `a change of the key spool has left ${events} events in ${directory}: they are delivered when an exporter uses that directory again`,
  )

export function createStore(options: {
  id: string
  type: string
  /** Version of the driver's packing. */
  version: number
  settings: () => SpoolSettings
  disk: Disk
  clock: Clock
  send: (event: SpoolEvent) => void
  /** Events that an earlier life left. */
  onRestored: (weight: number) => void
  onDropped: (reason: DropReason, weight: number, isAmbiguous: boolean) => void
  onError: (error: unknown) => void
  /** A file waits that did not before, or may be read again. */
  onReadable: () => void
}): Store {
  const { id, type, version, settings, disk, clock, send, onRestored, onDropped, onError, onReadable } =
    options
  const files = createFiles()
  const { unsettled, waiting, doomed, unsynced } = files
  let folder: Folder | undefined
  /** The directory whose files wait. */
  let inUse: string | undefined
  let mayWrite = false
  let foreign = 0
  let hasFailed = false

  const fail = (error: unknown): void => {
    hasFailed = true
    send({ type: 'spool.failed', error })
  }
  const watch = createWatch(clock, fail)
  /** It is not open yet, so it cannot fail: somebody is told. */
  const watchOpening = createWatch(clock, onError)
  const noteRoom = (): void => {
    if (writing.hasRoom) send({ type: 'spool.freed' })
  }
  const removal = createRemoval(files, noteRoom, (error) => {
    // While it is closed it cannot fail, and a file of a directory that it has left may be removed all the same.
    onError(error)
    fail(error)
  })
  const { settle } = removal
  const writing = createWriting({
    ...{ files, type, version, settings, clock, watch, fail, settle },
    folder: () => folder,
    onFull: () => send({ type: 'spool.filled' }),
    onWritten: () => {
      if (hasFailed) send({ type: 'spool.wrote' })
      hasFailed = false
    },
  })
  const leave = (weight: number, directory: string): void => {
    onDropped('disabled', weight, false)
    if (weight > 0) onError(leftBehind(weight, directory))
  }
  /** The directory may be another one by now than that in which the file is. */
  const wait = (file: StoredFile, isNext = false): void => {
    if (file.folder.directory === inUse) files.wait(file, isNext)
    else {
      files.forget(file)
      leave(file.facts.weight, file.folder.directory)
    }
  }
  const reading = createReading({
    ...{ files, wait, type, clock, watch, fail, onDropped, onError, onReadable },
    onRoom: noteRoom,
    isOpen: () => folder !== undefined,
    isSynced: () => settings().fsync === 'batch',
  })

  const lose = (reason: DropReason, file: StoredFile): void => {
    files.stopWaiting(file)
    onDropped(reason, file.facts.weight, mayHaveArrived(file))
    settle(file)
  }

  /** After a directory was there again: what it no longer has is lost, what it has besides is new. */
  const reconcile = (found: readonly FileFacts[]): readonly FileFacts[] => {
    const present = new Set(found.map(({ sequence }) => sequence))
    for (const file of waiting) if (!present.has(file.facts.sequence)) lose('spool_corrupt', file)
    const known = new Set([...unsettled, ...doomed].map(({ facts }) => facts.sequence))
    return found.filter(({ sequence }) => !known.has(sequence))
  }

  const open: Store['open'] = async () => {
    folder ??= createFolder(settings().directory, disk)
    const from = folder
    inUse = from.directory
    const found = await watchOpening(from.open(), () => {})
    if (folder !== from) {
      // It was closed meanwhile: the files are those of a directory that is not in use.
      await from.close()
      return { isFull: false }
    }
    if (found !== undefined) {
      foreign = found.foreign
      const known = reconcile(found.files).map((facts) => storedFile(from, facts, facts.attempts > 0))
      const restored = [...known.map(({ facts }) => facts), ...found.spoilt]
      onRestored(restored.reduce((sum, { weight }) => sum + weight, 0))
      for (const { weight, attempts } of found.spoilt) onDropped('spool_corrupt', weight, attempts > 0)
      files.adopt(known)
    }
    reading.forgive()
    onReadable()
    return { isFull: files.bytes >= settings().maxBytes }
  }

  const close: Store['close'] = async (isLast) => {
    await reading.finish()
    await removal.finish()
    const closing = folder
    folder = undefined
    if (!isLast) {
      inUse = undefined
      leave(files.leave(), closing?.directory ?? 'its directory')
    }
    await closing?.close()
  }

  /** Syncs files that were written without a sync. */
  const sync = async (from: Folder, written: readonly StoredFile[]): Promise<void> => {
    for (const file of written) {
      if (!unsettled.has(file)) continue
      await inTurn(file, () => from.sync(file.facts))
    }
    await from.syncNames()
  }

  return {
    id,
    reading,
    writing,
    allow: () => {
      mayWrite = true
      onReadable()
    },
    forbid: () => {
      mayWrite = false
    },
    noteError: onError,
    open,
    close,
    get mayWrite() {
      return mayWrite
    },
    get weight() {
      return files.weight
    },
    get newest() {
      return files.newest
    },
    settledTo(sequence) {
      for (const { facts } of unsettled) return facts.sequence > sequence
      return true
    },
    wait(file) {
      wait(file)
      onReadable()
    },
    fail,
    remove(file) {
      files.stopWaiting(file)
      settle(file)
    },
    tick(maxAgeMs) {
      removal.sweep()
      const now = clock.now()
      if (maxAgeMs !== undefined)
        for (const file of unsettled) {
          if (now - file.facts.sequence / 1000 <= maxAgeMs) break
          if (waiting.has(file)) lose('max_age', file)
        }
      if (folder === undefined || (unsynced.size === 0 && !folder.hasUnsyncedNames)) return
      const written = [...unsynced]
      unsynced.clear()
      sync(folder, written).catch((error) => {
        for (const file of written) if (unsettled.has(file)) unsynced.add(file)
        fail(error)
      })
    },
    status() {
      const [oldest] = unsettled
      return {
        files: unsettled.size,
        bytes: files.bytes,
        oldestAt: oldest ? oldest.facts.sequence / 1000 : null,
        quarantined: folder?.quarantined ?? 0,
        foreign,
      }
    },
  }
}
