/**
 * What memory has no room for, or what is not delivered in time, waits on disk and survives the process: nothing of it
 * is lost, nothing is counted twice, and the disk's troubles are nobody else's.
 */
import assert from 'node:assert/strict'
import { assertExact } from '../support/ledger.ts'
import { createPlatter } from '../support/memory-disk.ts'
import { endSimulated } from '../support/simulated-telemetry.ts'
import { beginLife, spoolFiles } from './stage.ts'

describe('a spool that takes what memory has no room for', () => {
  afterEach(endSimulated)

  it('writes nothing while memory suffices', async () => {
    const life = await beginLife(createPlatter())
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
    const platter = createPlatter()
    const life = await beginLife(platter)
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
    assert.deepEqual(spoolFiles(platter), [])
    assert.equal(life.disk.mostAtOnce, 1)
  })

  it('writes the youngest, and keeps in memory what came before', async () => {
    const platter = createPlatter()
    const first = await beginLife(platter)
    first.goesDown()
    await first.load(6)
    assert.equal(first.ledger().pending.spooled, 30)
    first.disk.kill()

    const second = await beginLife(platter)
    await second.pass(10)
    assert.deepEqual([...new Set(second.names().map((name) => name.split('.')[1]))], ['3', '4', '5'])
  })

  it('sends what comes back in order of age, one batch from disk and one fresh', async () => {
    const platter = createPlatter()
    const first = await beginLife(platter, { mode: 'always' })
    first.telemetry.breaker('test').forceOpen()
    await first.load(8)
    first.disk.kill()
    assert.ok(spoolFiles(platter).length >= 6)

    const life = await beginLife(platter, {}, { enabled: false, max_in_flight: 1 }, 'slow')
    life.telemetry.breaker('test').forceOpen()
    await Promise.all([life.telemetry.config.put('test.enabled', true), life.pass(1)])
    life.emit(30, 'app.fresh')
    await life.settle()
    life.telemetry.breaker('test').reset()
    await life.pass(30)
    assertExact(life.ledger())
    const batches = life.names().flatMap((name, i) => (i % 10 === 0 ? [name.split('.')[1]!] : []))
    const fresh = batches.flatMap((batch, i) => (batch === 'fresh' ? [i] : []))
    // The first file is read while the first fresh batch is sent.
    assert.deepEqual(fresh, [0, 2, 4], batches.join(' '))
    const restored = batches.filter((batch) => batch !== 'fresh')
    assert.deepEqual(restored, [...restored].sort())
  })

  it('leaves on disk what a stop could not deliver, and the next life delivers it', async () => {
    const platter = createPlatter()
    const first = await beginLife(platter)
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

    const second = await beginLife(platter)
    await second.pass(10)
    const ledger = second.ledger()
    assertExact(ledger)
    assert.equal(ledger.restored, 100)
    assert.equal(ledger.delivered, 100)
    assert.ok(ledger.ambiguous <= 100)
    assert.equal(new Set(second.names()).size, 100)
    assert.deepEqual(spoolFiles(platter), [])
  })
})

describe('a spool whose exporter is disabled', () => {
  afterEach(endSimulated)

  it('goes on when it is enabled again, however many of its files had been read', async () => {
    const life = await beginLife(createPlatter(), {}, { failure_threshold: 50, max_in_flight: 1 })
    const put = async (changes: Readonly<Record<string, unknown>>): Promise<void> => {
      const isPut = life.telemetry.config.put(changes)
      await life.pass(1)
      await isPut
    }
    life.goesDown()
    await life.load(20)
    for (let i = 0; i < 3; i += 1) {
      // Files are read, and fail.
      await life.pass(20)
      await put({ 'test.enabled': false })
      assert.equal(life.ledger().pending.spooled, 200)
      await put({ 'test.enabled': true })
    }
    life.comesBack()
    await life.pass(120)
    assert.equal(life.ledger().delivered, 200)
    assertExact(life.ledger())
  })
})

describe('a spool that takes whatever is not delivered in time', () => {
  afterEach(endSimulated)

  it('has everything on disk within flush_interval, and survives a kill', async () => {
    const platter = createPlatter()
    const first = await beginLife(platter, { mode: 'always' })
    first.goesDown()
    first.emit(25)
    await first.pass(1)
    assertExact(first.ledger())
    first.disk.kill()

    const second = await beginLife(platter, { mode: 'always' })
    assert.equal(second.ledger().restored, 25)
    await second.pass(5)
    assert.equal(second.ledger().delivered, 25)
    assert.equal(new Set(second.names()).size, 25)
    assertExact(second.ledger())
  })

  it('writes nothing that is delivered in time', async () => {
    const life = await beginLife(createPlatter(), { mode: 'always' })
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

  it('writes also what came before its directory was open', async () => {
    const platter = createPlatter()
    const life = await beginLife(platter, { mode: 'always' }, { enabled: false }, 'down')
    let open = (): void => {}
    life.disk.fault = (operation) => {
      if (operation !== 'makeDirectory') return undefined
      return new Promise((resolve) => {
        open = resolve
      })
    }
    await Promise.all([life.telemetry.config.put('test.enabled', true), life.settle()])
    assert.equal(life.spool().state, 'opening')
    life.emit(5)
    await life.pass(3)
    assert.deepEqual(spoolFiles(platter), [])
    life.disk.fault = () => {}
    open()
    await life.pass(0.3)
    assert.equal(spoolFiles(platter).length, 1)
  })
})
