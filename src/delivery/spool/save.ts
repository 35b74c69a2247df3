import type { AnyExporterDefinition } from '../../exporters/exporter.ts'
import type { Backing, Batch } from '../batch.ts'
import type { RequestRoom } from '../ring.ts'
import type { Store } from './contract.ts'
import type { StoredFile } from './files.ts'
import type { SpoolSettings } from './settings.ts'

const largestFile = 1024 * 1024

/** Returns the room in one file: smaller for a small spool, so that the first file does not fill it. */
export function roomOfFile({ maxBytes }: SpoolSettings): RequestRoom {
  const wire = Math.min(largestFile, maxBytes / 16)
  // The memory of an item beside its bytes is not written.
  return { items: Number.POSITIVE_INFINITY, wire, memory: wire * 2 }
}

/** The file that has a batch as well, or will have. */
export interface FileBacking extends Backing {
  readonly file: StoredFile | undefined
  readonly left: number
  attach(file: StoredFile | undefined): void
  /** The batch is forgotten, and the file waits again. */
  putBack(): void
}

/**
 * @param events `onEmpty`: the last item is settled, and the file is known. `onSurvived`: an attempt to send some of it
 * has ended without that. `onPutBack`: the batch is gone from memory, and the file is not.
 */
export function createBacking(
  items: number,
  events: {
    onEmpty: (file: StoredFile) => void
    onSurvived: (file: StoredFile) => void
    onPutBack?: () => void
  },
): FileBacking {
  const { onEmpty, onSurvived, onPutBack = () => {} } = events
  let left = items
  let file: StoredFile | undefined
  let isLost = false
  let hasSurvived = false
  return {
    get file() {
      return file
    },
    get left() {
      return left
    },
    get isLost() {
      return isLost
    },
    attach(written) {
      file = written
      isLost = written === undefined
      if (file && left <= 0) onEmpty(file)
      else if (file && hasSurvived) onSurvived(file)
    },
    survived() {
      hasSurvived = true
      if (file && left > 0) onSurvived(file)
    },
    leave(count) {
      left -= count
      if (file && left <= 0) onEmpty(file)
    },
    putBack: onPutBack,
  }
}

/** Makes files of batches. */
export interface Writer {
  /** Undefined: it could not be written. */
  save(batch: Batch, sending: boolean): Promise<StoredFile | undefined>
  /** Writes a batch that is in flight: the file goes when the batch is settled. */
  copy(batch: Batch): Promise<boolean>
  /** The batch is all of a file. */
  isWhole(batch: Batch): boolean
  /** The batch is all of a file: it need not be written again. */
  putBack(batch: Batch): boolean
}

export function createWriter(definition: AnyExporterDefinition, state: unknown, store: Store): Writer {
  const save: Writer['save'] = async (batch, sending) => {
    let packed: Uint8Array
    try {
      packed = definition.pack?.(batch.items, state) ?? new Uint8Array()
    } catch (error) {
      store.fail(error)
      return undefined
    }
    const { weights, wires = null, onlySelf: self, weight, attempts } = batch
    const file = await store.writing.save({ weights, wires, self }, packed, weight, attempts, sending)
    if (file) {
      file.doubtful = batch.doubtful
      file.isPartlyTaken = batch.isPartlyTaken
    }
    return file
  }

  const isWhole: Writer['isWhole'] = ({ backing, items, weight }) => {
    const { file, left } = (backing ?? {}) as Partial<FileBacking>
    return file?.facts.weight === weight && left === items.length
  }

  return {
    save,
    async copy(batch) {
      const backing = createBacking(batch.items.length, {
        onEmpty: store.remove,
        onSurvived: store.reading.survived,
      })
      batch.backing = backing
      const file = await save(batch, true)
      backing.attach(file)
      return file !== undefined
    },
    isWhole,
    putBack(batch) {
      if (!isWhole(batch)) return false
      const { doubtful, isPartlyTaken } = batch
      const backing = batch.backing as FileBacking
      const file = backing.file as StoredFile
      backing.putBack()
      file.doubtful = doubtful
      file.isPartlyTaken = isPartlyTaken
      store.reading.putBack(file)
      return true
    },
  }
}
