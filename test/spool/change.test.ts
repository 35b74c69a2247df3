/** The spool is ended or moved while its slow disk is at work: each event is counted once, and none is forgotten. */
import assert from 'node:assert/strict'
import { assertExact, totalPending } from '../support/ledger.ts'
import { createPlatter } from '../support/memory-disk.ts'
import { endSimulated } from '../support/simulated-telemetry.ts'
import { beginLife, directory, spoolFiles, weightIn } from './stage.ts'

const elsewhere = '/elsewhere'

describe('a spool that is changed while the disk is at work', () => {
  afterEach(endSimulated)

  const cases = [
    ['read', 'up'],
    ['write', 'down'],
    ['rename', 'up'],
    ['rename', 'down'],
    ['remove', 'up'],
    ['sync', 'up'],
    ['sync', 'down'],
  ] as const
  for (const [slow, backend] of cases)
    for (const change of ['ended', 'moved'] as const)
      it(`is ${change} during a slow ${slow}, with a backend that is ${backend}`, async () => {
        const life = await beginLife(createPlatter(), { mode: 'always' }, { queue_size: 1000 }, 'down')
        await life.load(10)
        const { disk, clock } = life
        let underWay = 0
        disk.fault = (operation, path) => {
          if (operation !== slow || path.startsWith(elsewhere)) return undefined
          underWay += 1
          return new Promise((resolve) => clock.setTimeout(() => resolve(), 2000))
        }
        if (backend === 'up') life.comesBack()
        for (let i = 0; i < 400 && underWay === 0; i += 1) {
          life.emit(1, `app.more.${i}`)
          await life.pass(0.25)
        }
        assert.ok(underWay > 0, `no ${slow}`)
        const next = change === 'ended' ? null : { directory: elsewhere, mode: 'always' }
        await life.telemetry.config.put('test.spool', next)
        for (let i = 0; i < 40; i += 1) {
          await life.pass(0.25)
          assertExact(life.ledger(), `after ${i}`)
        }
        disk.fault = () => {}
        life.comesBack()
        await life.pass(120)
        assertExact(life.ledger())
        assert.equal(totalPending(life.ledger()), 0, JSON.stringify(life.ledger()))

        await life.telemetry.config.put('test.spool', { directory, mode: 'always' })
        await life.pass(120)
        const ledger = life.ledger()
        assertExact(ledger)
        assert.equal(totalPending(ledger), 0)
        assert.deepEqual(spoolFiles(disk), [])
        assert.deepEqual(
          Object.keys(ledger.dropped).filter((reason) => reason !== 'disabled'),
          [],
        )
        assert.ok(
          life.warnings.some(({ text }) =>
            /a change of the key spool has left \d+ events in \/spool/.test(text),
          ),
        )
        for (const { text, ledgers } of life.warnings) assertExact(ledgers.test!, text)
        const names = new Set(life.names())
        const emitted = ledger.accepted - ledger.restored!
        assert.equal(names.size, emitted, 'all of them arrive')
        assert.ok(life.names().length - names.size <= ledger.ambiguous, 'what arrives twice is counted')
      })
  it('sends nothing twice that is in flight while it is moved and moved back', async () => {
    const life = await beginLife(createPlatter(), { mode: 'always' }, { queue_size: 1000 }, 'down')
    await life.load(10)
    life.goesSilent()
    for (let i = 0; i < 200 && life.ledger().pending.in_flight === 0; i += 1) await life.pass(0.25)
    assert.ok(life.ledger().pending.in_flight > 0)
    await life.telemetry.config.put('test.spool', { directory: elsewhere, mode: 'always' })
    await life.pass(1)
    await life.telemetry.config.put('test.spool', { directory, mode: 'always' })
    await life.pass(1)
    life.comesBack()
    await life.pass(200)
    const ledger = life.ledger()
    assertExact(ledger)
    assert.equal(totalPending(ledger), 0)
    assert.equal(ledger.dropped.spool_corrupt, undefined)
    assert.equal(new Set(life.names()).size, 100)
    assert.deepEqual(spoolFiles(life.disk), [])
  })

  for (const answer of ['up', 'down'] as const)
    for (const backend of ['up', 'down', 'silent'] as const)
      it(`is moved with a batch in flight, and another process with a backend that is ${backend} takes the directory: ${answer}`, async () => {
        const platter = createPlatter()
        const life = await beginLife(platter, { mode: 'always' }, { queue_size: 1000 }, 'down')
        await life.load(10)
        life.goesSilent()
        for (let i = 0; i < 200 && life.ledger().pending.in_flight === 0; i += 1) await life.pass(0.25)
        await life.telemetry.config.put('test.spool', { directory: elsewhere, mode: 'always' })
        await life.pass(1)
        const other = await beginLife(platter, { mode: 'always' }, { queue_size: 1000 }, backend)
        assert.equal(other.ledger().restored, 100)
        await other.pass(0.5)
        if (answer === 'up') life.comesBack()
        else life.goesDown()
        for (let i = 0; i < 30; i += 1) {
          await Promise.all([life.pass(1), other.pass(1)])
          assertExact(life.ledger())
          assertExact(other.ledger())
        }
        life.comesBack()
        other.comesBack()
        await Promise.all([life.pass(200), other.pass(200)])
        assertExact(life.ledger())
        assertExact(other.ledger())
        assert.equal(totalPending(life.ledger()) + totalPending(other.ledger()), 0)
        const names = [...life.names(), ...other.names()]
        assert.equal(new Set(names).size, 100)
        assert.ok(names.length - 100 <= life.ledger().ambiguous + other.ledger().ambiguous)
        assert.deepEqual(spoolFiles(platter), [])
      })

  it('is moved while it is still being opened: nothing is lost, and both directories are free afterwards', async () => {
    const life = await beginLife(createPlatter(), { mode: 'always' }, { queue_size: 1000 }, 'down')
    const { disk, clock, telemetry } = life
    const put = (to: string) => telemetry.config.put('test.spool', { directory: to, mode: 'always' })
    await life.load(10)
    disk.fault = (operation, path) =>
      operation === 'list' && path === elsewhere
        ? new Promise((resolve) => clock.setTimeout(() => resolve(), 2000))
        : undefined
    await put(elsewhere)
    await life.pass(1)
    await put(directory)
    await life.pass(10)
    assertExact(life.ledger())
    assert.equal(life.spool().state, 'ready')
    await put(elsewhere)
    await life.pass(10)
    assert.equal(life.spool().state, 'ready')
    await put(directory)
    life.comesBack()
    await life.pass(200)
    assertExact(life.ledger())
    assert.equal(life.ledger().dropped.spool_corrupt, undefined)
    assert.equal(new Set(life.names()).size, 100)
  })

  it('of an exporter that is removed during a slow write keeps everything for the one that is added after it', async () => {
    const life = await beginLife(createPlatter(), {}, { enabled: false }, 'down')
    const { config } = life.telemetry
    const add = () =>
      config.put('next', {
        ...{ type: 'test', event_patterns: ['app.*'], flush_interval: 1, batch_size: 10 },
        spool: { directory, mode: 'always' },
      })
    await Promise.all([add(), life.pass(2)])
    await life.load(5)
    const { disk, clock } = life
    disk.fault = () => new Promise((resolve) => clock.setTimeout(() => resolve(), 300))
    await Promise.all([config.unset('next'), life.pass(1)])
    assert.equal(life.telemetry.status().exporters.next, undefined)
    await Promise.all([add(), life.pass(30)])
    disk.fault = () => {}
    life.comesBack()
    await life.pass(60)
    const ledger = life.ledger('next')
    assertExact(ledger)
    assert.deepEqual([ledger.restored, ledger.delivered], [50, 50])
    assert.equal(new Set(life.names()).size, 50)
    assert.deepEqual(spoolFiles(disk), [])
  })

  it('is stopped with half of a file in memory, which a slow disk does not take: nothing of it comes again', async () => {
    const platter = createPlatter()
    const first = await beginLife(platter, { mode: 'always' }, {}, 'down')
    await first.load(1)
    first.disk.kill()
    assert.equal(spoolFiles(platter).length, 1)

    const settings = { batch_size: 5, max_in_flight: 1 }
    const life = await beginLife(platter, { mode: 'always' }, settings, 'slow')
    for (let i = 0; i < 100 && life.ledger().pending.in_flight === 0; i += 1) await life.pass(0.01)
    // The first half is answered, the second one is not.
    life.goesSilent()
    const { disk, clock } = life
    disk.fault = (operation) =>
      operation === 'write' ? new Promise((resolve) => clock.setTimeout(() => resolve(), 4000)) : undefined
    await life.end(1000)
    const { delivered, dropped, pending } = life.ledger()
    assertExact(life.ledger())
    assert.deepEqual([delivered, dropped, pending.spooled], [5, { shutdown: 5 }, 0])
    await life.pass(10)
    assert.deepEqual(spoolFiles(platter), [])
  })

  it('is stopped in less time than the disk needs: what is not on disk then is counted as dropped', async () => {
    for (const slowMs of [100, 400, 1000, 4000])
      for (const timeoutMs of [100, 1000, 5000])
        for (const waits of [0, 0.5, 1]) {
          const life = await beginLife(createPlatter(), {}, {}, 'silent')
          const { disk, clock } = life
          disk.fault = () => new Promise((resolve) => clock.setTimeout(() => resolve(), slowMs))
          life.emit(45)
          await life.pass(waits)
          await life.end(timeoutMs)
          await life.pass(20)
          const ledger = life.ledger()
          assertExact(ledger)
          const { spooled, ...inMemory } = ledger.pending
          assert.deepEqual(
            inMemory,
            { buffered: 0, held: 0, queued: 0, in_flight: 0 },
            `${slowMs} ${timeoutMs}`,
          )
          const onDisk = spoolFiles(disk).reduce((sum, path) => sum + weightIn(path), 0)
          assert.ok(onDisk >= spooled!)
          disk.kill()
        }
  })
})
