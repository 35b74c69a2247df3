import type { SpoolEvent, SpoolPort } from '../../machines/index.ts'
import { type Clock, elapsed } from '../clock.ts'
import type { DropReason } from '../delivery/ledger.ts'
import { TelemetryError } from '../errors.ts'
import {
  type Content,
  type ContentHead,
  CorruptFile,
  checksumOf,
  decodeContent,
  encodeContent,
} from './content.ts'
import type { Disk } from './disk.ts'
import type { FileFacts } from './file-name.ts'
import { createFolder, type Folder } from './folder.ts'
import type { SpoolSettings } from './settings.ts'

/** A file of the spool. */
export interface StoredFile {
  readonly folder: Folder
  facts: FileFacts
  /** An attempt to send it has begun in this life of the process. */
  tried: boolean
  /** An earlier life may have delivered it. */
  readonly doubtful: boolean
  readErrors: number
}

export interface LoadedFile extends Content {
  readonly file: StoredFile
}

/** The files of one exporter: which there are, which wait to be sent. Nothing in it throws or rejects. */
export interface Store extends SpoolPort {
  open(): Promise<{ readonly isFull: boolean }>
  /** Gives the directory back. `isLast`: the process ends, and what waits on disk still counts. */
  close(isLast: boolean): Promise<void>
  /** Files may be written. */
  readonly mayWrite: boolean
  /** A file waits, and may be read now. */
  readonly mayRead: boolean
  /** Events that wait on disk alone. */
  readonly weight: number
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
  /** The file is all there is of its events: they wait on disk from now on. */
  wait(file: StoredFile): void
  /**
   * Reads the next file, for an attempt to send it; it counts as waiting until it is released. Undefined: there is none,
   * or it cannot be read now.
   */
  load(): Promise<LoadedFile | undefined>
  /** Its events are in memory from now on, too. */
  release(file: StoredFile): void
  /** A file is being read, and it takes too long. */
  readonly isSlow: boolean
  /** Something that a write needs has failed. */
  fail(error: unknown): void
  /** What was read cannot be understood. */
  spoil(file: StoredFile): Promise<void>
  /** It is delivered, or dropped. */
  remove(file: StoredFile): void
  /** What was written has number of at most this. */
  readonly newest: number
  /** Every file of at most this number is settled. */
  settledTo(sequence: number): boolean
  /** Upkeep, about once a second. `maxAgeMs`: files that have waited longer are dropped. */
  tick(maxAgeMs: number | undefined): void
  status(): StoreStatus
}

export interface StoreStatus {
  readonly files: number
  readonly bytes: number
  /** When the oldest file was written, in epoch milliseconds; null without one. */
  readonly oldestAt: number | null
  /** Files that are set aside, because they are not what their names say. */
  readonly quarantined: number
  /** Files in the directory that are not ours, at the latest look. */
  readonly foreign: number
}

/** An operation that takes longer is a failure of the disk. */
const slowMs = 5_000
/** What a file takes at least. */
const blockBytes = 4_096
/** A file that could not be read so often is set aside. */
const maxReadErrors = 3
/** Of `max_bytes`: a spool that was full is open again at this. */
const freedAt = 0.9

const leftBehind = (events: number, directory: string): TelemetryError =>
  new TelemetryError(
    'SPOOL_LEFT',
    `${events} events are left on disk by a change of the spool: they are delivered when ${directory} is in use again`,
  )

const spaceOf = ({ facts }: StoredFile): number => Math.ceil(facts.bytes / blockBytes) * blockBytes

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
  /** In order of age. */
  const unsettled = new Set<StoredFile>()
  /** In the order in which they are sent. */
  const waiting = new Set<StoredFile>()
  /** Settled, but still there. */
  const doomed = new Set<StoredFile>()
  /** Written without being synced. */
  const unsynced = new Set<StoredFile>()
  let folder: Folder | undefined
  let mayWrite = false
  let weight = 0
  let bytes = 0
  let newest = 0
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

  const forget = (file: StoredFile): void => {
    unsynced.delete(file)
    // Another directory may be in use by now.
    if (file.folder === folder) bytes -= spaceOf(file)
  }

  const removeDoomed = async (): Promise<void> => {
    for (const file of doomed) {
      await file.folder.remove(file.facts)
      doomed.delete(file)
      forget(file)
    }
    if (bytes <= settings().maxBytes * freedAt) send({ type: 'spool.freed' })
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
    unsettled.delete(file)
    doomed.add(file)
    sweep()
  }

  const stopWaiting = (file: StoredFile): void => {
    if (waiting.delete(file)) weight -= file.facts.weight
  }

  const adopt = (from: Folder, files: readonly FileFacts[]): void => {
    const adopted = files.map((facts): StoredFile => {
      const file = { folder: from, facts, tried: false, doubtful: facts.attempts > 0, readErrors: 0 }
      newest = Math.max(newest, facts.sequence)
      bytes += spaceOf(file)
      unsettled.add(file)
      return file
    })
    // What an earlier life may have delivered goes last.
    for (const file of adopted) if (!file.doubtful) wait(file)
    for (const file of adopted) if (file.doubtful) wait(file)
  }

  const wait = (file: StoredFile): void => {
    waiting.add(file)
    weight += file.facts.weight
  }

  /** After a directory was there again: what it no longer has is lost, what it has besides is new. */
  const reconcile = (found: readonly FileFacts[]): readonly FileFacts[] => {
    const present = new Set(found.map(({ sequence }) => sequence))
    for (const file of waiting) {
      if (present.has(file.facts.sequence)) continue
      stopWaiting(file)
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
      const files = reconcile(found.files)
      const lost = found.spoilt.reduce((sum, file) => sum + file.weight, 0)
      onRestored(files.reduce((sum, file) => sum + file.weight, 0) + lost)
      onDropped('spool_corrupt', lost)
      adopt(folder, files)
    }
    readAgainAt = 0
    onReadable()
    return { isFull: bytes >= settings().maxBytes }
  }

  const close: Store['close'] = async (isLast) => {
    await removeDoomed().catch(onError)
    const closing = folder
    folder = undefined
    if (!isLast) {
      const left = weight
      waiting.clear()
      unsettled.clear()
      unsynced.clear()
      weight = 0
      bytes = 0
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
    unsettled.delete(file)
    try {
      await file.folder.quarantine(file.facts)
      forget(file)
    } catch (error) {
      // It may as well be removed later.
      doomed.add(file)
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
    else wait(file)
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
    get weight() {
      return weight
    },
    get newest() {
      return newest
    },
    settledTo(sequence) {
      for (const { facts } of unsettled) return facts.sequence > sequence
      return true
    },
    async save(head, packed, events, attempts, sending) {
      const content = encodeContent({ type, version, ...head }, packed)
      const { maxBytes } = settings()
      if (bytes + content.length > maxBytes) {
        // One that is large itself does not make a spool full that has room for others.
        if (bytes > maxBytes * freedAt) send({ type: 'spool.filled' })
        return undefined
      }
      const into = folder
      if (into === undefined) return undefined
      const sequence = Math.max(Math.floor(clock.now() * 1000), newest + 1)
      const lives = sending ? 1 : 0
      const checksum = checksumOf(content)
      const facts = { sequence, weight: events, bytes: content.length, attempts, lives, checksum }
      const file: StoredFile = { folder: into, facts, tried: sending, doubtful: false, readErrors: 0 }
      newest = sequence
      bytes += spaceOf(file)
      unsettled.add(file)
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
      unsettled.delete(file)
      void writing.then(() => settle(file))
      return undefined
    },
    wait(file) {
      wait(file)
      onReadable()
    },
    async load() {
      const [file] = waiting
      const from = folder
      if (file === undefined || from === undefined || loading) return undefined
      loading = true
      // Its weight still counts as waiting on disk while it is read.
      waiting.delete(file)
      try {
        const loaded = await watched(read(from, file), () => {
          isSlow = true
        })
        readFailures = 0
        return loaded
      } catch (error) {
        weight -= file.facts.weight
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
    release(file) {
      weight -= file.facts.weight
    },
    get isSlow() {
      return isSlow
    },
    fail,
    spoil,
    remove(file) {
      stopWaiting(file)
      settle(file)
    },
    tick(maxAgeMs) {
      sweep()
      const now = clock.now()
      if (maxAgeMs !== undefined)
        for (const file of unsettled) {
          if (now - file.facts.sequence / 1000 <= maxAgeMs) break
          if (!waiting.has(file)) continue
          stopWaiting(file)
          onDropped('max_age', file.facts.weight)
          settle(file)
        }
      if (unsynced.size === 0 || folder === undefined) return
      const files = [...unsynced]
      unsynced.clear()
      folder.sync(files.map(({ facts }) => facts)).catch((error) => {
        for (const file of files) if (unsettled.has(file)) unsynced.add(file)
        fail(error)
      })
    },
    status() {
      const [oldest] = unsettled
      return {
        files: unsettled.size,
        bytes,
        oldestAt: oldest ? oldest.facts.sequence / 1000 : null,
        quarantined: folder?.quarantined ?? 0,
        foreign,
      }
    },
  }
}
