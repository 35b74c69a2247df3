// Guards that a group has one hub, however many would be it at the same time, and that nobody else can join it.
import assert from 'node:assert/strict'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeClaim, readClaim, removeEarlier, renewClaim } from '../../src/cluster/claims.ts'
import { openFolder } from '../../src/cluster/folder.ts'
import { namespace } from '../../src/cluster/kin.ts'
import { nextRole } from '../../src/cluster/role.ts'

const claim = (epoch: number, address = 'a') => ({ epoch, address, token: 't' })

describe('a group of processes', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'telemachine-claims-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  it('has one hub, of any number that claim it at once', async () => {
    for (let epoch = 1; epoch <= 20; epoch++) {
      const won = await Promise.all(
        Array.from({ length: 8 }, (_, i) => makeClaim(folder, claim(epoch, `${i}`))),
      )
      assert.equal(won.filter(Boolean).length, 1)
      assert.equal((await readClaim(folder))?.address, `${won.indexOf(true)}`)
    }
    await removeEarlier(folder, 20)
    assert.deepEqual(readdirSync(folder), ['claim-20'])
  })

  it('has no hub by a claim that was followed by another one, and removed', async () => {
    assert.ok(await makeClaim(folder, claim(2, 'second')))
    assert.equal(await makeClaim(folder, claim(1, 'late')), false)
    assert.deepEqual(readdirSync(folder), ['claim-2'])
  })

  it('keeps its claim when somebody cleans the folder', async () => {
    await makeClaim(folder, claim(1))
    unlinkSync(join(folder, 'claim-1'))
    await renewClaim(folder, claim(1))
    assert.deepEqual(await readClaim(folder), claim(1))
  })

  it('knows its role: it is never the hub without a claim, and nothing once it has left', () => {
    assert.equal(nextRole('alone', 'kin_seen'), 'electing')
    assert.equal(nextRole('electing', 'claimed'), 'hub')
    assert.equal(nextRole('electing', 'hub_found'), 'member')
    assert.equal(nextRole('member', 'hub_lost'), 'electing')
    assert.equal(nextRole('electing', 'failed'), 'alone')
    for (const role of ['alone', 'member', 'left'] as const) assert.equal(nextRole(role, 'claimed'), role)
    for (const role of ['alone', 'electing', 'member', 'hub'] as const)
      assert.equal(nextRole(role, 'closed'), 'left')
  })
})

describe('the folder of a group', () => {
  let temporary: string
  let base: string
  const before = process.env.TMPDIR
  beforeEach(() => {
    temporary = mkdtempSync(join(tmpdir(), 'telemachine-folder-'))
    process.env.TMPDIR = temporary
    base = join(temporary, `telemachine-${process.getuid!()}`)
  })
  afterEach(() => {
    if (before === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = before
    rmSync(temporary, { recursive: true, force: true })
  })

  it('is entered by its user only', async () => {
    const folder = await openFolder('x-1-y')
    for (const one of [base, folder]) assert.equal(statSync(one).mode & 0o777, 0o700)
  })

  it('is refused where others could enter it, or lead it elsewhere', async () => {
    mkdirSync(base)
    chmodSync(base, 0o777)
    await assert.rejects(openFolder('x-1-y'), /open to other users/)
    rmSync(base, { recursive: true })
    symlinkSync(temporary, base)
    await assert.rejects(openFolder('x-1-y'), /is not a folder/)
  })

  it('is removed after the death of its owner, by the next group', async () => {
    const here = await namespace()
    // No process has a number so high.
    const dead = await openFolder(`${here}-2147483646-a`)
    const alive = await openFolder(`${here}-${process.pid}-b`)
    const elsewhere = await openFolder('other-2147483646-c')
    await openFolder(`${here}-${process.pid}-d`)
    assert.deepEqual(
      [dead, alive, elsewhere].map((one) => readdirSync(base).includes(one.slice(base.length + 1))),
      [false, true, true],
    )
  })
})
