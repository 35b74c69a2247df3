/**
 * What memory has no room for, or what is not delivered in time, waits on disk and survives the process: nothing of it
 * is lost, nothing is counted twice, and the disk's troubles are nobody else's.
 */
import assert from 'node:assert/strict'
import type { Outcome } from '../../src/delivery/outcome.ts'
import { mock } from '../../src/exporters/mock.ts'
import { assertExact } from '../support/ledger.ts'
import { createMemoryDisk, createPlatter, type MemoryDisk, type Platter } from '../support/memory-disk.ts'
import { endSimulated, type SimulatedTelemetry, startSimulated } from '../support/simulated-telemetry.ts'

const down: Outcome = { type: 'retry', cause: new Error('down') }
const directory = '/spool'

/** One life of a process with a mock exporter and a spool. */
async function begin(
  platter: Platter,
  settings: Readonly<Record<string, unknown>> = {},
  spool: Readonly<Record<string, unknown>> = {},
) {
  const disk = createMemoryDisk(platter)
  let isDown = false
  const backend = mock({ type: 'test', export: () => (isDown ? down : { type: 'delivered' }) })
  const life: SimulatedTelemetry = await startSimulated(
    [backend],
    {
      test: {
        batch_size: 10,
        queue_size: 40,
        flush_interval: 1,
        event_patterns: ['app.*'],
        spool: { directory, ...spool },
        ...settings,
      },
    },
    undefined,
    undefined,
    disk,
  )
  await life.settle()
  return {
    ...life,
    disk,
    backend,
    names: () => backend.events.map(({ name }) => name),
    spool: () => life.telemetry.status().exporters.test!.spool!,
    goesDown: () => {
      isDown = true
    },
    comesBack: () => {
      isDown = false
    },
  }
}

const spoolFiles = (disk: MemoryDisk): string[] =>
  [...disk.files.keys()].filter((path) => path.endsWith('.spool') && !path.includes('quarantine'))

describe('a spool that takes what memory has no room for', () => {
  afterEach(endSimulated)

  it('writes nothing while memory suffices', async () => {
    const life = await begin(createPlatter())
    assert.equal(life.spool().state, 'ready')
    life.emit(30)
    await life.pass(2)
    assert.equal(life.ledger().delivered, 30)
    assert.equal(life.ledger().pending.spooled, 0)
    assert.deepEqual(
      life.disk.log.filter(({ type }) => type === 'write'),
      [],
    )
  })

  it('loses nothing in an outage that memory could not hold, and delivers all of it afterwards', async () => {
    const life = await begin(createPlatter())
    life.goesDown()
    for (let i = 0; i < 30; i += 1) {
      life.emit(10, `app.${i}`)
      await life.pass(1)
      assertExact(life.ledger(), `after ${i} seconds`)
    }
    assert.deepEqual(life.ledger().dropped, {})
    assert.ok((life.ledger().pending.spooled ?? 0) > 200, JSON.stringify(life.ledger()))
    life.comesBack()
    await life.pass(60)
    assert.equal(life.ledger().delivered, 300)
    assertExact(life.ledger())
    assert.equal(new Set(life.names()).size, 300)
    assert.deepEqual(spoolFiles(life.disk), [])
    assert.equal(life.disk.mostAtOnce, 1)
  })

  it('leaves on disk what a stop could not deliver, and the next life delivers it', async () => {
    const platter = createPlatter()
    const first = await begin(platter)
    first.goesDown()
    for (let i = 0; i < 10; i += 1) {
      first.emit(10, `app.${i}`)
      await first.pass(1)
    }
    const report = await first.end()
    const left = report.exporters.test!
    assertExact(left)
    assert.equal(left.pending.spooled, 100)
    assert.equal(report.complete, true)

    const second = await begin(platter)
    await second.pass(10)
    const ledger = second.ledger()
    assertExact(ledger)
    assert.equal(ledger.restored, 100)
    assert.equal(ledger.delivered, 100)
    assert.ok(ledger.ambiguous <= 100)
    assert.equal(new Set(second.names()).size, 100)
    assert.deepEqual(spoolFiles(second.disk), [])
  })
})

describe('a spool that takes whatever is not delivered in time', () => {
  afterEach(endSimulated)

  it('has everything on disk within flush_interval, and survives a kill', async () => {
    const platter = createPlatter()
    const first = await begin(platter, {}, { mode: 'always' })
    first.goesDown()
    first.emit(25)
    await first.pass(1)
    assertExact(first.ledger())
    first.disk.kill()

    const second = await begin(platter, {}, { mode: 'always' })
    assert.equal(second.ledger().restored, 25)
    await second.pass(5)
    assert.equal(second.ledger().delivered, 25)
    assert.equal(new Set(second.names()).size, 25)
    assertExact(second.ledger())
  })

  it('writes nothing that is delivered in time', async () => {
    const life = await begin(createPlatter(), {}, { mode: 'always' })
    for (let i = 0; i < 10; i += 1) {
      life.emit(3)
      await life.pass(0.7)
    }
    assert.equal(life.ledger().delivered, 30)
    assert.deepEqual(
      life.disk.log.filter(({ type }) => type === 'write'),
      [],
    )
  })
})
