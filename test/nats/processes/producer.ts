/** Publishes spans from a process of its own, which may be killed, and tells its parent when all of them are published. */
import { createTelemetry } from '../../../src/index.ts'
import { quietLogger } from '../../support/quiet-logger.ts'
import { loggingJetstream } from './publish-log.ts'

const [server = '', name = '', count = '0', file = '', perTurn = '50'] = process.argv.slice(2)
const telemetry = createTelemetry({
  types: [loggingJetstream(file)],
  logger: quietLogger,
  config: {
    env: {},
    init: {
      jetstream: {
        ...{ server, service_name: name, queue_size: 10_000_000, queue_bytes: 1024 ** 3, timeout: 1 },
        ...{ flush_interval: 0.05, initial_reset_timeout: 0.05, reset_timeout: 0.5 },
      },
    },
  },
})
process.on('disconnect', () => process.exit())
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
