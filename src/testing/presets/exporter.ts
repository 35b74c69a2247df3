import { type ChangeEffect, type ExporterSettings, exporterMachine } from '../../../machines/index.ts'
import { createEar, createFakeUnit } from '../fake-unit.ts'
import { type ChartPreset, createPreset, type PresetOptions } from './preset.ts'

/** The options of {@link exporterPreset}. */
export interface ExporterPresetOptions extends PresetOptions {
  /** Whether the configuration enables it at the start. Default: true. */
  readonly enabled?: boolean
  /** Whether an earlier life of it has crashed: then it starts by recovering. Default: false. */
  readonly hasCrashed?: boolean
  /** Whether it is a pull exporter. Default: false. */
  readonly pulled?: boolean
}

export const presetExporterSettings: ExporterSettings = {
  enabled: true,
  drainTimeoutMs: 5_000,
  breaker: { failureThreshold: 2, resetTimeoutMs: 60_000, probeTimeoutMs: 10_000 },
}

const effects: readonly ChangeEffect[] = ['hot', 'rebuild', 'replace', 'disable', 'none']
const version = 1
const keys = ['endpoint']

/**
 * Makes the preset of `exporterMachine`: its unit is a fake, its neighbours only log events, and its work ends when a
 * path says so.
 */
export function exporterPreset({
  enabled = true,
  hasCrashed = false,
  pulled = false,
  ...options
}: ExporterPresetOptions = {}): ChartPreset<typeof exporterMachine> {
  const { unit } = createFakeUnit([], { pulled })
  const [breaker, delivery, system] = ['breaker', 'delivery', 'system'].map((name) => createEar([], name))
  const settings = { ...presetExporterSettings, enabled }
  return createPreset(
    {
      machine: exporterMachine,
      input: { unit, breaker: breaker!, delivery: delivery!, system: system!, settings, hasCrashed },
      events: () => [
        { type: 'exporter.restart' },
        { type: 'exporter.stop' },
        ...effects.map((effect) => ({
          ...{ type: 'config.prepare', version, effect, keys },
          settings: { ...settings, enabled: effect !== 'disable' && effect !== 'none' },
        })),
        { type: 'config.commit', version, keys },
        { type: 'config.abort', version, keys },
        { type: 'delivery.drained' },
      ],
      outputs: { fence: [{ crashes: 1 }, { crashes: 6 }] },
      project: ({ context }) => [
        context.settings.enabled,
        context.change.effect === 'disable',
        context.change.settings.enabled,
      ],
    },
    options,
  )
}
