/**
 * How long the start and the stop of very many exporters keep the event loop to themselves.
 * `npm --prefix bench run exporters -- 1000`, on a quiet machine.
 */
import { createTelemetry, mock } from '../../src/index.ts'
import { longestTurn } from './turns.ts'

const many = Number(process.argv[2] ?? 1_000)

const system = (count: number) =>
  createTelemetry({
    types: [mock()],
    drainOnExit: false,
    config: {
      env: {},
      init: Object.fromEntries(
        Array.from({ length: count }, (_, i) => [`m${i}`, { type: 'mock', event_patterns: ['job.*'] }]),
      ),
    },
  })

// What is loaded and compiled at the first use belongs to neither.
const first = system(100)
await first.start()
await first.stop()

const telemetry = system(many)
for (const [what, work] of [
  ['start', () => telemetry.start()],
  ['stop', () => telemetry.stop({ timeoutMs: 60_000 })],
] as const) {
  const { longestMs, longestCpuMs, tookMs } = await longestTurn(work)
  console.log(
    `${what} of ${many} exporters: ${tookMs.toFixed(0)} ms, longest turn ${longestMs.toFixed(1)} ms, of CPU ${longestCpuMs.toFixed(1)} ms`,
  )
}
