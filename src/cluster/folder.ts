import { lstat, mkdir, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isAlive, namespace } from './kin.ts'

/** Folders of groups below the system's folder for temporary files, which only their user may enter. */

const maxIdleMs = 24 * 60 * 60 * 1000

const baseFolder = (): string => join(tmpdir(), `telemachine-${process.getuid?.() ?? 'user'}`)

/** The folder of a group, whether there is one or not. */
export const folderOf = (group: string): string => join(baseFolder(), group)

/**
 * Makes the folder of a group. Rejects with an Error if it cannot be made, or if others could enter it: who can write to
 * it can change the page.
 */
export async function openFolder(group: string): Promise<string> {
  const base = baseFolder()
  await makePrivate(base)
  const folder = join(base, group)
  await makePrivate(folder)
  await removeStale(base, group).catch(() => {})
  return folder
}

async function makePrivate(folder: string): Promise<void> {
  await mkdir(folder, { mode: 0o700, recursive: false }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error
  })
  const found = await lstat(folder)
  if (!found.isDirectory()) throw new Error(`${folder} is not a folder`)
  if (process.getuid === undefined) return
  if (found.uid !== process.getuid()) throw new Error(`${folder} belongs to another user`)
  if ((found.mode & 0o077) !== 0) throw new Error(`${folder} is open to other users (its mode must be 0700)`)
}

/** Removes the groups whose owner has died. Those of other containers are told by their age: a hub touches its folder. */
async function removeStale(base: string, own: string): Promise<void> {
  const here = await namespace()
  for (const name of await readdir(base)) {
    const [space, owner] = name.split('-')
    if (name === own || owner === undefined) continue
    const folder = join(base, name)
    const isStale =
      space === here
        ? !isAlive(Number(owner))
        : Date.now() - (await stat(folder).catch(() => ({ mtimeMs: Date.now() }))).mtimeMs > maxIdleMs
    if (isStale) await rm(folder, { recursive: true, force: true }).catch(() => {})
  }
}
