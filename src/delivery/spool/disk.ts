import { constants } from 'node:fs'
import { mkdir, open, readdir, rename, rmdir, stat, unlink } from 'node:fs/promises'
import { connect, createServer } from 'node:net'

/** Facts about a directory: owner, mode and kind. */
export interface DirectoryFacts {
  readonly isDirectory: boolean
  /** Permission bits. */
  readonly mode: number
  readonly uid: number
  readonly modifiedMs: number
}

/** The file system, as the spool uses it. Tests put faults and logs in between. */
export interface Disk {
  /** Makes a directory and its parents for this user alone, unless it is there. */
  makeDirectory(path: string): Promise<void>
  /** Makes a directory. Rejects with EEXIST if it is there. */
  makeExclusively(path: string): Promise<void>
  removeDirectory(path: string): Promise<void>
  look(path: string): Promise<DirectoryFacts>
  list(path: string): Promise<string[]>
  /** Reads a file of so many bytes; of one with more, or of what is no file, nothing is read. */
  read(path: string, bytes: number): Promise<Buffer>
  /** Writes a file that is not there yet, and has it on the disk before it resolves if it is to be `synced`. */
  write(path: string, content: Uint8Array, synced: boolean): Promise<void>
  rename(from: string, to: string): Promise<void>
  remove(path: string): Promise<void>
  /** Whether a process listens at a Unix socket: `stale` is the socket of one that has died. */
  knock(path: string): Promise<'held' | 'stale' | 'free'>
  /** Listens at a Unix socket that is not there yet. Returns the function that ends it. */
  bind(path: string): Promise<() => Promise<void>>
  /** Has the content of a file, or the names of a directory, on the disk before it resolves. */
  sync(path: string): Promise<void>
}

let last: Promise<unknown> = Promise.resolve()

/** One operation at a time in the whole process: the threads that carry them out are the host's as well. */
function inTurn<Result>(operation: () => Promise<Result>): Promise<Result> {
  const result = last.then(operation)
  last = result.catch(() => {})
  return result
}

async function write(path: string, content: Uint8Array, synced: boolean): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(content)
    if (synced) await file.sync()
  } finally {
    await file.close()
  }
}

/** A pipe or a device of a file's name would keep a thread, or fill the memory. */
const regular = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

async function read(path: string, bytes: number): Promise<Buffer> {
  const file = await open(path, regular)
  try {
    const found = await file.stat()
    return found.isFile() && found.size <= bytes ? await file.readFile() : Buffer.alloc(0)
  } finally {
    await file.close()
  }
}

async function sync(path: string): Promise<void> {
  const file = await open(path, 'r')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

async function look(path: string): Promise<DirectoryFacts> {
  const found = await stat(path)
  return {
    isDirectory: found.isDirectory(),
    mode: found.mode & 0o7777,
    uid: found.uid,
    modifiedMs: found.mtimeMs,
  }
}

const knock: Disk['knock'] = (path) =>
  new Promise((resolve, reject) => {
    const socket = connect(path)
    socket.on('connect', () => {
      socket.destroy()
      resolve('held')
    })
    socket.on('error', (error) => {
      const { code } = error as { code?: unknown }
      if (code === 'ECONNREFUSED') resolve('stale')
      else if (code === 'ENOENT') resolve('free')
      else reject(error)
    })
  })

const bind: Disk['bind'] = (path) =>
  new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy())
    server.unref()
    server.once('error', reject)
    server.listen(path, () => {
      server.off('error', reject)
      // One that cannot accept a connection has been reached all the same.
      server.on('error', () => {})
      resolve(() => new Promise((closed) => server.close(() => closed())))
    })
  })

/** The real one. */
export const systemDisk: Disk = {
  makeDirectory: (path) => inTurn(() => mkdir(path, { recursive: true, mode: 0o700 })).then(() => {}),
  makeExclusively: (path) => inTurn(() => mkdir(path, 0o700)),
  removeDirectory: (path) => inTurn(() => rmdir(path)),
  look: (path) => inTurn(() => look(path)),
  list: (path) => inTurn(() => readdir(path)),
  read: (path, bytes) => inTurn(() => read(path, bytes)),
  write: (path, content, synced) => inTurn(() => write(path, content, synced)),
  rename: (from, to) => inTurn(() => rename(from, to)),
  remove: (path) => inTurn(() => unlink(path)),
  knock,
  bind,
  sync: (path) => inTurn(() => sync(path)),
}
