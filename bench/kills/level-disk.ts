import { basename, dirname } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { type Disk, systemDisk } from '../../src/delivery/spool/disk.ts'
import { factsOf } from '../../src/delivery/spool/file-name.ts'

type Level = ClassicLevel<string, Buffer>

/**
 * The files of a spool as entries of LevelDB, beside the directory: the content of a file under its number, which never
 * changes, and its name under `n`. A file that is being written is in memory alone, so that its content is written once.
 * The lock and the directories are real.
 */
export function createLevelDisk(directory: string): Disk & { end(): Promise<void> } {
  const parts = new Map<string, Uint8Array>()
  let opening: Promise<Level> | undefined
  const level = (): Promise<Level> => {
    opening ??= (async () => {
      const opened: Level = new ClassicLevel(`${directory}-level`, { valueEncoding: 'buffer' })
      await opened.open()
      return opened
    })()
    return opening
  }
  const isOurs = (path: string): boolean => factsOf(basename(path).replace('.part', '')) !== undefined
  const nameKey = (path: string): string => `n${path}`
  const contentKey = (path: string): string => `c${basename(path).slice(0, 17)}`

  return {
    ...systemDisk,
    async list(path) {
      const prefix = nameKey(`${path}/`)
      const keys = await (await level()).keys({ gte: prefix, lt: `${prefix}\uffff` }).all()
      const names = keys.map((key) => key.slice(prefix.length)).filter((name) => !name.includes('/'))
      return [...(await systemDisk.list(path)), ...names]
    },
    async read(path) {
      const content = await (await level()).get(contentKey(path))
      if (content === undefined) throw Object.assign(new Error(`no ${path}`), { code: 'ENOENT' })
      return content
    },
    async write(path, content) {
      parts.set(path, content)
    },
    async rename(from, to) {
      const part = parts.get(from)
      parts.delete(from)
      await (await level()).batch([
        { type: 'put', key: nameKey(to), value: Buffer.alloc(0) },
        part === undefined
          ? { type: 'del', key: nameKey(from) }
          : { type: 'put', key: contentKey(to), value: Buffer.from(part) },
      ])
    },
    async remove(path) {
      if (!isOurs(path)) return systemDisk.remove(path)
      if (parts.delete(path)) return
      await (await level()).batch([
        { type: 'del', key: nameKey(path) },
        { type: 'del', key: contentKey(path) },
      ])
    },
    // The log of LevelDB is one file: what is synced in it has everything before it on the disk.
    sync: async () => (await level()).put('synced', Buffer.alloc(0), { sync: true }),
    async end() {
      await (await opening)?.close()
    },
  }
}

/** The names that such a disk has, while no process uses it. */
export async function levelNames(directory: string): Promise<readonly string[]> {
  const disk = createLevelDisk(directory)
  try {
    return await disk.list(directory)
  } catch {
    return []
  } finally {
    await disk.end()
  }
}

export const levelDirectory = (directory: string): string =>
  `${dirname(directory)}/${basename(directory)}-level`
