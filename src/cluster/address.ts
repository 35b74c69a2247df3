import { randomBytes, timingSafeEqual } from 'node:crypto'
import { rm } from 'node:fs/promises'
import type { Server } from 'node:net'
import { join } from 'node:path'

/** Where a hub listens: at a socket in the group's folder, or at a named pipe. */

/** Longer than any path that the system takes for a socket. */
const maxPathBytes = 103

/** A new address in a folder. Throws an Error if its path would be too long. */
export function addressIn(folder: string): string {
  const name = `hub-${randomBytes(4).toString('hex')}`
  if (process.platform === 'win32') return `\\\\.\\pipe\\telemachine-${name}`
  const path = join(folder, name)
  if (Buffer.byteLength(path) > maxPathBytes)
    throw new Error(`the path of a socket would be too long: ${path}; set TMPDIR to a shorter folder`)
  return path
}

/** For this process only: a worker of a cluster would otherwise listen by its primary. */
export const listenAt = (server: Server, path: string): Promise<void> =>
  new Promise((resolve, reject) => {
    server.unref()
    server.once('error', reject)
    server.listen({ path, exclusive: true }, () => {
      server.off('error', reject)
      server.on('error', () => {})
      resolve()
    })
  })

/** Compares secrets in a time that says nothing of them. */
export const isEqual = (given: string, wanted: string): boolean =>
  given.length === wanted.length && timingSafeEqual(Buffer.from(given), Buffer.from(wanted))

/** Removes the socket of a hub that has died. */
export const removeSocket = (address: string): Promise<void> =>
  process.platform === 'win32' ? Promise.resolve() : rm(address, { force: true })
