/** What follows a failed attempt: waiting, giving up, and the breaker in the tree. */
import assert from 'node:assert/strict'
import { backoffMs, exportBackoff, retryAfterMs } from '../../src/delivery/retry.ts'
import type { Outcome } from '../../src/exporters/outcome.ts'
import { assertExact } from '../support/ledger.ts'
import { createDriver, delivered, down, hang } from '../support/scripted-driver.ts'
import { endSimulated, startSimulated } from '../support/simulated-telemetry.ts'

const mine = { event_patterns: ['app.*'], flush_interval: 0.1, batch_size: 5, max_in_flight: 1 }

async function rigWith(config: Record<string, unknown> = {}) {
  const driver = createDriver()
  const rig = await startSimulated([driver.definition], { test: { ...mine, ...config } })
  return { driver, rig }
}

describe('the backoff', () => {
  it('doubles from half a second to thirty, with full jitter', () => {
    const almost = 1 - 2 ** -30
    const ceilings = Array.from({ length: 9 }, (_, i) => Math.ceil(backoffMs(i + 1, almost)))
    assert.deepEqual(
      ceilings.map((ms) => Math.round(ms / 10) * 10),
      [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000],
    )
    assert.equal(backoffMs(4, 0), 0)
    assert.equal(backoffMs(4, 0.5), 2000)
    assert.equal(backoffMs(1e9, 0.5, exportBackoff), 15000)
  })

  it('yields to a usable Retry-After, capped at 300 s', () => {
    assert.equal(retryAfterMs(7), 7000)
    assert.equal(retryAfterMs(100_000), 300_000)
    for (const junk of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, undefined])
      assert.equal(retryAfterMs(junk), undefined)
  })
})

describe('a failed batch', () => {
  afterEach(endSimulated)

  it('waits as long as Retry-After says, and nothing else goes meanwhile', async () => {
    const { driver, rig } = await rigWith()
    driver.reply = () => ({ ...down, afterSeconds: 20 }) as Outcome
    rig.emit(5)
    await rig.settle()
    driver.reply = () => delivered
    rig.emit(10)
    await rig.pass(19.9)
    assert.equal(driver.calls.length, 1)
    await rig.pass(0.3)
    assert.equal(rig.ledger().delivered, 15)
  })

  it('counts once with those that failed beside it: the backoff doubles from wave to wave', async () => {
    const { driver, rig } = await rigWith({ max_in_flight: 4, failure_threshold: 100 })
    driver.reply = () => down
    rig.emit(20)
    await rig.settle()
    assert.equal(driver.calls.length, 4)
    await rig.pass(0.6)
    assert.ok(driver.calls.length >= 8, 'the first backoff is at most half a second')
    const { at } = rig.telemetry.status().exporters.test!.lastError!
    assert.ok(Number.isInteger(at))
  })

  it('stands at the back of the queue', async () => {
    const { driver, rig } = await rigWith()
    driver.reply = hang
    rig.emit(5, 'app.first')
    await rig.settle()
    rig.emit(5, 'app.second')
    await rig.settle()
    driver.reply = () => delivered
    driver.calls[0]?.answer(down)
    await rig.pass(2)
    assert.deepEqual(
      driver.calls.map(({ names }) => names[0]),
      ['app.first.0', 'app.second.0', 'app.first.0'],
    )
  })

  it('is never given up while no other succeeds', async () => {
    const { driver, rig } = await rigWith({ retry_attempts: 1, reset_timeout: 1 })
    driver.reply = () => down
    rig.emit(5)
    await rig.pass(60)
    assert.ok(driver.calls.length > 20)
    assert.equal(rig.ledger().pending.queued, 5)
    driver.reply = () => delivered
    await rig.pass(3)
    assert.equal(rig.ledger().delivered, 5)
  })

  it('is given up as the poison after 1 + retry_attempts failures once another has succeeded', async () => {
    const { driver, rig } = await rigWith({ retry_attempts: 2 })
    let poison = 0
    driver.reply = ({ names }) => {
      if (!names[0]?.startsWith('app.poison')) return delivered
      poison += 1
      return down
    }
    rig.emit(5, 'app.poison')
    rig.emit(100)
    await rig.pass(10)
    assert.equal(poison, 3)
    assert.equal(rig.ledger().dropped.retries_exhausted, 5)
    assert.equal(rig.ledger().delivered, 100)
    assertExact(rig.ledger())
  })

  it('has all its attempts again at another destination', async () => {
    const { driver, rig } = await rigWith({ retry_attempts: 2, failure_threshold: 100, max_in_flight: 1 })
    driver.reply = () => down
    rig.emit(1, 'app.poison')
    await rig.pass(60)
    assert.ok(driver.calls.length > 3)
    driver.reply = ({ names }) => (names[0]?.startsWith('app.poison') ? down : delivered)
    await Promise.all([rig.telemetry.config.put('test.endpoint', 'two'), rig.settle()])
    rig.emit(100)
    await rig.pass(60)
    const there = driver.calls.filter(
      ({ names, endpoint }) => endpoint === 'two' && names[0]?.startsWith('app.poison'),
    )
    assert.ok(there.length >= 3, `${there.length} attempts`)
    assert.deepEqual([rig.ledger().delivered, rig.ledger().dropped], [100, { retries_exhausted: 1 }])
  })

  it('is given up when it is older than max_age', async () => {
    const { driver, rig } = await rigWith({ max_age: 10 })
    driver.reply = () => down
    rig.emit(5)
    await rig.pass(9)
    assert.deepEqual(rig.ledger().dropped, {})
    await rig.pass(40)
    assert.equal(rig.ledger().dropped.max_age, 5)
    assertExact(rig.ledger())
  })

  it('counts as ambiguous where it may have arrived', async () => {
    const { driver, rig } = await rigWith({ timeout: 3 })
    driver.reply = hang
    rig.emit(5)
    await rig.pass(2.9)
    assert.equal(driver.calls[0]?.signal.aborted, false)
    driver.reply = () => delivered
    await rig.pass(5)
    assert.equal(driver.calls[0]?.signal.aborted, true)
    assert.deepEqual([rig.ledger().delivered, rig.ledger().ambiguous], [5, 5])
  })

  it('that was partly taken is never sent again', async () => {
    const { driver, rig } = await rigWith()
    driver.reply = () => ({ type: 'delivered', rejected: 2 })
    rig.emit(5)
    await rig.pass(10)
    assert.equal(driver.calls.length, 1)
    assert.equal(rig.ledger().delivered, 3)
    assert.equal(rig.ledger().dropped.rejected, 2)
    assert.equal(rig.breaker(), 'closed')
  })
})

describe('the breaker of an exporter', () => {
  afterEach(endSimulated)

  it('opens after failure_threshold failures, keeps everything, and closes when one probe succeeds', async () => {
    const { driver, rig } = await rigWith({
      failure_threshold: 3,
      initial_reset_timeout: 30,
      reset_timeout: 30,
    })
    driver.reply = () => down
    rig.emit(20)
    await rig.clock.until(() => rig.breaker() === 'open', { stepMs: 100 })
    assert.equal(driver.calls.length, 3)
    await rig.clock.until(() => driver.calls.length === 4, { stepMs: 500 })
    const waited = (driver.calls[3]?.at ?? 0) - (driver.calls[2]?.at ?? 0)
    assert.ok(waited >= 24_000 && waited <= 30_000, `${waited} ms: reset_timeout less a jitter of up to 20 %`)
    await rig.pass(23)
    assert.equal(driver.calls.length, 4, 'one probe per wait')
    driver.reply = () => delivered
    await rig.pass(40)
    assert.equal(rig.breaker(), 'closed')
    assert.equal(rig.ledger().delivered, 20)
  })

  it('says how long it waits before a probe, by the outage and not by reset_timeout', async () => {
    const { driver, rig } = await rigWith({ failure_threshold: 1, reset_timeout: 60 })
    const probeInMs = () => rig.telemetry.status().exporters.test!.probeInMs
    assert.equal(probeInMs(), null)
    driver.reply = () => down
    rig.emit(1)
    await rig.clock.until(() => rig.breaker() === 'open', { stepMs: 10 })
    const first = probeInMs()!
    assert.ok(first > 700 && first <= 1_000, `${first} ms`)
    await rig.pass(0.5)
    assert.equal(first - probeInMs()!, 500)
    driver.reply = () => delivered
    await rig.pass(2)
    assert.deepEqual([rig.breaker(), probeInMs()], ['closed', null])
  })

  it('learns nothing of the backend from a batch that was too large before it was sent', async () => {
    const { driver, rig } = await rigWith({
      failure_threshold: 1,
      initial_reset_timeout: 10,
      reset_timeout: 10,
    })
    driver.reply = () => down
    rig.emit(5)
    await rig.settle()
    assert.equal(rig.breaker(), 'open')
    driver.reply = ({ items }) => (items.length > 2 ? { type: 'too_large', unsent: true } : down)
    await rig.pass(10.5)
    assert.equal(rig.breaker(), 'open', 'the half that was sent failed')
    driver.reply = ({ items }) => (items.length > 2 ? { type: 'too_large', unsent: true } : delivered)
    await rig.telemetry.stop()
    assert.equal(rig.ledger().delivered, 5)
    assertExact(rig.ledger())
  })

  it('lets one batch through as a probe while others wait', async () => {
    const { driver, rig } = await rigWith({ failure_threshold: 1, reset_timeout: 5, max_in_flight: 4 })
    driver.reply = () => down
    rig.emit(5)
    await rig.settle()
    driver.reply = hang
    rig.emit(30)
    await rig.pass(5)
    assert.equal(driver.calls.length, 2)
    driver.calls[1]?.answer(delivered)
    await rig.settle()
    assert.equal(rig.breaker(), 'closed')
    assert.equal(driver.calls.length, 6)
  })

  it('opens at once on a wrong key, and loses one batch per reset_timeout', async () => {
    const { driver, rig } = await rigWith({ reset_timeout: 10 })
    driver.reply = () => ({ type: 'misdirected', cause: new Error('401') })
    rig.emit(50)
    await rig.settle()
    assert.equal(rig.breaker(), 'open')
    assert.equal(rig.ledger().dropped.misdirected, 5)
    await rig.pass(10.5)
    assert.equal(rig.ledger().dropped.misdirected, 10)
    assert.equal(rig.ledger().pending.queued, 40)
    driver.reply = () => delivered
    await Promise.all([rig.telemetry.config.put('test.endpoint', 'right'), rig.settle()])
    assert.equal(rig.ledger().delivered, 40)
  })

  it('stays closed while the backend refuses data, and counts a final server error', async () => {
    const { driver, rig } = await rigWith({ failure_threshold: 2, initial_reset_timeout: 60 })
    driver.reply = () => ({ type: 'refused', cause: '400' })
    for (let i = 0; i < 5; i += 1) {
      rig.emit(5)
      await rig.pass(1)
    }
    assert.equal(rig.breaker(), 'closed')
    driver.reply = () => ({ type: 'refused', unhealthy: true, cause: '500' })
    rig.emit(10)
    await rig.pass(1)
    assert.equal(rig.breaker(), 'open')
    assert.equal(rig.ledger().dropped.rejected, 35)
  })

  it('obeys an operator', async () => {
    const { driver, rig } = await rigWith({ failure_threshold: 1 })
    const breaker = rig.telemetry.breaker('test')
    breaker.forceOpen()
    rig.emit(5)
    await rig.pass(100)
    assert.equal(rig.breaker(), 'forced_open')
    assert.equal(driver.calls.length, 0)
    breaker.reset()
    await rig.settle()
    assert.equal(rig.ledger().delivered, 5)
    breaker.disable()
    driver.reply = () => down
    rig.emit(5)
    await rig.pass(100)
    assert.equal(rig.breaker(), 'disabled')
    assert.ok(driver.calls.length > 4)
    assert.throws(() => rig.telemetry.breaker('nobody'), { code: 'EXPORTER_UNKNOWN' })
  })
})
