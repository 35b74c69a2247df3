/** The threads that carry out file operations are the application's: a spool takes one of them at a time. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
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
      systemDisk.read(first),
      systemDisk.rename(first, second),
      systemDisk.read(first).catch(({ code }) => code),
      systemDisk.list(folder),
    ])
    assert.deepEqual(names, ['first'])
    assert.ok(content.equals(read as Buffer))
    assert.equal(failed, 'ENOENT')
    assert.deepEqual(after, ['second'])
    assert.equal(statSync(second).mode & 0o777, 0o600)
  })
})
