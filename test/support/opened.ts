import type { Telemetry } from '../../src/index.ts'
import { pause } from './poll.ts'

/** Starts, and waits until no exporter is opening any more: `start` itself does not wait longer than a second for that. */
export async function startOpened(telemetry: Pick<Telemetry, 'start' | 'status'>): Promise<void> {
  await telemetry.start()
  while (Object.values(telemetry.status().exporters).some(({ state }) => state === 'opening')) await pause()
}
