import { type Files, inTurn, type StoredFile } from './files.ts'

/** Removes the files that are settled. */
export interface Removal {
  /** It is settled: it is removed soon. */
  settle(file: StoredFile): void
  /** Tries again to remove files that could not be removed. */
  sweep(): void
  /** Removes all that is settled. Rejects when that fails. */
  finish(): Promise<void>
}

/** @param onRemoved is called when nothing that is settled is left. */
export function createRemoval(
  files: Files,
  onRemoved: () => void,
  onFailed: (error: unknown) => void,
): Removal {
  let sweeping = false

  const finish = async (): Promise<void> => {
    // The loop also sees files that are settled meanwhile.
    for (const file of files.doomed) {
      await inTurn(file, () => file.folder.remove(file.facts))
      files.forget(file)
    }
    onRemoved()
  }

  const sweep = (): void => {
    if (sweeping || files.doomed.size === 0) return
    sweeping = true
    void finish()
      .catch(onFailed)
      .finally(() => {
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
