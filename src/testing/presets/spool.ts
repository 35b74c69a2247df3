import { spoolMachine } from '../../../machines/index.ts'
import { createFakeSpool } from '../fake-unit.ts'
import { type ChartPreset, createPreset, type PresetOptions } from './preset.ts'

/** Makes the preset of `spoolMachine`. */
export function spoolPreset(options: PresetOptions = {}): ChartPreset<typeof spoolMachine> {
  return createPreset(
    {
      machine: spoolMachine,
      input: { spool: createFakeSpool() },
      events: () => [
        { type: 'spool.enable' },
        { type: 'spool.disable' },
        { type: 'spool.wrote' },
        { type: 'spool.filled' },
        { type: 'spool.freed' },
        { type: 'spool.failed', error: { message: 'the disk failed' } },
      ],
      outputs: { open: [{ isFull: false }, { isFull: true }] },
      project: ({ context: { failures, reopens } }) => [Math.min(failures, 2), reopens],
    },
    options,
  )
}
