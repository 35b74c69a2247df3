/** The root's chart over running exporters: what the models of one change and one exporter do not come by. */
import assert from 'node:assert/strict'
import { assertExact } from '../support/ledger.ts'
import { createDriver, down, hang } from '../support/scripted-driver.ts'
import { endSimulated } from '../support/simulated-telemetry.ts'
import { startCrashable } from './crashable.ts'

const mine = { event_patterns: ['app.*'], drain_timeout: 4 }

describe('the system', () => {
  afterEach(endSimulated)

  it('sees off an exporter that is removed', async () => {
    const driver = createDriver()
    const rig = await startCrashable([driver.definition], { test: mine })
    await rig.telemetry.config.put('other.type', 'test')
    await rig.telemetry.config.unset('other')
    assert.deepEqual(Object.keys(rig.telemetry.status().exporters), ['test'])
    assert.equal(driver.open.length, 1)
  })

  it('sees off an exporter that drains on after its removal is in force', async () => {
    const driver = createDriver()
    const rig = await startCrashable([driver.definition], {})
    await rig.telemetry.config.put({ 'other.type': 'test', 'other.event_patterns': ['app.*'] })
    driver.reply = hang
    rig.emit(1)
    await rig.pass(1.5)
    const removal = rig.telemetry.config.unset('other')
    await rig.pass(1.5)
    await removal
    assert.equal(rig.state('other'), 'draining')
    await rig.pass(5)
    assert.equal(rig.state('other'), undefined)
    assert.equal(driver.open.length, 0)
  })

  it('begins at a new destination with as many attempts as it may, also when a breaker was open', async () => {
    const driver = createDriver()
    const config = { ...mine, batch_size: 1, max_in_flight: 2, failure_threshold: 1 }
    const rig = await startCrashable([driver.definition], { test: config })
    driver.reply = () => down
    rig.emit(9)
    await rig.clock.until(() => rig.breaker() === 'open', { stepMs: 100 })
    driver.reply = hang
    await rig.telemetry.config.put('test.endpoint', 'two')
    await rig.settle()
    assert.equal(driver.calls.filter(({ endpoint }) => endpoint === 'two').length, 2)
    // They are attempts of the new destination's breaker: their results count.
    for (const call of driver.calls.filter(({ endpoint }) => endpoint === 'two')) call.answer(down)
    await rig.settle()
    assert.equal(rig.breaker(), 'open')
  })

  it('refuses a change while another is under way, and when it stops', async () => {
    const driver = createDriver()
    const rig = await startCrashable([driver.definition], { test: mine })
    let open = (): void => {}
    driver.opening = () => new Promise((resolve) => (open = resolve))
    const put = rig.telemetry.config.put('test.endpoint', 'two')
    await rig.settle()
    rig.tell({ type: 'config.change', version: 99, changes: [] })
    open()
    await rig.settle()
    await put
    assert.equal(rig.state(), 'serving')

    driver.reply = hang
    rig.emit(1)
    await rig.pass(1.5)
    const stop = rig.telemetry.stop({ timeoutMs: 2000 })
    await rig.settle()
    rig.tell({ type: 'config.change', version: 100, changes: [] })
    await rig.pass(3)
    assert.equal((await stop).complete, false)
  })

  it('respawns whom a change does not concern while it is prepared, and whom it does afterwards', async () => {
    const driver = createDriver()
    const table = { type: 'test', ...mine }
    const rig = await startCrashable([driver.definition], { one: table, two: table, three: table })
    let open = (): void => {}
    driver.opening = ({ endpoint }) =>
      endpoint === 'slow' ? new Promise((resolve) => (open = resolve)) : undefined
    await rig.crash('one')
    await rig.crash('three')
    const put = rig.telemetry.config.put({ 'one.endpoint': 'elsewhere', 'two.endpoint': 'slow' })
    await rig.pass(1)
    assert.deepEqual([rig.state('one'), rig.state('three')], ['restarting', 'serving'])
    open()
    await rig.settle()
    await put
    assert.equal(rig.state('one'), 'serving')
    assert.deepEqual(driver.open.map(({ endpoint }) => endpoint).sort(), ['elsewhere', 'one', 'slow'])
  })

  it('counts a change as settled by an exporter that crashes on its way there', async () => {
    const driver = createDriver()
    const rig = await startCrashable([driver.definition], { test: mine })
    driver.reply = hang
    rig.emit(1)
    await rig.pass(1.5)
    const put = rig.telemetry.config.put('test.enabled', false)
    await rig.settle()
    assert.equal(rig.state(), 'draining')
    await rig.crash()
    await put
    await rig.pass(1)
    assert.equal(rig.state(), 'disabled')
    assert.equal(rig.ledger().dropped.disabled, 1)
    assertExact(rig.ledger())
  })

  it('stops without an exporter whose client will not close in time', async () => {
    const driver = createDriver()
    driver.closing = () => new Promise(() => {})
    const rig = await startCrashable([driver.definition], { test: mine })
    let stopped = false
    const stop = rig.telemetry.stop({ timeoutMs: 500 }).finally(() => {
      stopped = true
    })
    await rig.pass(0.6)
    await rig.clock.until(() => stopped, { stepMs: 100 })
    assert.equal((await stop).complete, true)
    assert.equal(rig.clock.timers, 0)
  })
})
