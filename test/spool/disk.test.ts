/** The threads that carry out file operations are the application's: a spool takes one of them at a time. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemDisk } from '../../src/delivery/spool/disk.ts'

describe('the disk', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'telemachine-disk-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  it('does one thing after the other, whoever asks, and goes on after a failure', async () => {
    const [first, second] = [join(folder, 'first'), join(folder, 'second')]
    const content = Buffer.alloc(4 * 1024 * 1024, 7)
    const [, names, read, , failed, after] = await Promise.all([
      systemDisk.write(first, content, true),
      systemDisk.list(folder),
      systemDisk.read(first, content.length),
      systemDisk.rename(first, second),
      systemDisk.read(first, content.length).catch(({ code }) => code),
      systemDisk.list(folder),
    ])
    assert.deepEqual(names, ['first'])
    assert.ok(content.equals(read as Buffer))
    assert.equal(failed, 'ENOENT')
    assert.deepEqual(after, ['second'])
    assert.equal(statSync(second).mode & 0o777, 0o600)
  })

  it('reads no more than is asked for, and nothing of a pipe, a directory or a link', async () => {
    const [pipe, huge, inside, link] = ['pipe', 'huge', 'inside', 'link'].map((name) => join(folder, name))
    execFileSync('mkfifo', [pipe!])
    writeFileSync(huge!, '')
    truncateSync(huge!, 1024 ** 3)
    mkdirSync(inside!)
    symlinkSync('/dev/zero', link!)
    for (const path of [pipe!, huge!, inside!]) assert.equal((await systemDisk.read(path, 100)).length, 0)
    await assert.rejects(systemDisk.read(link!, 100), { code: 'ELOOP' })
  })
})
