/** A start reads names and no content, however much is on disk; what is read is bounded, and nothing starves. */
import assert from 'node:assert/strict'
import { EventRecord } from '../../src/bus/event-record.ts'
import { checksumOf, encodeContent } from '../../src/delivery/spool/content.ts'
import { nameOf } from '../../src/delivery/spool/file-name.ts'
import { packEvents } from '../../src/exporters/event-packing.ts'
import { assertExact } from '../support/ledger.ts'
import { createPlatter, type Platter } from '../support/memory-disk.ts'
import { endSimulated } from '../support/simulated-telemetry.ts'
import { beginLife, directory, spoolFiles } from './stage.ts'

const files = 1024

/** A backlog of files with an event each. */
function backlog(): Platter {
  const platter = createPlatter()
  platter.directories.add(directory)
  for (let i = 0; i < files; i += 1) {
    const packed = packEvents([new EventRecord(`app.old.${i}`, 0, [], 0, undefined, 'caller')])
    const content = encodeContent(
      { type: 'test', version: 1, weights: [1], wires: null, self: false },
      packed,
    )
    const facts = { weight: 1, bytes: content.length, attempts: 0, lives: 0, checksum: checksumOf(content) }
    platter.files.set(`${directory}/${nameOf({ ...facts, sequence: 10 ** 15 + i })}`, content)
  }
  return platter
}

describe('a backlog of a thousand files', () => {
  afterEach(endSimulated)

  it('is opened by one look at the names, and no more than four files are in memory while nothing takes them', async () => {
    const life = await beginLife(backlog(), { mode: 'overflow' }, {}, 'down')
    const counts = life.disk.counts
    assert.equal(life.spool().state, 'ready')
    assert.equal(life.ledger().restored, files)
    assert.equal(life.spool().files, files)
    assert.equal(counts.get('list'), 1)
    await life.pass(120)
    assert.ok(life.ledger().pending.spooled! >= files - 4)
    assert.ok((counts.get('read') ?? 0) < 50, `${counts.get('read')} were read`)
    assert.equal(counts.get('list'), 1)
    assertExact(life.ledger())
  })

  it('is delivered beside what comes in meanwhile, each in its turn', async () => {
    const platter = backlog()
    const life = await beginLife(platter, { mode: 'overflow' })
    for (let i = 0; i < 20; i += 1) {
      life.emit(10, `app.new.${i}`)
      await life.pass(1)
    }
    const names = life.names()
    assert.equal(names.filter((name) => name.startsWith('app.new')).length >= 180, true)
    await life.pass(600)
    assert.equal(life.ledger().delivered, files + 200)
    assert.deepEqual(spoolFiles(platter), [])
    assertExact(life.ledger())
  })
})
