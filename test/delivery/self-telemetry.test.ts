/** Telemachine's reports on itself reach everybody but whom they are about, and never feed each other. */
import assert from 'node:assert/strict'
import type { TelemetryEvent } from '../../src/bus/event.ts'
import { createDriver, down } from '../support/scripted-driver.ts'
import { endSimulated, startSimulated } from '../support/simulated-telemetry.ts'

const quick = { flush_interval: 0.1, reset_timeout: 1, failure_threshold: 2, batch_size: 4 }

describe('self-telemetry', () => {
  afterEach(endSimulated)

  it('about an exporter reaches the other exporters and the handlers, never itself', async () => {
    const failing = createDriver('failing')
    const other = createDriver('other')
    const rig = await startSimulated([failing.definition, other.definition], { failing: quick, other: quick })
    const heard: TelemetryEvent[] = []
    rig.telemetry.attach('audit', 'telemetry.*', (event) => void heard.push(event))
    failing.reply = () => ({ type: 'misdirected', cause: new Error('bad key') })
    rig.emit(1)
    await rig.pass(3)
    await Promise.all([rig.telemetry.config.put('failing.endpoint', 'two'), rig.settle()])
    await rig.pass(2)
    const about = (name: string): TelemetryEvent[] => heard.filter((event) => event.name === name)
    const [failed] = about('telemetry.export.failed')
    assert.equal(failed?.metadata.exporter, 'failing')
    assert.equal(failed?.metadata.outcome, 'misdirected')
    assert.equal(failed?.metadata.error, 'bad key')
    assert.ok(Number(failed?.measurements.events) >= 1)
    assert.equal(about('telemetry.breaker.state')[0]?.metadata.to, 'open')
    assert.equal(about('telemetry.events.dropped')[0]?.metadata.reason, 'misdirected')
    assert.equal(about('telemetry.config.applied').length, 1)
    assert.ok(about('telemetry.exporter.state').some(({ metadata }) => metadata.to === 'replacing'))
    const received = failing.calls.flatMap(({ items }) => items)
    assert.ok(received.some(({ name }) => name === 'telemetry.config.applied'))
    assert.deepEqual(
      received.filter(({ metadata }) => metadata.exporter === 'failing'),
      [],
    )
    const passedOn = other.calls.flatMap(({ names }) => names)
    for (const name of ['export.failed', 'breaker.state', 'events.dropped', 'exporter.state'])
      assert.ok(passedOn.includes(`telemetry.${name}`), name)
  })

  it('reports a refused change', async () => {
    const driver = createDriver()
    const rig = await startSimulated([driver.definition], { test: quick })
    const heard: TelemetryEvent[] = []
    rig.telemetry.attach('audit', 'telemetry.config.rejected', (event) => void heard.push(event))
    await assert.rejects(rig.telemetry.config.put('test.batch_size', -1))
    await rig.settle()
    assert.equal(heard.length, 1)
  })

  for (const [what, reply] of Object.entries({
    'are down': () => down,
    'refuse the data': () => ({ type: 'refused', cause: 'no' }) as const,
    'know no such key': () => ({ type: 'misdirected', cause: 'no' }) as const,
  }))
    it(`about two exporters whose backends ${what} comes to rest`, async () => {
      const drivers = [createDriver('one'), createDriver('two')]
      for (const driver of drivers) driver.reply = reply
      const rig = await startSimulated(
        drivers.map(({ definition }) => definition),
        { one: quick, two: quick },
      )
      let reports = 0
      rig.emit(3)
      await rig.pass(30)
      rig.telemetry.attach('audit', 'telemetry.*', () => {
        reports += 1
      })
      const before = rig.ledger('one').accepted + rig.ledger('two').accepted
      await rig.pass(60)
      const after = rig.ledger('one').accepted + rig.ledger('two').accepted
      // A breaker that probes with a waiting event of the caller's says so, once a probe; no report causes another.
      const allowed = what === 'are down' ? 2 * 2 * 60 * 3 : 0
      assert.ok(after - before <= allowed, `${after - before} more events in a minute`)
      assert.ok(reports <= allowed, `${reports} reports in a minute`)
    })

  it('about drops of self-telemetry is not sent', async () => {
    const drivers = ['one', 'two'].map((type) =>
      createDriver(type, { ingest: (_event, sink) => sink.drop('not_a_span') }),
    )
    const rig = await startSimulated(
      drivers.map(({ definition }) => definition),
      { one: quick, two: quick },
    )
    rig.emit(3)
    await rig.pass(5)
    const before = rig.ledger('one').accepted
    await rig.pass(60)
    assert.equal(rig.ledger('one').accepted, before)
  })

  it('about full queues comes to rest', async () => {
    const drivers = [createDriver('one'), createDriver('two')]
    const rig = await startSimulated(
      drivers.map(({ definition }) => definition),
      { one: { ...quick, queue_size: 2 }, two: { ...quick, queue_size: 2 } },
    )
    rig.telemetry.breaker('one').forceOpen()
    rig.telemetry.breaker('two').forceOpen()
    rig.emit(5)
    await rig.pass(5)
    const before = rig.ledger('one').accepted
    await rig.pass(60)
    assert.equal(rig.ledger('one').accepted, before)
  })

  it('about two handlers that throw comes to rest', async () => {
    const driver = createDriver()
    const rig = await startSimulated([driver.definition], { test: quick })
    let calls = 0
    for (const id of ['one', 'two'])
      rig.telemetry.attach(id, '*', () => {
        calls += 1
        throw new Error('handler')
      })
    rig.emit(1)
    await rig.pass(5)
    const before = calls
    await rig.pass(60)
    assert.equal(calls, before)
    assert.ok(calls < 20, `${calls} calls`)
  })
})
