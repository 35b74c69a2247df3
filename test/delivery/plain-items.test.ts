// A driver without `ingest` exports events: to whoever copies or compares them they are plain data, nothing of ours.
import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import { createTelemetry, defineExporter, metadataValue, type TelemetryEvent } from '../../src/index.ts'
import { totalPending } from '../support/ledger.ts'
import { createDriver, hang } from '../support/scripted-driver.ts'
import { startSimulated } from '../support/simulated-telemetry.ts'

const silent = { debug() {}, info() {}, warn() {}, error() {} }

/** What a driver of one's own gets to export. */
async function exportedBy(
  run: (telemetry: ReturnType<typeof createTelemetry>) => unknown,
): Promise<TelemetryEvent[]> {
  const events: TelemetryEvent[] = []
  const mine = defineExporter({
    type: 'mine',
    schema: {},
    open: () => ({}),
    export: async (_, batch) => {
      events.push(...batch)
      return { type: 'delivered' }
    },
    close() {},
  })
  const telemetry = createTelemetry({
    types: [mine],
    logger: silent,
    drainOnExit: false,
    config: { env: {}, init: { mine: { event_patterns: ['app.*'] } } },
  })
  await telemetry.start()
  await run(telemetry)
  await telemetry.stop()
  return events
}

describe("an event that a driver of one's own exports", () => {
  it('is name, time, measurements and metadata, however it is copied', async () => {
    const events = await exportedBy((telemetry) => {
      telemetry.emit('app.plain', { count: 1 }, { queue: 'mail', list: [1, { deep: null }] })
      telemetry.emit('app.empty')
      telemetry.span('app.work', { queue: 'mail' }, (span) => span.set({ rows: 3 }))
    })
    assert.deepEqual(
      events.map(({ name }) => name),
      ['app.plain', 'app.empty', 'app.work.start', 'app.work.success'],
    )
    for (const event of events) {
      const { name, time, measurements, metadata } = event
      const plain = { name, time, measurements, metadata }
      assert.deepStrictEqual({ ...event }, plain)
      assert.deepStrictEqual(Object.assign({}, event), plain)
      assert.deepStrictEqual(structuredClone(event), plain)
      assert.equal(JSON.stringify(event), JSON.stringify(plain))
      assert.deepStrictEqual(Reflect.ownKeys(event), ['name', 'time', 'measurements', 'metadata'])
      assert.doesNotMatch(inspect(event, { depth: 5, showHidden: true }), /Symbol|hidden|record/)
    }
    const [first] = events
    assert.deepStrictEqual(first!.measurements, { count: 1 })
    assert.deepStrictEqual(first!.metadata, { queue: 'mail', list: [1, { deep: null }] })
    assert.equal(metadataValue(first!, 'queue'), 'mail')
    assert.ok(events[2]!.scope)
  })

  it('counts with what its plain face takes against queue_bytes', async () => {
    const bytes = 64 * 1024
    const keys = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`key${i}`, i]))
    const settings = { queue_bytes: bytes, batch_size: 1000, flush_interval: 60 }
    const driver = createDriver()
    driver.reply = hang
    const rig = await startSimulated([driver.definition], { test: settings })
    for (let i = 0; i < 200; i++) rig.telemetry.emit('app.wide', {}, keys)
    await rig.pass(0.05)
    const waiting = totalPending(rig.ledger())
    // Measured: 3.6 kB each, of which half is the face.
    assert.ok(waiting > 10 && waiting <= bytes / 3_500, `${waiting}`)
    await rig.end()
  })
})
