import { randomBytes } from 'node:crypto'
import { link, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * Who is the hub of a group: claims are files with rising numbers, the highest holds. A claim is made after its hub
 * listens, so that a claim whose address does not answer is that of a dead hub. No two processes can make the same
 * claim.
 */
export interface Claim {
  readonly epoch: number
  /** The path of the hub's socket, or the name of its pipe. */
  readonly address: string
  /** Shown by members to the hub: on Windows others may open a pipe, but not read this file. */
  readonly token: string
}

const prefix = 'claim-'

const fileOf = (folder: string, epoch: number): string => join(folder, prefix + epoch)

async function epochs(folder: string): Promise<number[]> {
  const names = await readdir(folder).catch(() => [])
  return names
    .filter((name) => /^claim-\d+$/.test(name))
    .map((name) => Number(name.slice(prefix.length)))
    .sort((a, b) => b - a)
}

/** Returns the claim in force, whether its hub is alive or not; undefined without a claim. */
export async function readClaim(folder: string): Promise<Claim | undefined> {
  for (const epoch of await epochs(folder)) {
    const text = await readFile(fileOf(folder, epoch), 'utf8').catch(() => undefined)
    if (text === undefined) continue
    return { ...(JSON.parse(text) as Claim), epoch }
  }
  return undefined
}

/** Makes a claim. False if another one has been made meanwhile. */
export async function makeClaim(folder: string, claim: Claim): Promise<boolean> {
  const { epoch } = claim
  const draft = join(folder, `draft-${randomBytes(6).toString('hex')}`)
  await writeFile(draft, JSON.stringify(claim), { mode: 0o600 })
  try {
    await link(draft, fileOf(folder, epoch))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    await rm(draft, { force: true })
  }
  // A claim of this number may have been there before, been followed by another one, and been removed.
  const [highest] = await epochs(folder)
  if (highest === epoch) return true
  await rm(fileOf(folder, epoch), { force: true })
  return false
}

/** Removes the claims before this one. */
export async function removeEarlier(folder: string, epoch: number): Promise<void> {
  for (const one of await epochs(folder)) if (one < epoch) await rm(fileOf(folder, one), { force: true })
}

/** Keeps the claim from being removed as an old file; makes it again if it was. */
export async function renewClaim(folder: string, claim: Claim): Promise<void> {
  const now = new Date()
  await utimes(folder, now, now)
  await utimes(fileOf(folder, claim.epoch), now, now).catch(() => makeClaim(folder, claim))
}
