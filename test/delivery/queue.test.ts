/** When batches go, what a full queue gives up, and how large a request may be. */
import assert from 'node:assert/strict'
import type { TelemetryEvent } from '../../src/bus/event.ts'
import type { Sink } from '../../src/exporters/exporter.ts'
import { assertExact } from '../support/ledger.ts'
import { createDriver, delivered, down, hang } from '../support/scripted-driver.ts'
import { endSimulated, type SimulatedTelemetry, startSimulated } from '../support/simulated-telemetry.ts'

const mine = { event_patterns: ['app.*'] }
const sizes = ({ calls }: ReturnType<typeof createDriver>): number[] => calls.map(({ items }) => items.length)

async function rigWith(config: Record<string, unknown>, overrides = {}) {
  const driver = createDriver('test', overrides)
  const rig = await startSimulated([driver.definition], { test: { ...mine, ...config } })
  return { driver, rig }
}

describe('a batch', () => {
  afterEach(endSimulated)

  it('goes at once when batch_size items wait, and the rest when it is due', async () => {
    const { driver, rig } = await rigWith({ batch_size: 5, flush_interval: 2 })
    rig.emit(12)
    await rig.settle()
    assert.deepEqual(sizes(driver), [5, 5])
    await rig.pass(1.9)
    assert.equal(driver.calls.length, 2)
    await rig.pass(0.2)
    assert.deepEqual(sizes(driver), [5, 5, 2])
  })

  it('goes flush_interval after its oldest item, however many follow', async () => {
    const { driver, rig } = await rigWith({ batch_size: 100, flush_interval: 2 })
    const from = rig.clock.now()
    for (let i = 0; i < 4; i += 1) {
      rig.emit(1)
      await rig.pass(0.5)
    }
    rig.emit(1)
    await rig.pass(0.1)
    assert.equal(driver.calls.length, 1)
    assert.equal(driver.calls[0]?.at, from + 2000)
    assert.equal(driver.calls[0]?.items.length, 4)
  })

  it('heeds a changed flush_interval at once', async () => {
    const { driver, rig } = await rigWith({ batch_size: 100, flush_interval: 100 })
    rig.emit(1)
    await rig.pass(3)
    await Promise.all([rig.telemetry.config.put('test.flush_interval', 3.5), rig.settle()])
    await rig.pass(0.4)
    assert.equal(driver.calls.length, 0)
    await Promise.all([rig.telemetry.config.put('test.flush_interval', 6), rig.settle()])
    await rig.pass(2.5)
    assert.equal(driver.calls.length, 0)
    await rig.pass(0.2)
    assert.equal(driver.calls.length, 1)
  })

  it('goes on a flush, which waits for its end', async () => {
    const { driver, rig } = await rigWith({ batch_size: 100, flush_interval: 1000 })
    driver.reply = hang
    rig.emit(3)
    const reports: { complete: boolean }[] = []
    void rig.telemetry.flush().then((report) => reports.push(report))
    await rig.settle()
    assert.equal(driver.calls.length, 1)
    assert.equal(reports.length, 0)
    driver.calls[0]?.answer(delivered)
    await rig.settle()
    assert.equal(reports[0]?.complete, true)
    rig.emit(1)
    await rig.pass(5)
    assert.equal(driver.calls.length, 1, 'what comes after the flush waits as ever')
  })

  it('never has more than batch_size items, even one that failed before batch_size was lowered', async () => {
    const { driver, rig } = await rigWith({ batch_size: 8, flush_interval: 0.1, max_in_flight: 1 })
    driver.reply = () => down
    rig.emit(8)
    await rig.settle()
    await Promise.all([rig.telemetry.config.put('test.batch_size', 3), rig.settle()])
    driver.reply = () => delivered
    await rig.pass(5)
    assert.deepEqual(sizes(driver), [8, 3, 3, 2])
    assert.equal(rig.ledger().delivered, 8)
    assertExact(rig.ledger())
  })

  it('goes when the queue is full, where that holds less than a batch', async () => {
    const { driver, rig } = await rigWith({ batch_size: 100, queue_size: 4, flush_interval: 1000 })
    rig.emit(4)
    await rig.settle()
    assert.deepEqual(sizes(driver), [4])
    assert.deepEqual(rig.ledger().dropped, {})
  })

  it('has company of at most max_in_flight', async () => {
    const { driver, rig } = await rigWith({ batch_size: 1, max_in_flight: 3 })
    driver.reply = hang
    rig.emit(10)
    await rig.settle()
    assert.equal(driver.calls.length, 3)
    assert.equal(rig.ledger().pending.in_flight, 3)
  })

  it('adds up with the rest of the ledger while the driver looks at the status', async () => {
    let rig: SimulatedTelemetry | undefined
    let looks = 0
    const look = (): void => {
      if (!rig) return
      looks += 1
      assertExact(rig.ledger(), 'seen by the driver:')
    }
    const driver = createDriver('test', {
      ingest(event: TelemetryEvent, sink: Sink) {
        look()
        sink.item(event)
        look()
      },
      sizeOf: () => {
        look()
        return 1
      },
    })
    driver.reply = () => {
      look()
      return delivered
    }
    rig = await startSimulated([driver.definition], { test: { ...mine, batch_size: 3 } })
    rig.emit(12)
    await rig.settle()
    assert.equal(rig.ledger().delivered, 12)
    assert.ok(looks > 36)
  })
})

describe('a full queue', () => {
  afterEach(endSimulated)

  const filled = async (overflow: string) => {
    const made = await rigWith({ batch_size: 4, queue_size: 4, max_in_flight: 1, overflow })
    made.driver.reply = hang
    made.rig.emit(4, 'app.first')
    await made.rig.settle()
    made.rig.emit(4, 'app.second')
    made.rig.emit(2, 'app.third')
    await made.rig.settle()
    made.driver.reply = () => delivered
    made.driver.calls[0]?.answer(delivered)
    await made.rig.pass(2)
    assert.equal(made.rig.ledger().dropped.queue_full, 2)
    assertExact(made.rig.ledger())
    return made.driver.calls[1]?.names
  }

  it('gives up the newest by default', async () => {
    assert.deepEqual(
      await filled('drop_newest'),
      [0, 1, 2, 3].map((i) => `app.second.${i}`),
    )
  })

  it('gives up the oldest with drop_oldest', async () => {
    assert.deepEqual(await filled('drop_oldest'), [
      'app.second.2',
      'app.second.3',
      'app.third.0',
      'app.third.1',
    ])
  })

  it('gives up the oldest of failed batches too', async () => {
    const { driver, rig } = await rigWith({
      batch_size: 4,
      queue_size: 4,
      max_in_flight: 1,
      overflow: 'drop_oldest',
    })
    driver.reply = () => ({ ...down, afterSeconds: 5 })
    rig.emit(4, 'app.first')
    await rig.settle()
    driver.reply = () => delivered
    rig.emit(2, 'app.second')
    await rig.pass(10)
    assert.equal(rig.ledger().dropped.queue_full, 2)
    assert.deepEqual([...driver.delivered].sort(), [
      'app.first.2',
      'app.first.3',
      'app.second.0',
      'app.second.1',
    ])
  })
})

describe('a request', () => {
  afterEach(endSimulated)

  const weigh = (event: TelemetryEvent): number => (event.name.includes('huge') ? 5000 : 400)

  for (const [what, overrides] of Object.entries({
    'sizeOf says': { sizeOf: weigh },
    'the item said': { ingest: (event: TelemetryEvent, sink: Sink) => sink.item(event, 1, weigh(event)) },
  }))
    it(`stays below max_request_bytes as ${what}, and an item beyond it is dropped`, async () => {
      const { driver, rig } = await rigWith({ max_request_bytes: 1024, batch_size: 10 }, overrides)
      rig.emit(3)
      rig.emit(1, 'app.huge')
      rig.emit(2)
      await rig.pass(2)
      assert.deepEqual(sizes(driver), [2, 1, 2])
      assert.equal(rig.ledger().dropped.too_large, 1)
      assert.equal(rig.ledger().delivered, 5)
      assertExact(rig.ledger())
    })

  it('has room for what the client says it takes beside its items', async () => {
    const { driver, rig } = await rigWith(
      { max_request_bytes: 1024, batch_size: 10 },
      { sizeOf: weigh, requestBytes: () => 300 },
    )
    rig.emit(3)
    await rig.pass(2)
    assert.deepEqual(sizes(driver), [1, 1, 1])
    assert.equal(rig.ledger().delivered, 3)
  })

  for (const [what, overrides] of Object.entries({
    'sizeOf says': { sizeOf: weigh },
    'the item said': { ingest: (event: TelemetryEvent, sink: Sink) => sink.item(event, 1, weigh(event)) },
  }))
    it(`that failed before max_request_bytes was lowered is split to fit, as ${what}`, async () => {
      const config = { batch_size: 10, max_in_flight: 1, failure_threshold: 100 }
      const { driver, rig } = await rigWith(config, overrides)
      driver.reply = () => down
      rig.emit(4)
      rig.emit(1, 'app.huge')
      rig.emit(2, 'app.more')
      await rig.pass(2)
      assert.equal(driver.calls[0]?.items.length, 7)
      await Promise.all([rig.telemetry.config.put('test.max_request_bytes', 1024), rig.settle()])
      driver.reply = () => delivered
      const before = driver.calls.length
      await rig.pass(60)
      assert.deepEqual(sizes(driver).slice(before), [2, 2, 2])
      assert.deepEqual([rig.ledger().delivered, rig.ledger().dropped], [6, { too_large: 1 }])
      assertExact(rig.ledger())
    })

  it('has no room for anything where a request takes more than max_request_bytes empty: the status says so', async () => {
    const { driver, rig } = await rigWith(
      { max_request_bytes: 1024, batch_size: 10 },
      { sizeOf: weigh, requestBytes: () => 2000 },
    )
    rig.emit(3)
    await rig.pass(2)
    assert.equal(driver.calls.length, 0)
    assert.deepEqual(rig.ledger().dropped, { too_large: 3 })
    const { lastError } = rig.telemetry.status().exporters.test!
    assert.match(lastError?.message ?? '', /max_request_bytes is 1024, and a request takes 2000 bytes/)
    await Promise.all([rig.telemetry.config.put('test.max_request_bytes', 4096), rig.settle()])
    rig.emit(3)
    await rig.pass(2)
    assert.equal(rig.ledger().delivered, 3)
  })

  it('has company again once it is known that the backend takes single items only', async () => {
    const { driver, rig } = await rigWith({ batch_size: 4, max_in_flight: 4 })
    driver.reply = ({ items }) => (items.length > 1 ? { type: 'too_large' } : delivered)
    rig.emit(8)
    await rig.pass(5)
    assert.equal(rig.ledger().delivered, 8)
    driver.reply = hang
    driver.calls.length = 0
    rig.emit(8)
    await rig.pass(5)
    assert.deepEqual(sizes(driver), [1, 1, 1, 1])
  })

  it('that is too large is split down to single items', async () => {
    const { driver, rig } = await rigWith({ batch_size: 8, max_in_flight: 1 })
    driver.reply = ({ items, names }) =>
      items.length > 2 || names.includes('app.work.5') ? { type: 'too_large' } : delivered
    rig.emit(8)
    await rig.pass(2)
    assert.equal(rig.ledger().delivered, 7)
    assert.equal(rig.ledger().dropped.too_large, 1)
    assert.deepEqual(sizes(driver).slice(0, 5), [8, 4, 2, 2, 3], 'a size that was refused is not tried again')
    assert.equal(rig.breaker(), 'closed')
    assertExact(rig.ledger())
  })
})
