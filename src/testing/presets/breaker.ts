import {
  type BreakerInput,
  breakerMachine,
  type ExportResult,
  type PermitPurpose,
} from '../../../machines/index.ts'
import { createEar } from '../fake-unit.ts'
import { type ChartPreset, createPreset, type PresetOptions } from './preset.ts'

/** The options of {@link breakerPreset}. */
export interface BreakerPresetOptions extends PresetOptions, Partial<BreakerInput> {}

const purposes: readonly PermitPurpose[] = ['delivery', 'urgent', 'probe']
const results: readonly ExportResult[] = ['success', 'failure', 'neutral', 'misdirected', 'cancelled']

const presetSettings = { failureThreshold: 2, resetTimeoutMs: 60_000, probeTimeoutMs: 10_000 }

/**
 * Makes the preset of `breakerMachine`.
 *
 * @param options `settings`: default a threshold of 2 failures. `bypassed`: true for the breaker of a pull exporter,
 * which starts in `disabled`; default false.
 */
export function breakerPreset({
  settings = presetSettings,
  bypassed = false,
  ...options
}: BreakerPresetOptions = {}): ChartPreset<typeof breakerMachine> {
  const replyTo = createEar([], 'holder')
  const watcher = createEar([], 'failover')
  return createPreset(
    {
      machine: breakerMachine,
      input: { settings, bypassed },
      events: ({ context: { generation } }) => [
        ...purposes.map((purpose) => ({ type: 'permit.request', replyTo, purpose })),
        { type: 'permit.withdraw' },
        { type: 'permit.cancel' },
        ...results.map((result) => ({
          ...{ type: 'export.reported', generation, results: [result] },
          ...{ at: 0, jitter: 0 },
        })),
        { type: 'breaker.configure', settings },
        { type: 'breaker.renew' },
        { type: 'breaker.force_open' },
        { type: 'breaker.disable' },
        { type: 'breaker.reset' },
        { type: 'breaker.watch', watcher },
      ],
      project: (snapshot) => {
        const { failures, waiter, holder, watcher, urgentSpent } = snapshot.context
        return [
          snapshot.matches('closed') ? failures : 0,
          waiter !== undefined,
          holder !== undefined,
          watcher !== undefined,
          snapshot.matches('open') && urgentSpent,
        ]
      },
    },
    options,
  )
}
