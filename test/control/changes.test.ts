/** Configuration changes as transactions over running, draining and crashed exporters. */

import assert from 'node:assert/strict'
import { mortalSystem } from '../../src/testing/mortal.ts'
import { assertExact } from '../support/ledger.ts'
import { createDriver, delivered, down, hang } from '../support/scripted-driver.ts'
import { endSimulated, type SimulatedTelemetry, startSimulated } from '../support/simulated-telemetry.ts'

/** A promise that has settled, or not yet. */
function watched<Value>(promise: Promise<Value>) {
  const seen: { value?: Value; error?: Error; settled: boolean } = { settled: false }
  promise.then(
    (value) => Object.assign(seen, { value, settled: true }),
    (error) => Object.assign(seen, { error, settled: true }),
  )
  return seen
}

const mine = { event_patterns: ['app.*'] }
const pair = { one: { type: 'test', ...mine }, two: { type: 'test', ...mine } }

describe('a change', () => {
  afterEach(endSimulated)

  it('is in force although its exporter is restarted while it is prepared', async () => {
    const driver = createDriver()
    const rig = await startSimulated([driver.definition], { test: mine })
    const put = watched(rig.telemetry.config.put('test.endpoint', 'two'))
    await Promise.resolve()
    const restart = watched(rig.telemetry.restart('test'))
    await rig.settle()
    assert.ok(put.settled && restart.settled)
    assert.equal(put.error, undefined)
    assert.deepEqual(
      driver.open.map(({ endpoint }) => endpoint),
      ['two'],
    )
  })

  it('that is refused elsewhere leaves an exporter disabled that it had begun to enable', async () => {
    const driver = createDriver()
    const rig = await startSimulated([driver.definition], pair)
    driver.reply = hang
    rig.emit(1)
    await rig.pass(2)
    const disable = watched(rig.telemetry.config.put('one.enabled', false))
    await rig.pass(1.5)
    assert.ok(disable.settled, 'a change does not wait for the end of a drain')
    assert.equal(rig.state('one'), 'draining')
    driver.opening = ({ endpoint }) => {
      if (endpoint === 'bad') throw new Error('no such place')
    }
    // The hanging attempt keeps `one` closing until the other exporter has refused.
    driver.closing = () => new Promise((resolve) => rig.clock.setTimeout(() => resolve(), 500))
    const both = watched(rig.telemetry.config.put({ 'one.enabled': true, 'two.endpoint': 'bad' }))
    await rig.pass(10)
    assert.match(String(both.error), /two cannot be changed: no such place/)
    assert.equal(rig.state('one'), 'disabled')
    assert.equal(rig.telemetry.config.get('one.enabled'), false)
    assert.deepEqual(
      driver.open.map(({ config }) => config.endpoint),
      ['one'],
      'only the client of `two` is open',
    )
    assert.equal(rig.ledger('one').dropped.disabled, 1)
    assertExact(rig.ledger('one'))
  })

  it('leaves what was emitted before it to the configuration that was in force then', async () => {
    const seen: unknown[] = []
    const driver = createDriver('test', {
      ingest: (event, sink) => {
        seen.push(sink.config.batch_size)
        sink.item(event)
      },
    })
    const rig = await startSimulated([driver.definition], { test: { ...mine, batch_size: 7 } })
    rig.emit(1)
    await Promise.all([rig.telemetry.config.put('test.batch_size', 9), rig.settle()])
    rig.emit(1)
    await rig.pass(1)
    assert.deepEqual(seen, [7, 9])
  })

  it('reaches an exporter that is respawned while it is prepared elsewhere', async () => {
    const driver = createDriver()
    const { machine, crash } = mortalSystem()
    const rig = await startSimulated([driver.definition], pair, machine)
    let openUp: () => void = () => {}
    driver.opening = ({ endpoint }) =>
      endpoint === 'slow' ? new Promise<void>((resolve) => (openUp = resolve)) : undefined
    crash('one')
    rig.emit(1)
    await rig.settle()
    assert.equal(rig.state('one'), 'restarting')
    const put = watched(rig.telemetry.config.put({ 'one.endpoint': 'elsewhere', 'two.endpoint': 'slow' }))
    await rig.pass(3)
    openUp()
    await rig.pass(1)
    assert.equal(put.error, undefined)
    assert.ok(put.settled)
    assert.deepEqual(driver.open.map(({ endpoint }) => endpoint).sort(), ['elsewhere', 'slow'])
    assert.equal(rig.state('one'), 'serving')
  })

  it('is refused, and leaves no client behind, when its exporter crashes while it is prepared', async () => {
    const driver = createDriver()
    const { machine, crash } = mortalSystem()
    const rig = await startSimulated([driver.definition], { test: mine }, machine)
    driver.opening = ({ endpoint }) => {
      if (endpoint === 'two') return new Promise((resolve) => rig.clock.setTimeout(() => resolve(), 1000))
    }
    const put = watched(rig.telemetry.config.put('test.endpoint', 'two'))
    await rig.settle()
    crash('test')
    rig.emit(1)
    await rig.pass(5)
    assert.match(String(put.error), /crashed/)
    assert.deepEqual(
      driver.open.map(({ endpoint }) => endpoint),
      ['one'],
    )
    assert.equal(rig.ledger().delivered, 1)
  })

  it('that is refused elsewhere leaves the old configuration to an exporter that crashed before it', async () => {
    const driver = createDriver()
    const { machine, crash } = mortalSystem()
    const rig = await startSimulated([driver.definition], pair, machine)
    driver.opening = async ({ endpoint }) => {
      if (endpoint !== 'bad') return
      await new Promise<void>((resolve) => rig.clock.setTimeout(() => resolve(), 1000))
      throw new Error('no such place')
    }
    crash('one')
    rig.emit(1)
    await rig.settle()
    const put = watched(rig.telemetry.config.put({ 'one.endpoint': 'elsewhere', 'two.endpoint': 'bad' }))
    await rig.pass(5)
    assert.match(String(put.error), /no such place/)
    assert.equal(rig.state('one'), 'serving')
    assert.deepEqual(
      driver.open.map(({ endpoint }) => endpoint),
      ['one', 'one'],
    )
  })

  it('that disables an exporter while it is down leaves nothing subscribed and nothing pending', async () => {
    const driver = createDriver()
    const { machine, crash } = mortalSystem()
    const rig = await startSimulated([driver.definition], { test: mine }, machine)
    crash('test')
    rig.emit(3)
    await rig.settle()
    assert.equal(rig.state(), 'restarting')
    await rig.telemetry.config.put('test.enabled', false)
    await rig.pass(1)
    assert.equal(rig.state(), 'disabled')
    assert.equal(rig.ledger().dropped.disabled, 3)
    const { accepted } = rig.ledger()
    rig.emit(3)
    await rig.pass(1)
    assert.equal(rig.ledger().accepted, accepted)
    assertExact(rig.ledger())
    assert.equal(driver.open.length, 0)
  })

  it('that removes an exporter drops what it could not drain as disabled, a stop as shutdown', async () => {
    for (const [end, reason] of [
      ['removal', 'disabled'],
      ['stop', 'shutdown'],
    ] as const) {
      const driver = createDriver()
      const rig = await startSimulated([driver.definition], {
        test: { ...mine, drain_timeout: 1, timeout: 50 },
      })
      const extra = { 'extra.type': 'test', 'extra.event_patterns': ['app.*'], 'extra.drain_timeout': 1 }
      await Promise.all([rig.telemetry.config.put(extra), rig.settle()])
      const dropped: unknown[] = []
      rig.telemetry.attach('drops', ['telemetry.events.dropped'], ({ metadata, measurements }) =>
        dropped.push([metadata.exporter, metadata.reason, measurements.count]),
      )
      driver.reply = hang
      rig.emit(3)
      await rig.pass(2)
      if (end === 'removal') {
        const removal = watched(rig.telemetry.config.unset('extra'))
        await rig.clock.until(() => removal.settled && dropped.length > 0, { stepMs: 100 })
        assert.deepEqual(dropped, [['extra', reason, 3]])
      } else assert.deepEqual((await rig.end(1_000)).exporters.extra?.dropped, { [reason]: 3 })
    }
  })

  it('that an exporter refuses is in the history with the keys it would have changed', async () => {
    const driver = createDriver()
    const rig = await startSimulated([driver.definition], { test: mine })
    driver.opening = () => {
      throw new Error('port taken')
    }
    await assert.rejects(rig.telemetry.config.put({ 'test.endpoint': 'two', 'test.batch_size': 7 }))
    const { history = [] } = rig.telemetry.status({ history: true })
    const { message } = history.findLast(({ kind }) => kind === 'config')!
    assert.equal(
      message,
      'refused (put): telemetry.test.endpoint, telemetry.test.batch_size: ' +
        'telemetry.test cannot be changed: port taken',
    )
  })

  it('may add an exporter again that is still draining after it was removed', async () => {
    const driver = createDriver()
    const rig = await startSimulated([driver.definition], {})
    const emitted = async (count: number): Promise<void> => {
      rig.emit(count)
      await rig.pass(1.5)
    }
    await rig.telemetry.config.put('extra.type', 'test')
    driver.reply = hang
    await emitted(1)
    const removal = watched(rig.telemetry.config.unset('extra'))
    await rig.pass(1.5)
    assert.ok(removal.settled)
    assert.equal(rig.state('extra'), 'draining')
    const again = watched(rig.telemetry.config.put({ 'extra.type': 'test', 'extra.endpoint': 'two' }))
    await rig.pass(8)
    assert.equal(again.error, undefined)
    assert.ok(again.settled)
    assert.equal(rig.state('extra'), 'serving')
    assert.deepEqual(
      driver.open.map(({ endpoint }) => endpoint),
      ['two'],
    )
  })

  it('is refused when an exporter that it enables or adds cannot open, and nothing has changed', async () => {
    const driver = createDriver()
    const rig = await startSimulated([driver.definition], { test: { enabled: false } })
    driver.opening = () => {
      throw new Error('port taken')
    }
    const { version } = rig.telemetry.status().config
    for (const changes of [{ 'test.enabled': true }, { 'other.type': 'test' }]) {
      const put = watched(rig.telemetry.config.put(changes))
      await rig.pass(2)
      assert.match(String(put.error), /port taken/)
    }
    assert.equal(rig.state(), 'disabled')
    assert.equal(rig.telemetry.config.get('test.enabled'), false)
    assert.deepEqual(Object.keys(rig.telemetry.status().exporters), ['test'])
    assert.equal(rig.telemetry.status().config.version, version)
  })

  it('that cannot open its client leaves the old one serving, in every exporter', async () => {
    const driver = createDriver()
    const rig = await startSimulated([driver.definition], pair)
    driver.opening = ({ endpoint }) => {
      if (endpoint === 'bad') throw new Error('no such place')
    }
    const put = watched(rig.telemetry.config.put({ 'one.endpoint': 'good', 'two.endpoint': 'bad' }))
    await rig.pass(2)
    assert.match(String(put.error), /telemetry\.two cannot be changed: no such place/)
    for (const id of ['one', 'two']) {
      assert.equal(rig.state(id), 'serving')
      assert.equal(rig.telemetry.config.get(`${id}.endpoint`), 'one')
      assert.equal(rig.telemetry.status().exporters[id]?.config.endpoint, 'one')
    }
    assert.equal(driver.open.length, 2)
    rig.emit(1)
    await rig.pass(1.5)
    assert.ok(driver.calls.slice(-2).every(({ endpoint }) => endpoint === 'one'))
  })

  it('of an address that cannot be bound beside the old one reopens the old one when it fails', async () => {
    const driver = createDriver()
    const rig = await startSimulated([driver.definition], { test: mine })
    driver.opening = ({ address }) => {
      assert.equal(driver.open.length, 0, 'the old client made room')
      if (address === 'there') throw new Error('in use')
    }
    const put = watched(rig.telemetry.config.put('test.address', 'there'))
    await rig.settle()
    assert.match(String(put.error), /in use/)
    await rig.pass(2)
    assert.equal(rig.state(), 'serving')
    assert.equal(driver.open[0]?.config.address, 'here')
  })

  it('coalesces with those that come while it is prepared; the last value wins', async () => {
    const driver = createDriver()
    const rig = await startSimulated([driver.definition], { test: mine })
    let most = 0
    driver.opening = async () => {
      most = Math.max(most, driver.open.length + 1)
    }
    const puts = Array.from({ length: 50 }, (_, i) => rig.telemetry.config.put('test.endpoint', `e${i}`))
    await rig.settle()
    const results = await Promise.all(puts)
    assert.equal(results.filter(({ superseded }) => superseded).length, 49)
    assert.equal(driver.open.length, 1)
    assert.equal(driver.open[0]?.endpoint, 'e49')
    assert.ok(most <= 3)
    assert.ok(driver.clients.length <= 4, `${driver.clients.length} clients were opened`)
  })
})

describe('an endpoint change under way', () => {
  afterEach(endSimulated)

  const hungOnOne = async (): Promise<{
    rig: SimulatedTelemetry
    driver: ReturnType<typeof createDriver>
  }> => {
    const driver = createDriver()
    const rig = await startSimulated([driver.definition], {
      test: { batch_size: 5, max_in_flight: 1, event_patterns: ['app.*'], drain_timeout: 8 },
    })
    driver.reply = ({ endpoint }) => (endpoint === 'one' ? undefined : { type: 'delivered' })
    rig.emit(20)
    await rig.settle()
    assert.equal(driver.calls.length, 1)
    return { rig, driver }
  }

  it('is in force at once, sends the backlog to the new client and cuts the hung request at its deadline', async () => {
    const { rig, driver } = await hungOnOne()
    const put = watched(rig.telemetry.config.put('test.endpoint', 'two'))
    await rig.settle()
    assert.ok(put.settled, 'no time has passed')
    assert.equal(driver.delivered.length, 15)
    assert.equal(rig.ledger().pending.in_flight, 5)
    await rig.pass(7.9)
    assert.equal(driver.calls[0]?.signal.aborted, false)
    assert.equal(driver.clients[0]?.closed, false)
    await rig.pass(0.2)
    assert.equal(driver.calls[0]?.signal.aborted, true)
    assert.equal(driver.clients[0]?.closed, true)
    await rig.pass(1)
    assert.equal(driver.delivered.length, 20)
    assert.equal(rig.ledger().delivered, 20)
    assert.equal(rig.ledger().ambiguous, 5, 'the hung request may have arrived')
    assert.equal(rig.breaker(), 'closed')
    assertExact(rig.ledger())
  })

  it('lets the old client finish what it has, and closes it then', async () => {
    const { rig, driver } = await hungOnOne()
    await Promise.all([rig.telemetry.config.put('test.endpoint', 'two'), rig.settle()])
    driver.calls[0]?.answer({ type: 'delivered' })
    await rig.settle()
    assert.equal(driver.clients[0]?.closed, true)
    assert.deepEqual([rig.ledger().delivered, rig.ledger().ambiguous], [20, 0])
  })

  it('lets up to eight old clients finish at the same time, and cuts the oldest beyond that', async () => {
    const { rig, driver } = await hungOnOne()
    for (let move = 1; move <= 8; move += 1) {
      driver.reply = hang
      rig.emit(5)
      await Promise.all([rig.telemetry.config.put('test.endpoint', `next-${move}`), rig.settle()])
      await rig.settle()
    }
    assert.equal(driver.calls[0]?.signal.aborted, false, 'eight retire')
    await Promise.all([rig.telemetry.config.put('test.endpoint', 'last'), rig.settle()])
    assert.equal(driver.calls[0]?.signal.aborted, true, 'the ninth cuts the oldest')
    assert.equal(driver.calls[1]?.signal.aborted, false)
    for (const call of driver.calls.slice(1)) call.answer(delivered)
    driver.reply = () => delivered
    await rig.pass(1)
    for (const call of driver.calls.slice(1)) call.answer(delivered)
    await rig.pass(1)
    assert.equal(rig.ledger().pending.queued + rig.ledger().pending.in_flight, 0)
    assert.equal(rig.ledger().delivered, rig.ledger().accepted)
    assert.equal(rig.ledger().ambiguous, 5, 'only what was cut may have arrived')
  })

  it('gives the new destination a fresh breaker, and keeps failures of the old client from it', async () => {
    const { rig, driver } = await hungOnOne()
    await rig.telemetry.config.put('test.failure_threshold', 1)
    await Promise.all([rig.telemetry.config.put('test.endpoint', 'two'), rig.settle()])
    driver.calls[0]?.answer(down)
    await rig.settle()
    assert.equal(rig.breaker(), 'closed')
    assert.equal(rig.telemetry.status().exporters.test?.failures, 0)
    await rig.pass(1)
    assert.equal(rig.ledger().delivered, 20)
  })

  it('leaves a breaker alone that an operator forced', async () => {
    const { rig } = await hungOnOne()
    rig.telemetry.breaker('test').forceOpen()
    await Promise.all([rig.telemetry.config.put('test.endpoint', 'two'), rig.settle()])
    assert.equal(rig.breaker(), 'forced_open')
    rig.telemetry.breaker('test').reset()
    await rig.settle()
    assert.equal(rig.ledger().delivered, 15)
  })
})
