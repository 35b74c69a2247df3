import { readFile, rename, writeFile } from 'node:fs/promises'
import { isRecord } from '../config/formats/format.ts'

/** A document and the revision that it had. */
export interface Cached {
  readonly revision: number
  readonly document: Record<string, unknown>
}

/** The last good document, in a file that only its owner reads: it may have secrets. */
export interface Cache {
  /** Undefined without a cached document of this store and key. */
  read(): Promise<Cached | undefined>
  /** Replaces the file as a whole. Rejects if it cannot be written. */
  write(cached: Cached): Promise<void>
}

export function createCache(file: string, store: string): Cache {
  let writing: Promise<void> = Promise.resolve()
  return {
    read: async () => {
      try {
        const saved: unknown = JSON.parse(await readFile(file, 'utf8'))
        if (!isRecord(saved) || saved.store !== store) return undefined
        const { revision, document } = saved
        return typeof revision === 'number' && isRecord(document) ? { revision, document } : undefined
      } catch {
        return undefined
      }
    },
    write: (cached) => {
      const write = async (): Promise<void> => {
        const unfinished = `${file}.${process.pid}.tmp`
        await writeFile(unfinished, JSON.stringify({ store, ...cached }), { mode: 0o600 })
        await rename(unfinished, file)
      }
      writing = writing.then(write, write)
      return writing
    },
  }
}
