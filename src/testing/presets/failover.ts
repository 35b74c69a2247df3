import {
  type Availability,
  failoverMachine,
  type PermitPurpose,
  type WaveReport,
} from '../../../machines/index.ts'
import { createEar, createFakeUnit } from '../fake-unit.ts'
import { type ChartPreset, createPreset, type PresetOptions } from './preset.ts'

const purposes: readonly PermitPurpose[] = ['delivery', 'urgent']
/** The availabilities that each breaker reports; fewer for fallbacks, to limit the number of states. */
const availabilities: readonly (readonly Availability[])[] = [
  ['serves', 'probe_free', 'away'],
  ['serves', 'away'],
  ['serves', 'away'],
]
/** The fallbacks open and close in their order, or there would be very many states. */
const mayChange = ([, second, third]: readonly Availability[], endpoint: number): boolean =>
  endpoint === 0 || (endpoint === 1 ? third === 'serves' : second === 'away')

const report: WaveReport = { results: ['success'], at: 0, jitter: 0 }
const settings = { failureThreshold: 2, resetTimeoutMs: 60_000, probeTimeoutMs: 10_000 }

/** Makes the preset of `failoverMachine`, over three endpoints whose breakers only listen. */
export function failoverPreset(options: PresetOptions = {}): ChartPreset<typeof failoverMachine> {
  const { unit } = createFakeUnit()
  const breakers = ['primary', 'second', 'third'].map((name) => createEar([], name))
  const replyTo = createEar([], 'delivery')
  const grant = (endpoint: number, probe: boolean) => ({
    type: 'permit.granted',
    permit: { generation: 1, endpoint, probe },
  })
  return createPreset(
    {
      machine: failoverMachine,
      input: { unit, breakers },
      events: ({ context: { askedAt = 0, available } }) => [
        ...purposes.map((purpose) => ({ type: 'permit.request', replyTo, purpose })),
        { type: 'permit.withdraw' },
        { type: 'permit.cancel' },
        ...availabilities.flatMap((said, endpoint) =>
          said
            .filter((availability) => availability !== available[endpoint] && mayChange(available, endpoint))
            .map((availability) => ({ type: 'breaker.shown', endpoint, availability })),
        ),
        grant(askedAt, false),
        grant(0, true),
        { type: 'permit.denied', endpoint: askedAt },
        { type: 'permit.revoked', endpoint: 0 },
        { type: 'export.reported', generation: 1, endpoint: 0, ...report },
        { type: 'breaker.configure', settings },
        { type: 'breaker.renew' },
        { type: 'failover.endpoints', breakers },
      ],
      outputs: { exportProbe: [report] },
      project: ({ context: { available, asked, askedAt } }) => [available, asked?.purpose, askedAt],
    },
    options,
  )
}
