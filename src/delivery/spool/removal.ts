import { type Files, inTurn, type StoredFile } from './files.ts'

/** Removes the files that are settled. */
export interface Removal {
  /** It is settled: it is removed soon. */
  settle(file: StoredFile): void
  /** What could not be removed is tried again. */
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
    // What is settled meanwhile is seen by the loop.
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
