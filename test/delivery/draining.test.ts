/** A drain obeys the breaker, and a change that is refused in the middle of it does not cut it short. */
import assert from 'node:assert/strict'
import { totalPending } from '../support/ledger.ts'
import { createDriver, delivered, hang } from '../support/scripted-driver.ts'
import { endSimulated, startSimulated } from '../support/simulated-telemetry.ts'

const table = { event_patterns: ['app.*'], batch_size: 1, max_in_flight: 1, drain_timeout: 5 }

describe('a drain', () => {
  afterEach(endSimulated)

  it('sends nothing more once its breaker is forced open', async () => {
    const driver = createDriver()
    const rig = await startSimulated([driver.definition], { test: table })
    driver.reply = hang
    rig.emit(3)
    await rig.settle()
    void rig.telemetry.config.put('test.enabled', false)
    await rig.settle()
    assert.equal(rig.state(), 'draining')
    const begun = driver.calls.length
    rig.telemetry.breaker('test').forceOpen()
    driver.calls[0]!.answer(delivered)
    await rig.pass(6)
    assert.equal(rig.state(), 'disabled')
    assert.equal(driver.calls.length, begun)
    assert.equal(rig.ledger().dropped.disabled, 3 - driver.delivered.length)
  })

  it('goes on when its breaker is reset meanwhile', async () => {
    const driver = createDriver()
    const rig = await startSimulated([driver.definition], { test: table })
    driver.reply = hang
    rig.emit(3)
    await rig.settle()
    void rig.telemetry.config.put('test.enabled', false)
    await rig.settle()
    rig.telemetry.breaker('test').reset()
    driver.reply = () => delivered
    for (const call of [...driver.calls]) call.answer(delivered)
    await rig.settle()
    assert.equal(rig.state(), 'disabled')
    assert.equal(rig.ledger().delivered, 3)
  })

  it('goes on and ends as planned when enabling its exporter again is refused', async () => {
    const driver = createDriver()
    const rig = await startSimulated([driver.definition], { test: table })
    driver.reply = hang
    rig.emit(3)
    await rig.settle()
    void rig.telemetry.config.put('test.enabled', false)
    await rig.pass(1.1)
    driver.opening = () => {
      throw new Error('no')
    }
    await assert.rejects(rig.telemetry.config.put('test.enabled', true), { code: 'EXPORTER_REFUSED' })
    assert.equal(rig.state(), 'draining')
    driver.reply = () => delivered
    for (const call of [...driver.calls]) call.answer(delivered)
    await rig.settle()
    assert.equal(rig.state(), 'disabled')
    assert.deepEqual(rig.ledger().dropped, {})
    assert.equal(rig.ledger().delivered, 3)
  })

  it('is what the next client takes over when enabling its exporter again succeeds', async () => {
    const driver = createDriver()
    const rig = await startSimulated([driver.definition], { test: table })
    driver.reply = hang
    rig.emit(3)
    await rig.settle()
    void rig.telemetry.config.put('test.enabled', false)
    await rig.pass(1.1)
    const hanging = [...driver.calls]
    const enabled = rig.telemetry.config.put('test.enabled', true)
    driver.reply = () => delivered
    await rig.settle()
    await enabled
    assert.equal(rig.state(), 'serving')
    for (const call of hanging) call.answer(delivered)
    await rig.pass(2)
    assert.equal(rig.ledger().delivered, 3)
    assert.equal(totalPending(rig.ledger()), 0)
    assert.equal(driver.delivered.length, 3)
  })
})
