// Streams full of leaks: starts that never end, ends that never started, starts that come twice, ids that never
// repeat. Memory stays flat and every event is accounted for. TELEMACHINE_NIGHTLY=1 runs ten million of them.
import assert from 'node:assert/strict'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createTelemetry, defineExporter, otel } from '../../src/index.ts'
import { quietLogger } from '../support/quiet-logger.ts'

const nightly = process.env.TELEMACHINE_NIGHTLY === '1'
const events = nightly ? 10_000_000 : 100_000
const perTurn = 1000
setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const heapMB = (): number => {
  collectGarbage()
  return process.memoryUsage().heapUsed / 2 ** 20
}

const mostOpen = 2000

describe('a stream of leaking spans', () => {
  it(`of ${events} events leaves memory flat and the ledger exact`, async function () {
    this.timeout(nightly ? 900_000 : 300_000)
    let items = 0
    // The real spans, without a network to wait for.
    const driver = defineExporter({
      ...otel(),
      open: () => ({}) as never,
      export: async (_client, batch) => {
        items += batch.length
        return { type: 'delivered' }
      },
      close: () => {},
    })
    const telemetry = createTelemetry({
      logger: quietLogger,
      drainOnExit: false,
      types: [driver],
      config: {
        env: {},
        init: { otel: { max_active_spans: mostOpen, queue_size: 1_000_000, sampling_rate: 0.9 } },
      },
    })
    await telemetry.start()
    const { emit } = telemetry
    const said: Record<string, number> = {}
    let emitted = 0
    const tell = (name: string, metadata: object): void => {
      emit(name, {}, metadata)
      said[name] = (said[name] ?? 0) + 1
      emitted++
    }
    const ledger = () => telemetry.status().exporters.otel!.ledger
    const addsUp = (): void => {
      const { accepted, delivered, dropped, pending } = ledger()
      const sum = (counts: object): number => Object.values(counts).reduce((all, count) => all + count, 0)
      assert.equal(accepted, delivered + sum(dropped) + sum(pending))
    }

    let turn = 0
    let settledHeap = 0
    let worst = 0
    let roundOf = 0
    while (emitted < events) {
      const before = emitted
      while (emitted < before + perTurn) {
        const n = roundOf++
        // Whole: start and end.
        tell('whole.start', { correlation_id: n, queue: 'mail' })
        tell('whole.success', { correlation_id: n })
        // Never ends, under an id of its own, a shared one, and a long one.
        tell(`leak${n % 50}.start`, { correlation_id: `leak-${n}` })
        if (n % 7 === 0) tell('shared.start', { correlation_id: 'shared' })
        if (n % 11 === 0) tell('long.start', { request_id: `${n}-${'x'.repeat(300)}` })
        // Never started, started twice, ended twice, nameless, without an id.
        tell('never.success', { correlation_id: n })
        tell('double.start', { correlation_id: 'twice' })
        if (n % 3 === 0) tell('whole.error', { correlation_id: n, error: new Error('late') })
        if (n % 5 === 0) tell('anonymous.start', {})
      }
      await nextTurn()
      if (++turn % Math.ceil(events / perTurn / 20) !== 0) continue
      addsUp()
      const heap = heapMB()
      // The first quarter fills what is bounded.
      if (emitted < events / 4) settledHeap = Math.max(settledHeap, heap)
      else worst = Math.max(worst, heap)
    }
    await telemetry.flush()
    addsUp()
    const { accepted, delivered, dropped, pending } = ledger()
    assert.equal(accepted, emitted)
    assert.equal(delivered, items * 2)
    assert.deepEqual([pending.buffered, pending.queued, pending.in_flight], [0, 0, 0])
    assert.ok(pending.held <= mostOpen)
    assert.equal(dropped.unmatched_end, said['never.success']! + said['whole.error']!)
    assert.equal(dropped.no_correlation_id, said['anonymous.start'])
    assert.ok(
      worst < settledHeap + 16,
      `the heap grew from ${settledHeap.toFixed(1)} to ${worst.toFixed(1)} MB`,
    )

    const report = await telemetry.stop()
    const final = report.exporters.otel!
    assert.deepEqual(final.pending, { buffered: 0, held: 0, queued: 0, in_flight: 0 })
    const lost = Object.values(final.dropped).reduce((all, count) => all + count, 0)
    assert.equal(final.accepted, final.delivered + lost)
  })
})
