// A small service with a spool, for the scene in which it is killed: node mortal.ts <directory> <endpoint> <jobs>
import { setTimeout as pause } from 'node:timers/promises'
import { createTelemetry } from '../../src/index.ts'

const [directory = '', endpoint = '', jobs = '0'] = process.argv.slice(2)

const flushIntervalSeconds = 0.1
const telemetry = createTelemetry({
  config: {
    init: {
      otel: {
        endpoint,
        event_patterns: ['mortal.*'],
        flush_interval: flushIntervalSeconds,
        spool: { directory, mode: 'always' },
      },
    },
    env: {},
  },
  logger: { debug() {}, info() {}, warn() {}, error() {} },
})
const ledger = () => telemetry.status().exporters.otel!.ledger

await telemetry.start()
for (let i = 0; i < Number(jobs); i += 1) telemetry.span('mortal.job', { number: i }, () => {})

if (Number(jobs) > 0) {
  // They are one batch, and so one file. On a busy machine it may take longer than the interval.
  while (!telemetry.status().exporters.otel!.spool?.files) await pause(5)
  await pause(5 * flushIntervalSeconds * 1000)
  process.send?.(ledger())
  // The kill comes before.
  await pause(60_000)
}
const isDone = (): boolean => {
  const { delivered, accepted } = ledger()
  return accepted > 0 && delivered === accepted
}
for (let waited = 0; waited < 10_000 && !isDone(); waited += 20) await pause(20)
const { exporters } = await telemetry.stop()
process.send?.(exporters.otel)
process.disconnect?.()
