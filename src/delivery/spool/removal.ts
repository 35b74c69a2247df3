import { type Files, inTurn, type StoredFile } from './files.ts'

/** Removes the files that are settled. */
export interface Removal {
  /** It is settled: it is removed soon. */
  settle(file: StoredFile): void
  /** Tries again to remove files that could not be removed. */
  sweep(): void
  /** Removes all that is settled, as far as the disk does. */
  finish(): Promise<void>
}

/**
 * @param onRemoved is called when files were removed.
 * @param onFailed is called once for each file that cannot be removed.
 */
export function createRemoval(
  files: Files,
  onRemoved: () => void,
  onFailed: (error: unknown) => void,
): Removal {
  let sweeping = false
  const stuck = new WeakSet<StoredFile>()

  const finish = async (): Promise<void> => {
    // The loop also sees files that are settled meanwhile.
    for (const file of files.doomed)
      try {
        await inTurn(file, () => file.folder.remove(file.facts))
        files.forget(file)
      } catch (error) {
        if (!stuck.has(file)) onFailed(error)
        stuck.add(file)
      }
    onRemoved()
  }

  const sweep = (): void => {
    if (sweeping || files.doomed.size === 0) return
    sweeping = true
    void finish().then(() => {
      sweeping = false
    })
  }

  return {
    settle(file) {
      files.doom(file)
      sweep()
    },
    sweep,
    finish,
  }
}
