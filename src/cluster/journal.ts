import { randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, open, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf } from '../errors.ts'

/**
 * A file of the reports that a hub has taken. The next hub reads it, whichever processes were killed. It is written to
 * the system, not synced to the disk: it need not outlive the machine. After a failure the journal stops, and the file
 * is removed, so that no later hub takes a part of it for the whole.
 */
export interface Journal {
  /** The same for all hubs that continue one journal. Sums of another journal contain nothing of this one. */
  readonly lineage: string
  /**
   * Calls `written` when the entry is written, or cannot be: what it says may then be shown. Ignores an entry that comes
   * after `close` was called, and never calls `written` for it.
   */
  append(entry: object, written: () => void): void
  /** The error that ended the journal. */
  readonly failure: string | undefined
  /** Resolves when all entries are written. */
  close(): Promise<void>
}

export interface JournalOptions {
  readonly folder: string
  /** The number of the hub's claim: a hub never writes into the file of another one. */
  readonly epoch: number
  /** Takes an entry of the previous hub. */
  readonly replay: (entry: Readonly<Record<string, unknown>>) => void
  /** Entries that replace all of those before. */
  readonly snapshot: () => Iterable<object>
  /** The file is compacted beyond this size, unless its contents need the space. Default 4 MiB. */
  readonly minBytes?: number
}

const prefix = 'journal-'

export async function openJournal(options: JournalOptions): Promise<Journal> {
  const { folder, epoch, replay, snapshot, minBytes = 4 * 1024 * 1024 } = options
  const path = join(folder, prefix + epoch)
  let file: FileHandle | undefined
  let failure: string | undefined
  let bytes = 0
  let maxBytes = minBytes
  let waiting: { readonly line: string; readonly written: () => void }[] = []
  let writing: Promise<void> | undefined
  let isClosed = false

  const fail = async (thrown: unknown): Promise<void> => {
    failure = messageOf(thrown)
    const broken = file
    file = undefined
    await broken?.close().catch(() => {})
    await rm(path, { force: true }).catch(() => {})
  }

  const rewrite = async (): Promise<void> => {
    const draft = await open(`${path}.new`, 'w', 0o600)
    bytes = 0
    try {
      const write = async (entry: object): Promise<void> => {
        const line = `${JSON.stringify(entry)}\n`
        await draft.appendFile(line)
        bytes += line.length
      }
      await write({ lineage })
      for (const entry of snapshot()) await write(entry)
      await rename(`${path}.new`, path)
    } catch (error) {
      await draft.close().catch(() => {})
      throw error
    }
    await file?.close()
    file = draft
    maxBytes = Math.max(minBytes, 4 * bytes)
  }

  const writeAll = async (): Promise<void> => {
    while (waiting.length > 0) {
      const batch = waiting
      waiting = []
      try {
        const text = batch.map(({ line }) => line).join('')
        await file?.appendFile(text)
        bytes += text.length
      } catch (error) {
        await fail(error)
      }
      for (const { written } of batch) written()
      if (file && bytes > maxBytes) await rewrite().catch(fail)
    }
    writing = undefined
  }

  const names = await readdir(folder).catch(() => [])
  const earlier = names
    .filter((name) => /^journal-\d+$/.test(name))
    .map((name) => Number(name.slice(prefix.length)))
    .sort((a, b) => b - a)
  let lineage: string = randomUUID()
  for (const one of earlier.slice(0, 1)) lineage = (await read(join(folder, prefix + one), replay)) ?? lineage
  await rewrite().catch(fail)
  for (const name of names)
    if (name.startsWith(prefix)) await rm(join(folder, name), { force: true }).catch(() => {})

  return {
    lineage,
    append(entry, written) {
      if (isClosed) return
      waiting.push({ line: `${JSON.stringify(entry)}\n`, written })
      writing ??= writeAll()
    },
    get failure() {
      return failure
    },
    async close() {
      isClosed = true
      await writing
      await file?.close().catch(() => {})
      file = undefined
    },
  }
}

/** Replays a file and returns its lineage. A last line that was cut short has not been acknowledged to anybody. */
async function read(path: string, replay: JournalOptions['replay']): Promise<string | undefined> {
  const { createInterface } = await import('node:readline')
  let lineage: string | undefined
  const lines = createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })
  for await (const line of lines) {
    let entry: Readonly<Record<string, unknown>>
    try {
      entry = JSON.parse(line)
    } catch {
      break
    }
    if (typeof entry.lineage === 'string') lineage = entry.lineage
    else replay(entry)
  }
  return lineage
}
