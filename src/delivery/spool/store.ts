import type { SpoolEvent } from '../../../machines/index.ts'
import { type Clock, elapsed } from '../../clock.ts'
import { TelemetryError } from '../../errors.ts'
import type { DropReason } from '../../exporters/drop-reasons.ts'
import { CorruptFile, checksumOf, decodeContent, encodeContent } from './content.ts'
import type { LoadedFile, Store } from './contract.ts'
import type { Disk } from './disk.ts'
import type { FileFacts } from './file-name.ts'
import { createFiles, type StoredFile } from './files.ts'
import { createFolder, type Folder } from './folder.ts'
import type { SpoolSettings } from './settings.ts'

/** An operation that takes longer is a failure of the disk. */
const slowMs = 5_000
/** A file that could not be read so often is set aside. */
const maxReadErrors = 3
/** Of `max_bytes`: a spool that was full is open again at this. */
const freedAt = 0.9

const leftBehind = (events: number, directory: string): TelemetryError =>
  new TelemetryError(
    'SPOOL_LEFT',
    `${events} events are left on disk by a change of the spool: they are delivered when ${directory} is in use again`,
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
  onDropped: (reason: DropReason, weight: number) => void
  onError: (error: unknown) => void
  /** A file waits that did not before, or may be read again. */
  onReadable: () => void
}): Store {
  const { id, type, version, settings, disk, clock, send, onRestored, onDropped, onError, onReadable } =
    options
  const files = createFiles()
  const { unsettled, waiting, doomed, unsynced } = files
  let folder: Folder | undefined
  let mayWrite = false
  let foreign = 0
  let loading = false
  let isSlow = false
  let sweeping = false
  let hasFailed = false
  let readFailures = 0
  /** Monotonic milliseconds. */
  let readAgainAt = 0

  const synced = (): boolean => settings().fsync === 'batch'

  const fail = (error: unknown): void => {
    hasFailed = true
    send({ type: 'spool.failed', error })
  }

  /** Tells of an operation that takes too long, which goes on. */
  const watched = async <Result>(operation: Promise<Result>, onSlow: () => void): Promise<Result> => {
    const timer = clock.setTimeout(() => {
      onSlow()
      fail(new TelemetryError('SPOOL_SLOW', `the disk takes longer than ${slowMs / 1000} s`))
    }, slowMs)
    try {
      return await operation
    } finally {
      clock.clearTimeout(timer)
    }
  }

  const hasRoom = (): boolean => files.bytes <= settings().maxBytes * freedAt

  const removeDoomed = async (): Promise<void> => {
    for (const file of doomed) {
      await file.folder.remove(file.facts)
      files.forget(file)
    }
    if (hasRoom()) send({ type: 'spool.freed' })
  }

  /** Removes what is settled; what cannot be removed now is tried again with the next tick. */
  const sweep = (): void => {
    if (sweeping || doomed.size === 0) return
    sweeping = true
    void removeDoomed()
      .catch(fail)
      .finally(() => {
        sweeping = false
      })
  }

  const settle = (file: StoredFile): void => {
    files.doom(file)
    sweep()
  }

  /** After a directory was there again: what it no longer has is lost, what it has besides is new. */
  const reconcile = (found: readonly FileFacts[]): readonly FileFacts[] => {
    const present = new Set(found.map(({ sequence }) => sequence))
    for (const file of waiting) {
      if (present.has(file.facts.sequence)) continue
      files.stopWaiting(file)
      onDropped('spool_corrupt', file.facts.weight)
      settle(file)
    }
    const known = new Set([...unsettled, ...doomed].map(({ facts }) => facts.sequence))
    return found.filter(({ sequence }) => !known.has(sequence))
  }

  const open: Store['open'] = async () => {
    folder ??= createFolder(settings().directory, disk)
    const found = await folder.open()
    if (found !== undefined) {
      foreign = found.foreign
      const from = folder
      const known = reconcile(found.files).map(
        (facts): StoredFile => ({
          ...{ folder: from, facts, tried: false, doubtful: facts.attempts > 0, readErrors: 0 },
        }),
      )
      const lost = found.spoilt.reduce((sum, { weight }) => sum + weight, 0)
      onRestored(known.reduce((sum, { facts }) => sum + facts.weight, 0) + lost)
      onDropped('spool_corrupt', lost)
      files.adopt(known)
    }
    readAgainAt = 0
    onReadable()
    return { isFull: files.bytes >= settings().maxBytes }
  }

  const close: Store['close'] = async (isLast) => {
    await removeDoomed().catch(onError)
    const closing = folder
    folder = undefined
    if (!isLast) {
      const left = files.weight
      files.leave()
      if (left > 0) onError(leftBehind(left, closing?.directory ?? 'its directory'))
      onDropped('disabled', left)
    }
    await closing?.close()
  }

  const read = async (from: Folder, file: StoredFile): Promise<LoadedFile> => {
    const { facts } = file
    const content = decodeContent(await from.read(facts), facts)
    if (content.head.type !== type)
      throw new CorruptFile(`it was written by an exporter of the type ${content.head.type}`)
    const lives = file.tried ? facts.lives : facts.lives + 1
    const next = { ...facts, attempts: facts.attempts + 1, lives }
    await from.rename(facts, next, synced())
    file.facts = next
    file.tried = true
    return { ...content, file }
  }

  const spoil: Store['spoil'] = async (file) => {
    onDropped('spool_corrupt', file.facts.weight)
    try {
      await file.folder.quarantine(file.facts)
      files.forget(file)
    } catch (error) {
      // It may as well be removed later.
      files.doom(file)
      fail(error)
    }
  }

  const noteReadError = async (file: StoredFile, error: unknown): Promise<void> => {
    file.readErrors += 1
    readFailures += 1
    const delayMs = Math.min(1_000 * 2 ** (readFailures - 1), 30_000)
    readAgainAt = elapsed(clock) + delayMs
    clock.setTimeout(onReadable, delayMs)
    fail(error)
    if (file.readErrors >= maxReadErrors) await spoil(file)
    else files.wait(file)
  }

  return {
    id,
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
    get mayRead() {
      return waiting.size > 0 && !loading && folder !== undefined && elapsed(clock) >= readAgainAt
    },
    get hasRoom() {
      return hasRoom()
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
    async save(head, packed, events, attempts, sending) {
      const content = encodeContent({ type, version, ...head }, packed)
      const { maxBytes } = settings()
      if (files.bytes + content.length > maxBytes) {
        // One that is large itself does not make a spool full that has room for others.
        if (files.bytes > maxBytes * freedAt) send({ type: 'spool.filled' })
        return undefined
      }
      const into = folder
      if (into === undefined) return undefined
      const sequence = Math.max(Math.floor(clock.now() * 1000), files.newest + 1)
      const lives = sending ? 1 : 0
      const checksum = checksumOf(content)
      const facts = { sequence, weight: events, bytes: content.length, attempts, lives, checksum }
      const file: StoredFile = { folder: into, facts, tried: sending, doubtful: false, readErrors: 0 }
      files.add(file)
      if (!synced()) unsynced.add(file)
      let isLate = false
      let giveUp: () => void = () => {}
      const late = new Promise<false>((resolve) => {
        giveUp = () => resolve(false)
      })
      const writing = watched(into.write(facts, content, synced()), () => {
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
        if (hasFailed) send({ type: 'spool.wrote' })
        hasFailed = false
        return file
      }
      // Whatever of it has come to exist, or will, is removed.
      void writing.then(() => settle(file))
      return undefined
    },
    wait(file) {
      files.wait(file)
      onReadable()
    },
    async load(onSlow) {
      const [file] = waiting
      const from = folder
      if (file === undefined || from === undefined || loading) return undefined
      loading = true
      // Its weight still counts as waiting on disk while it is read.
      files.beginReading(file)
      try {
        const loaded = await watched(read(from, file), () => {
          isSlow = true
          onSlow()
        })
        readFailures = 0
        return loaded
      } catch (error) {
        files.release(file)
        if (error instanceof CorruptFile) {
          onError(new TelemetryError('SPOOL_CORRUPT', `a spool file is set aside: ${error.message}`))
          await spoil(file)
        } else await noteReadError(file, error)
        return undefined
      } finally {
        loading = false
        isSlow = false
      }
    },
    release: files.release,
    get isSlow() {
      return isSlow
    },
    fail,
    spoil,
    remove(file) {
      files.stopWaiting(file)
      settle(file)
    },
    tick(maxAgeMs) {
      sweep()
      const now = clock.now()
      if (maxAgeMs !== undefined)
        for (const file of unsettled) {
          if (now - file.facts.sequence / 1000 <= maxAgeMs) break
          if (!waiting.has(file)) continue
          files.stopWaiting(file)
          onDropped('max_age', file.facts.weight)
          settle(file)
        }
      if (folder === undefined || (unsynced.size === 0 && !folder.hasUnsyncedNames)) return
      const written = [...unsynced]
      unsynced.clear()
      folder.sync(written).catch((error) => {
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
