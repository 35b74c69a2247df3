import { deliveryMachine, type WaveReport } from '../../../machines/index.ts'
import { createEar, createFakeUnit } from '../fake-unit.ts'
import { type ChartPreset, createPreset, type PresetOptions } from './preset.ts'

const reportOf = (...results: WaveReport['results']): WaveReport => ({ results, at: 0, jitter: 0 })
const waves = [reportOf('success'), reportOf('failure'), reportOf()]

/** Makes the preset of `deliveryMachine`: its unit is a fake; its breaker and the actor that drains it only listen. */
export function deliveryPreset(options: PresetOptions = {}): ChartPreset<typeof deliveryMachine> {
  const { unit } = createFakeUnit()
  const breaker = createEar([], 'breaker')
  const replyTo = createEar([], 'exporter')
  const batch = (urgent: boolean) => ({ type: 'telemetry.batch', items: 1, events: 1, bytes: 1, urgent })
  const grant = (probe: boolean, others = false) => ({
    type: 'permit.granted',
    permit: { generation: 1, endpoint: 0, probe, ...(others && { others }) },
  })
  return createPreset(
    {
      machine: deliveryMachine,
      input: { unit, breaker },
      events: () => [
        { type: 'delivery.start' },
        { type: 'delivery.halt' },
        { type: 'delivery.drain', replyTo, withinMs: 1_000 },
        { type: 'exporter.flush' },
        { type: 'work.arrived', items: 1, events: 1, dueInMs: 500 },
        batch(false),
        batch(true),
        { type: 'work.deferred', ms: 700, by: 'backoff' },
        { type: 'work.deferred', ms: 700, by: 'retry_after' },
        grant(false),
        grant(true),
        grant(false, true),
        { type: 'permit.recalled' },
        { type: 'endpoint.changed', endpoint: 1 },
        { type: 'delivery.redirect', breaker },
        { type: 'permit.denied' },
        { type: 'permit.revoked' },
      ],
      outputs: { exportWave: waves, drain: waves },
      project: ({ context: { permit, recalled, tried, failing, drain } }) => [
        ...[permit?.probe, permit?.others, permit !== null && recalled, failing, drain !== null],
        tried.length > 0,
      ],
    },
    options,
  )
}
