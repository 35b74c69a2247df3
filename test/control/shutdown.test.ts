/** Disabling, stopping, crashing and restarting: drains with a deadline, exact reports, supervision. */

import assert from 'node:assert/strict'
import { createTelemetry, type Telemetry } from '../../src/index.ts'
import { mortalSystem } from '../../src/testing/mortal.ts'
import { inTime } from '../support/in-time.ts'
import { assertExact, totalPending } from '../support/ledger.ts'
import { quietLogger } from '../support/quiet-logger.ts'
import { createDriver, delivered, down, hang } from '../support/scripted-driver.ts'
import { endSimulated, startSimulated } from '../support/simulated-telemetry.ts'

const mine = { event_patterns: ['app.*'], batch_size: 5, flush_interval: 0.1 }

async function rigWith(config: Record<string, unknown> = {}) {
  const driver = createDriver()
  const rig = await startSimulated([driver.definition], { test: { ...mine, ...config } })
  return { driver, rig }
}

describe('an exporter that is disabled', () => {
  afterEach(endSimulated)

  it('delivers what it has, takes nothing more, and closes its client', async () => {
    const { driver, rig } = await rigWith({ flush_interval: 1000 })
    rig.emit(3)
    await Promise.all([rig.telemetry.config.put('test.enabled', false), rig.settle()])
    assert.equal(rig.state(), 'disabled')
    assert.equal(rig.ledger().delivered, 3)
    rig.emit(5)
    await rig.settle()
    assert.equal(rig.ledger().accepted, 3)
    assert.equal(driver.open.length, 0)
    await Promise.all([rig.telemetry.config.put('test.enabled', true), rig.settle()])
    rig.emit(5)
    await rig.settle()
    assert.equal(rig.ledger().delivered, 8)
  })

  it('drains no longer than drain_timeout, and counts what is left', async () => {
    const { driver, rig } = await rigWith({ drain_timeout: 3, max_in_flight: 1 })
    driver.reply = hang
    rig.emit(12)
    await rig.settle()
    const put = rig.telemetry.config.put('test.enabled', false)
    await rig.pass(2.9)
    assert.equal(rig.state(), 'draining')
    await put
    await rig.pass(0.2)
    assert.equal(rig.state(), 'disabled')
    assert.equal(rig.ledger().dropped.disabled, 12)
    assert.equal(driver.open.length, 0)
    assertExact(rig.ledger())
  })
})

describe('a change that a stop cuts short', () => {
  afterEach(endSimulated)

  it('is rejected as stopped, whether it was under way or waited', async () => {
    const { driver, rig } = await rigWith()
    driver.opening = () => new Promise(() => {})
    const codes: unknown[] = []
    const put = (endpoint: string) =>
      rig.telemetry.config.put('test.endpoint', endpoint).catch(({ code }) => codes.push(code))
    const under = put('two')
    await rig.settle()
    const waiting = put('three')
    await rig.settle()
    await rig.end()
    await Promise.all([under, waiting, put('four')])
    assert.deepEqual(codes, ['STOPPED', 'STOPPED', 'STOPPED'])
  })
})

describe('an exporter that cannot open at start', () => {
  afterEach(endSimulated)

  it('says why, retries, keeps its events and delays no other exporter', async () => {
    const driver = createDriver()
    const other = createDriver('other')
    driver.opening = () => {
      throw Object.assign(new Error('port taken'), { code: 'EADDRINUSE' })
    }
    const rig = await startSimulated([driver.definition, other.definition], { test: mine, other: mine })
    assert.equal(rig.state(), 'retrying')
    const { lastError } = rig.telemetry.status().exporters.test!
    assert.equal(lastError?.message, 'port taken')
    rig.emit(7)
    await rig.pass(20)
    assert.equal(rig.ledger('other').delivered, 7)
    assert.equal(rig.ledger().pending.queued, 7)
    driver.opening = () => {}
    await rig.pass(31)
    assert.equal(rig.state(), 'serving')
    assert.equal(rig.ledger().delivered, 7)
  })
})

describe('an exporter that crashes', () => {
  afterEach(endSimulated)

  it('comes back with all it had, cuts what was in flight, and its sibling notices nothing', async () => {
    const driver = createDriver()
    const other = createDriver('other')
    const { machine, crash } = mortalSystem()
    const rig = await startSimulated(
      [driver.definition, other.definition],
      { test: mine, other: mine },
      machine,
    )
    driver.reply = hang
    rig.emit(5)
    await rig.settle()
    crash('test')
    rig.emit(2)
    await rig.settle()
    assert.equal(rig.state(), 'restarting')
    assert.equal(driver.calls[0]?.signal.aborted, true)
    assert.equal(driver.open.length, 0)
    assert.equal(rig.ledger().pending.queued, 7)
    rig.emit(3)
    await rig.settle()
    assert.equal(rig.ledger().accepted, 10)
    assertExact(rig.ledger())
    driver.reply = () => delivered
    await rig.pass(2)
    assert.equal(rig.ledger().delivered, 10)
    assert.equal(rig.ledger().ambiguous, 5)
    assert.equal(rig.ledger('other').delivered, 10)
    assert.equal(other.clients.length, 1)
  })

  for (const [how, revive] of Object.entries({
    'an operator restarts it': (rig: Awaited<ReturnType<typeof startSimulated>>) =>
      rig.telemetry.restart('test'),
    'its configuration changes': (rig: Awaited<ReturnType<typeof startSimulated>>) =>
      rig.telemetry.config.put('test.batch_size', 7),
  }))
    it(`too often has failed until ${how}`, async () => {
      const driver = createDriver()
      const { machine, crash } = mortalSystem()
      const rig = await startSimulated([driver.definition], { test: mine }, machine)
      for (let times = 1; times <= 6; times += 1) {
        crash('test')
        rig.emit(1)
        await rig.settle()
        assert.equal(rig.state(), times <= 5 ? 'restarting' : 'failed')
        if (times <= 5) await rig.pass(6)
      }
      await rig.pass(100)
      assert.equal(rig.state(), 'failed')
      rig.emit(2)
      await rig.settle()
      await Promise.all([revive(rig), rig.pass(1)])
      assert.equal(rig.state(), 'serving')
      assert.equal(rig.ledger().delivered, 8)
    })
})

describe('stop', () => {
  afterEach(endSimulated)

  it('delivers everything to a healthy backend and leaves nothing behind', async () => {
    const { driver, rig } = await rigWith({ flush_interval: 1000 })
    rig.emit(1003)
    const report = await rig.end()
    assert.equal(report.complete, true)
    assert.equal(report.exporters.test?.delivered, 1003)
    assert.equal(driver.open.length, 0)
    assert.equal(rig.clock.timers, 0)
    rig.emit(3)
    assert.equal(rig.telemetry.status().bus.dropped.stopped, 3)
    assert.equal(rig.ledger().accepted, 1003)
    assert.equal(rig.state(), 'stopped')
  })

  it('returns at its deadline when the backend hangs, with a report that adds up', async () => {
    const { rig, driver } = await rigWith()
    driver.reply = hang
    rig.emit(1000)
    await rig.settle()
    const from = rig.clock.now()
    const report = await rig.end(1000)
    assert.ok(rig.clock.now() - from <= 1200)
    assert.equal(report.complete, false)
    const ledger = report.exporters.test!
    assert.equal(ledger.dropped.shutdown, 1000)
    assert.equal(ledger.ambiguous, 25, 'four attempts of the wave, one of the drain')
    assertExact(ledger)
    assert.equal(
      driver.calls.every(({ signal }) => signal.aborted),
      true,
    )
  })

  it('returns in time although the driver never closes', async () => {
    const { rig, driver } = await rigWith()
    driver.closing = () => new Promise(() => {})
    const from = rig.clock.now()
    await rig.end(500)
    assert.ok(rig.clock.now() - from <= 700, `${rig.clock.now() - from} ms`)
  })

  it('tries each batch once when the backend is down', async () => {
    const { rig, driver } = await rigWith({ flush_interval: 1000 })
    driver.reply = () => down
    rig.emit(4)
    const report = await rig.end()
    assert.equal(driver.calls.length, 1)
    assert.equal(report.exporters.test?.dropped.shutdown, 4)
  })

  it('does not wait for a backoff, a breaker or a crashed actor', async () => {
    const driver = createDriver()
    const { machine, crash } = mortalSystem()
    const rig = await startSimulated(
      [driver.definition],
      { one: { type: 'test', ...mine }, two: { type: 'test', ...mine }, three: { type: 'test', ...mine } },
      machine,
    )
    driver.reply = () => ({ ...down, afterSeconds: 300 }) as const
    rig.emit(5)
    await rig.settle()
    rig.telemetry.breaker('two').forceOpen()
    crash('three')
    rig.emit(5)
    await rig.settle()
    driver.reply = () => delivered
    const from = rig.clock.now()
    const report = await rig.end()
    assert.ok(rig.clock.now() - from <= 300, `${rig.clock.now() - from} ms`)
    for (const ledger of Object.values(report.exporters)) {
      assertExact(ledger)
      assert.equal(totalPending(ledger), 0)
    }
    assert.equal(report.exporters.one?.delivered, 10)
    assert.equal(report.exporters.two?.dropped.shutdown, 10)
  })

  it('refuses a change that is under way', async () => {
    const { rig, driver } = await rigWith()
    driver.opening = () => new Promise(() => {})
    const put = rig.telemetry.config.put('test.endpoint', 'two')
    await rig.settle()
    const refused = assert.rejects(put, /stopped/)
    const late = rig.telemetry.stop()
    await assert.rejects(rig.telemetry.config.put('test.endpoint', 'three'), { code: 'STOPPED' })
    await rig.end()
    await refused
    await late
    assert.equal(driver.open.length, 0)
    assert.equal(rig.telemetry.config.get('test.endpoint'), 'one')
  })

  it('twice gives the same report; together with a flush and a restart all settle', async () => {
    const { rig } = await rigWith({ flush_interval: 1000 })
    rig.emit(3)
    const flush = rig.telemetry.flush()
    const restart = rig.telemetry.restart('test')
    const first = rig.telemetry.stop()
    const second = rig.telemetry.stop({ timeoutMs: 1 })
    await rig.end()
    assert.equal(await first, await second)
    await restart
    await flush
    assert.equal((await first).exporters.test?.delivered, 3)
    assert.equal((await rig.telemetry.flush()).complete, true)
    await assert.rejects(rig.telemetry.start(), { code: 'STOPPED' })
  })

  it('does not wait for a start that hangs', async () => {
    const driver = createDriver()
    driver.opening = () => new Promise(() => {})
    const rig = await startSimulated([driver.definition], {})
    const put = rig.telemetry.config.put('test.type', 'test').catch(() => {})
    await rig.settle()
    const ended = Promise.all([rig.end(100), put])
    await inTime(900, 'the end', ended)
  })
})

describe('a call with a nonsense argument', () => {
  afterEach(endSimulated)

  for (const timeoutMs of [Number.NaN, null, '5s', -1, Number.POSITIVE_INFINITY, {}])
    it(`is refused by name: timeoutMs ${String(timeoutMs)}`, async () => {
      const driver = createDriver()
      const rig = await startSimulated([driver.definition], { test: mine })
      const refusal = { code: 'TIMEOUT_INVALID', message: /timeoutMs/ }
      await assert.rejects(rig.telemetry.flush({ timeoutMs: timeoutMs as number }), refusal)
      await assert.rejects(rig.telemetry.stop({ timeoutMs: timeoutMs as number }), refusal)
      assert.equal(rig.telemetry.status().system, 'running')
    })

  it('is refused by name: an exporter that does not exist', async () => {
    const driver = createDriver()
    const rig = await startSimulated([driver.definition], { test: mine })
    await assert.rejects(rig.telemetry.flush({ exporters: ['nope'] }), {
      code: 'EXPORTER_UNKNOWN',
      message: /"nope"; there is test/,
    })
  })
})

describe('a stop before or during the start', () => {
  it('counts what the bus still held, and is not complete', async () => {
    const driver = createDriver()
    const make = (load: () => Promise<Record<string, unknown>>): Telemetry =>
      createTelemetry({
        types: [driver.definition],
        config: { init: { test: mine }, env: {}, remote: [{ load }] },
        logger: quietLogger,
        drainOnExit: false,
      })
    const hung = make(() => new Promise(() => {}))
    const starting = hung.start()
    const started = assert.rejects(starting, { code: 'STOPPED' })
    const never = make(async () => ({}))
    for (const telemetry of [hung, never]) for (let i = 0; i < 500; i += 1) telemetry.emit(`app.${i}`)
    for (const telemetry of [hung, never]) {
      const report = await telemetry.stop({ timeoutMs: 100 })
      assert.equal(report.complete, false)
      assert.equal(report.bus.dropped.not_started, 500)
    }
    await started
  })

  it('is complete when nothing was emitted', async () => {
    const telemetry = createTelemetry({ types: [], config: { env: {} }, drainOnExit: false })
    assert.equal((await telemetry.stop()).complete, true)
  })
})
