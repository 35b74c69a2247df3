// The admin API remembers the last hour of each exporter's counters, so that who opens the page sees what happened
// before. The memory is bounded, and ends with the telemetry system.
import assert from 'node:assert/strict'
import { createSamples, maxSampledExporters, maxSamples, samplePeriodMs } from '../../src/admin/samples.ts'
import type { TelemetryStatus } from '../../src/status.ts'
import { createSimulatedClock } from '../../src/testing/index.ts'
import { ask, openSite } from './site.ts'

const ledgerOf = (delivered: number, dropped: Record<string, number> = {}) => ({
  ledger: {
    accepted: delivered,
    delivered,
    dropped,
    pending: { buffered: 1, held: 2, queued: 3, in_flight: 4 },
    ambiguous: 0,
  },
})

describe('samples of the last hour', () => {
  let status: { system: string; exporters: Record<string, unknown> }
  const clock = createSimulatedClock()
  const telemetry = { status: () => status as unknown as TelemetryStatus }

  beforeEach(() => {
    status = { system: 'running', exporters: { otel: ledgerOf(0) } }
  })

  it('begin with the admin API, and go on every ten seconds', () => {
    const samples = createSamples(telemetry, clock)
    status.exporters.otel = ledgerOf(50, { queue_full: 7 })
    clock.increment(samplePeriodMs)
    const { at, exporters, period_ms } = samples.after(0)
    assert.equal(period_ms, 10_000)
    assert.deepEqual(at, [clock.now() - samplePeriodMs, clock.now()])
    assert.deepEqual(exporters, {
      otel: { delivered: [0, 50], waiting: [10, 10], dropped: { queue_full: [0, 7] } },
    })
    samples.close()
  })

  it('answer with what is newer than a time', () => {
    const samples = createSamples(telemetry, clock)
    clock.increment(samplePeriodMs)
    const { at } = samples.after(clock.now() - 1)
    assert.deepEqual(at, [clock.now()])
    assert.deepEqual(samples.after(clock.now()).at, [])
    samples.close()
  })

  it('hold one hour, whatever the time', () => {
    const samples = createSamples(telemetry, clock)
    for (let i = 1; i <= maxSamples + 10; i += 1) {
      status.exporters.otel = ledgerOf(i)
      clock.increment(samplePeriodMs)
    }
    const { at, exporters } = samples.after(0)
    assert.equal(at.length, maxSamples)
    assert.deepEqual(at, at.toSorted())
    assert.equal(exporters.otel!.delivered[0], 11)
    assert.equal(exporters.otel!.delivered.at(-1), maxSamples + 10)
    samples.close()
  })

  it('show an exporter from when it was added, and forget one that was removed', () => {
    const samples = createSamples(telemetry, clock)
    status.exporters = { metrics: ledgerOf(5) }
    clock.increment(samplePeriodMs)
    assert.deepEqual(samples.after(0).exporters, {
      metrics: { delivered: [null, 5], waiting: [null, 10], dropped: {} },
    })
    samples.close()
  })

  it('hold a bounded number of exporters', () => {
    const many = Array.from({ length: maxSampledExporters + 5 }, (_, i) => [`exporter${i}`, ledgerOf(i)])
    status.exporters = Object.fromEntries(many)
    const samples = createSamples(telemetry, clock)
    assert.equal(Object.keys(samples.after(0).exporters).length, maxSampledExporters)
    samples.close()
  })

  it('end when telemetry has stopped, and when the admin API closes', () => {
    const ended = createSamples(telemetry, clock)
    status.system = 'stopped'
    clock.increment(samplePeriodMs)
    assert.equal(clock.timers, 0)
    assert.equal(ended.after(0).at.length, 2)
    status.system = 'running'
    const closed = createSamples(telemetry, clock)
    closed.close()
    assert.equal(clock.timers, 0)
  })

  it('are read over HTTP by who may', async () => {
    const site = await openSite()
    const refused = await ask(site.url, '/samples', { authorization: null })
    const { status, json } = await ask(site.url, '/samples?since=never')
    await site.close()
    assert.equal(refused.status, 401)
    assert.equal(status, 200)
    assert.equal(json().at.length, 1)
    assert.deepEqual(Object.keys(json().exporters), ['mock'])
  })
})
