/** Publishes spans from a process of its own, and tells its parent its ledger in the end. */
import { createTelemetry } from '../../../src/index.ts'
import { quietLogger } from '../../support/quiet-logger.ts'

const [server = '', count = '0', perTurn = '50'] = process.argv.slice(2)
const telemetry = createTelemetry({
  logger: quietLogger,
  config: {
    env: {},
    init: {
      jetstream: {
        ...{ server, queue_size: 10_000_000, queue_bytes: 1024 ** 3, timeout: 1 },
        ...{ flush_interval: 0.05, initial_reset_timeout: 0.05, reset_timeout: 0.5 },
      },
    },
  },
})
await telemetry.start()
for (let i = 0; i < Number(count); i += 1) {
  telemetry.span('job', { n: i }, () => {})
  if (i % Number(perTurn) === 0) await new Promise((resolve) => setTimeout(resolve, 1))
}
for (;;) {
  const { complete } = await telemetry.flush({ timeoutMs: 5000 })
  if (complete) break
}
process.send?.(telemetry.status().exporters.jetstream)
process.on('disconnect', () => process.exit())
