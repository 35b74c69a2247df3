/**
 * Disks fill up, fail, hang, lie and disappear. None of it stops an exporter or loses more than what was touched, and
 * all of it is seen in status and ledger.
 */
import assert from 'node:assert/strict'
import { nameOf } from '../../src/delivery/spool/file-name.ts'
import { assertExact, totalPending } from '../support/ledger.ts'
import { createPlatter, type MemoryDisk } from '../support/memory-disk.ts'
import { endSimulated } from '../support/simulated-telemetry.ts'
import { beginLife, directory, failure, sequenceOf, spoolFiles, weightIn } from './stage.ts'

const writing = new Set<string>(['write', 'rename', 'remove', 'makeDirectory', 'makeExclusively'])

/** By name: what a disk in trouble answers. */
const troubles: Readonly<Record<string, (disk: MemoryDisk) => void>> = {
  'is out of space (ENOSPC)': (disk) => {
    disk.fault = (operation) => {
      if (operation === 'write') throw failure('ENOSPC')
    }
  },
  'is read-only (EROFS)': (disk) => {
    disk.fault = (operation) => {
      if (writing.has(operation)) throw failure('EROFS')
    }
  },
  'does not sync (EIO)': (disk) => {
    disk.fault = (operation) => {
      if (operation === 'sync') throw failure('EIO')
    }
  },
  'fails (EIO)': (disk) => {
    disk.fault = () => {
      throw failure('EIO')
    }
  },
}

describe('a disk in trouble', () => {
  afterEach(endSimulated)

  for (const [name, begin] of Object.entries(troubles))
    it(`that ${name} leaves the exporter as it is without a spool, is seen, and is tried again`, async () => {
      const life = await beginLife(createPlatter(), { mode: 'always' })
      life.goesDown()
      await life.load(2)
      assert.equal(life.spool().state, 'ready')
      assert.ok(life.spool().files > 0)

      begin(life.disk)
      await life.load(2, 2)
      assertExact(life.ledger())
      assert.equal(life.spool().state, 'failing')
      const { history = [] } = life.telemetry.status({ history: true })
      const failing = history.filter(({ kind, to }) => kind === 'spool' && to === 'failing')
      // By now the latest error may be the backend's.
      assert.match(failing.at(-1)!.message!, /ENOSPC|EROFS|EIO/)
      assert.match(life.warnings.map(({ text }) => text).join(), /exporter error (ENOSPC|EROFS|EIO)/)
      assert.deepEqual(life.ledger().dropped, {})

      life.disk.fault = () => {}
      life.comesBack()
      await life.pass(120)
      assert.equal(life.ledger().delivered, 40)
      assert.equal(totalPending(life.ledger()), 0)
      assert.equal(life.spool().state, 'ready')
    })

  for (const [name, begin] of Object.entries(troubles))
    it(`that ${name} for minutes costs nothing of what is on it`, async () => {
      const platter = createPlatter()
      const first = await beginLife(platter, { mode: 'always' }, { queue_size: 1000 }, 'down')
      await first.load(5)
      first.disk.kill()
      const life = await beginLife(platter, { mode: 'always' }, { enabled: false })
      life.telemetry.breaker('test').forceOpen()
      await Promise.all([life.telemetry.config.put('test.enabled', true), life.pass(3)])
      assert.equal(life.ledger().pending.spooled, 50)
      begin(life.disk)
      life.telemetry.breaker('test').reset()
      for (let i = 0; i < 20; i += 1) {
        await life.pass(30)
        assertExact(life.ledger())
      }
      const left = createPlatter()
      for (const [path, content] of platter.files) left.files.set(path, content)
      left.directories.add(directory)
      const { delivered } = life.ledger()
      life.disk.fault = () => {}
      // The same whether the disk recovers or the process is killed before.
      for (const [one, expected] of [[life, 50] as const, [await beginLife(left), 50 - delivered] as const]) {
        await one.pass(120)
        assertExact(one.ledger())
        assert.deepEqual(one.ledger().dropped, {})
        assert.equal(one.ledger().delivered, expected)
        assert.deepEqual(spoolFiles(one.disk), [])
      }
    })

  it('that does not remove one of its files removes the others, and takes more', async () => {
    const platter = createPlatter()
    const life = await beginLife(platter, { mode: 'always' }, { queue_size: 1000 }, 'down')
    await life.load(5)
    const [kept = ''] = spoolFiles(platter)
    life.disk.fault = (operation, path) => {
      if (operation === 'remove' && sequenceOf(path) === sequenceOf(kept)) throw failure('EPERM')
    }
    life.comesBack()
    await life.pass(60)
    assert.equal(life.ledger().delivered, 50)
    assert.deepEqual(spoolFiles(platter).map(sequenceOf), [sequenceOf(kept)])
    assert.equal(life.spool().state, 'ready')
    const { history = [] } = life.telemetry.status({ history: true })
    const failing = history.filter(({ kind, to }) => kind === 'spool' && to === 'failing')
    assert.match(failing.map(({ message }) => message).join(), /EPERM/)

    life.goesDown()
    await life.load(2, 5)
    assert.equal(spoolFiles(platter).length, 3)
    life.disk.fault = () => {}
    life.comesBack()
    await life.pass(60)
    assertExact(life.ledger())
    assert.deepEqual(spoolFiles(platter), [])
  })

  it('that hangs holds up no delivery', async () => {
    // Memory has room for all that comes before the next attempt, however late its jitter has it.
    const life = await beginLife(createPlatter(), { mode: 'always' }, { queue_size: 100 })
    life.goesDown()
    await life.load(1)
    let release = (): void => {}
    life.disk.fault = () =>
      new Promise((resolve) => {
        release = resolve
      })
    await life.load(2, 1)
    life.comesBack()
    await life.load(3, 3)
    await life.pass(30)
    assertExact(life.ledger())
    assert.notEqual(life.spool().state, 'ready')
    assert.match(life.status().lastError!.message, /longer than 5 s/)
    assert.match(life.warnings.at(-1)!.text, /longer than 5 s/)
    assert.ok(life.ledger().delivered >= 40, JSON.stringify(life.ledger()))

    life.disk.fault = () => {}
    release()
    await life.pass(120)
    assert.equal(new Set(life.names()).size, 60)
    assert.equal(totalPending(life.ledger()), 0)
  })

  it('that is full by max_bytes drops what finds no room, counted spool_full, and takes more once it has room', async () => {
    const platter = createPlatter()
    const life = await beginLife(platter, { max_bytes: 1024 * 1024 })
    const text = 'x'.repeat(6_000)
    life.goesDown()
    for (let i = 0; i < 40; i += 1) {
      for (let k = 0; k < 10; k += 1) life.telemetry.emit(`app.${i}.${k}`, {}, { text })
      await life.pass(1)
      assertExact(life.ledger())
    }
    assert.equal(life.spool().state, 'full')
    assert.ok(life.spool().bytes <= 1024 * 1024)
    assert.deepEqual(Object.keys(life.ledger().dropped), ['spool_full'])
    await Promise.all([
      life.telemetry.config.put('test.spool', { directory, max_bytes: 4 * 1024 * 1024 }),
      life.settle(),
    ])
    assert.equal(life.spool().state, 'ready')
    life.comesBack()
    await life.pass(60)
    assert.equal(life.spool().state, 'ready')
    const { delivered, accepted, dropped } = life.ledger()
    assert.equal(delivered + dropped.spool_full!, accepted)
    assert.deepEqual(spoolFiles(platter), [])
  })

  it('whose directory is removed costs what was in it, and goes on in a new one', async () => {
    const platter = createPlatter()
    const life = await beginLife(platter, { mode: 'always' })
    life.goesDown()
    await life.load(6)
    const spooled = life.ledger().pending.spooled!
    assert.ok(spooled > 0)
    platter.files.clear()
    platter.directories.clear()
    platter.sockets.clear()
    await life.load(1, 6)
    life.comesBack()
    await life.pass(120)
    assertExact(life.ledger())
    assert.equal(life.ledger().dropped.spool_corrupt, spooled)
    assert.match(life.warnings.at(-1)!.text, /files of the spool on disk were not what their names say/)
    assert.equal(life.ledger().delivered, 70 - spooled)
    assert.equal(life.spool().state, 'ready')
  })
})

describe('files that are not what their names say', () => {
  afterEach(endSimulated)

  /** Files of a life that was killed in an outage. */
  const leave = async () => {
    const platter = createPlatter()
    const life = await beginLife(platter, { mode: 'always' })
    life.goesDown()
    await life.load(12)
    life.disk.kill()
    const files = spoolFiles(platter)
    assert.ok(files.length >= 8)
    return { platter, files }
  }
  const harms: Readonly<Record<string, (content: Buffer) => Buffer>> = {
    'a flipped bit in the first byte': (content) => flip(content, 0),
    'a flipped bit in the last byte': (content) => flip(content, content.length - 1),
    'a flipped bit in the middle': (content) => flip(content, content.length >> 1),
    'one byte less': (content) => content.subarray(0, -1),
    'half of its content': (content) => content.subarray(0, content.length >> 1),
    'no content': () => Buffer.alloc(0),
    'one byte more': (content) => Buffer.concat([content, Buffer.of(0)]),
  }
  const flip = (content: Buffer, at: number): Buffer => {
    const flipped = Buffer.from(content)
    flipped[at] = (flipped[at] as number) ^ 4
    return flipped
  }

  for (const [name, harm] of Object.entries(harms))
    it(`cost their own weight: ${name}`, async () => {
      const { platter, files } = await leave()
      const total = files.reduce((sum, path) => sum + weightIn(path), 0)
      const harmed = [files[1]!, files.at(-2)!]
      for (const path of harmed) platter.files.set(path, harm(platter.files.get(path)!))
      const lost = harmed.reduce((sum, path) => sum + weightIn(path), 0)

      const next = await beginLife(platter, { mode: 'always' })
      await next.pass(60)
      assertExact(next.ledger())
      assert.equal(next.ledger().restored, total)
      assert.deepEqual(next.ledger().dropped, { spool_corrupt: lost })
      assert.equal(next.ledger().delivered, total - lost)
      assert.equal(next.spool().quarantined, 2)
      assert.match(next.warnings[0]!.text, /a file of the spool was moved to quarantine: it/)
      for (const { ledgers } of next.warnings) assertExact(ledgers.test!)
      assert.deepEqual(spoolFiles(platter), [])
    })

  it('cost their own weight: no reading of one of them succeeds, and the others are read', async () => {
    const { platter, files } = await leave()
    const total = files.reduce((sum, path) => sum + weightIn(path), 0)
    const unreadable = files[1]!
    const next = await beginLife(platter, { mode: 'always' }, { enabled: false })
    next.disk.fault = (operation, path) => {
      if (operation === 'read' && sequenceOf(path) === sequenceOf(unreadable)) throw failure('EIO')
    }
    await Promise.all([next.telemetry.config.put('test.enabled', true), next.pass(60)])
    assertExact(next.ledger())
    assert.deepEqual(next.ledger().dropped, { spool_corrupt: weightIn(unreadable) })
    assert.equal(next.ledger().delivered, total - weightIn(unreadable))
    assert.equal(next.spool().quarantined, 1)
  })

  it('make room for others when they are set aside', async () => {
    const { platter } = await leave()
    const facts = { sequence: 1, weight: 1, bytes: 2 * 1024 * 1024, attempts: 0, lives: 0, checksum: 1 }
    platter.files.set(`${directory}/${nameOf(facts)}`, Buffer.from('less'))
    const next = await beginLife(platter, { mode: 'always', max_bytes: 1024 * 1024 }, {}, 'down')
    await next.load(20)
    assert.equal(next.spool().quarantined, 1)
    assert.equal(next.spool().state, 'ready')
    assert.deepEqual(next.ledger().dropped, { spool_corrupt: 1 })
  })

  it('are counted by their names where another version wrote them, and left alone where they are not ours', async () => {
    const { platter, files } = await leave()
    const total = files.reduce((sum, path) => sum + weightIn(path), 0)
    for (let i = 0; i < 10_000; i += 1)
      platter.files.set(`${directory}/foreign-${i}.txt`, Buffer.from('theirs'))
    platter.files.set(files[0]!.replace('.spool', '.spool.part'), Buffer.from('torn'))
    platter.files.set(files[0]!.replace('w-', 'x-'), Buffer.from('not ours'))
    const next = await beginLife(platter, { mode: 'always' })
    assert.equal(next.spool().foreign, 10_001)
    await next.pass(60)
    assertExact(next.ledger())
    assert.equal(next.ledger().delivered, total)
    const left = [...platter.files.keys()].filter((path) => path.startsWith(`${directory}/`))
    assert.equal(left.length, 10_001)
  })
})
