/** The directory of a spool, on a real disk: it is ours alone, and one process has it at a time. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, rm, rmdir, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CorruptFile } from '../../src/delivery/spool/content.ts'
import { type Disk, systemDisk } from '../../src/delivery/spool/disk.ts'
import { nameOf } from '../../src/delivery/spool/file-name.ts'
import { createFolder } from '../../src/delivery/spool/folder.ts'
import { takeLock } from '../../src/delivery/spool/lock.ts'

const code = (expected: string) => (error: Error & { code?: string }) => error.code === expected

describe('the directory of a spool', () => {
  let place = ''
  beforeEach(async () => {
    place = await mkdtemp(join(tmpdir(), 'spool-'))
  })
  afterEach(() => rm(place, { recursive: true, force: true }))

  it('is made for this user alone', async () => {
    const directory = join(place, 'a', 'b')
    const folder = createFolder(directory, systemDisk)
    assert.deepEqual(await folder.open(), { files: [], spoilt: [], foreign: 0, quarantined: 0 })
    assert.equal((await stat(directory)).mode & 0o777, 0o700)
    await folder.close()
  })

  it('is refused if others can write to it, or if it is a file', async () => {
    for (const mode of [0o777, 0o770, 0o702]) {
      await chmod(place, mode)
      await assert.rejects(createFolder(place, systemDisk).open(), code('SPOOL_UNSAFE'))
    }
    await chmod(place, 0o755)
    const folder = createFolder(place, systemDisk)
    await folder.open()
    await folder.close()
    await writeFile(join(place, 'file'), '')
    await assert.rejects(createFolder(join(place, 'file'), systemDisk).open())
  })

  it('belongs to one exporter at a time, and to the next once it is given back', async () => {
    const [first, second] = [createFolder(place, systemDisk), createFolder(place, systemDisk)]
    await chmod(place, 0o700)
    await first.open()
    await assert.rejects(second.open(), code('SPOOL_HELD'))
    await first.close()
    assert.equal((await second.open())?.foreign, 0)
    await second.close()
  })

  it('is opened although somebody has put things there whose names look like ours', async () => {
    await chmod(place, 0o700)
    const facts = { sequence: 1, weight: 1, bytes: 1, attempts: 0, lives: 0, checksum: 1 }
    await mkdir(join(place, `${nameOf(facts)}.part`))
    await writeFile(join(place, `${nameOf(facts)}\n`), '')
    await writeFile(join(place, nameOf({ ...facts, sequence: 10 ** 16 })), '')
    await writeFile(join(place, nameOf({ ...facts, weight: Number.MAX_SAFE_INTEGER })), '')
    await writeFile(join(place, nameOf({ ...facts, weight: 10 ** 15 - 1 })), '')
    await symlink('/dev/zero', join(place, nameOf(facts)))
    const folder = createFolder(place, systemDisk)
    const found = await folder.open()
    assert.deepEqual(found, { files: [facts], spoilt: [], foreign: 5, quarantined: 0 })
    await assert.rejects(folder.read(facts), CorruptFile)
    await folder.close()
  })

  it('is taken over from a process that was killed, by one of many that want it', async () => {
    const script = `require('node:net').createServer().listen(${JSON.stringify(join(place, 'lock'))}, () => console.log('held'))`
    const holder = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
    await once(holder.stdout, 'data')
    await assert.rejects(takeLock(place, systemDisk), code('SPOOL_HELD'))
    holder.kill('SIGKILL')
    await once(holder, 'exit')
    const attempts = await Promise.allSettled(Array.from({ length: 20 }, () => takeLock(place, systemDisk)))
    const taken = attempts.flatMap((attempt) => (attempt.status === 'fulfilled' ? [attempt.value] : []))
    assert.equal(taken.length, 1)
    await taken[0]!.release()
  })

  it('is free again where a process was killed while it took the lock over', async () => {
    await mkdir(join(place, 'lock.takeover'))
    await assert.rejects(takeLock(place, systemDisk), code('SPOOL_HELD'))
    const longAgo = {
      ...systemDisk,
      look: async (path: string) => ({ ...(await systemDisk.look(path)), modifiedMs: 0 }),
    }
    await assert.rejects(takeLock(place, longAgo), code('SPOOL_HELD'))
    const lock = await takeLock(place, systemDisk)
    await lock.release()
  })

  it('is not locked for good by a disk that fails when the lock has just been taken', async () => {
    const failing: Disk = {
      ...systemDisk,
      removeDirectory: () => Promise.reject(new Error('EIO')),
    }
    const lock = await takeLock(place, failing)
    await assert.rejects(takeLock(place, systemDisk), code('SPOOL_HELD'))
    await lock.release()
    await rmdir(join(place, 'lock.takeover'))
    await (await takeLock(place, systemDisk)).release()
  })
})
