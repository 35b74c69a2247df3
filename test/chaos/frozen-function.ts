/** A function as its platform runs it: each message is a call, and between two calls the process is frozen from outside. */
import { createTelemetry } from '../../src/index.ts'
import { quietLogger } from '../support/quiet-logger.ts'

const telemetry = createTelemetry({
  drainOnExit: false,
  logger: quietLogger,
  config: {
    env: {},
    init: {
      otel: {
        endpoint: process.argv[2]!,
        timeout: Number(process.argv[3]),
        batch_size: 2,
        failure_threshold: 1,
        initial_reset_timeout: 0.05,
      },
    },
  },
})

let failures = 0
telemetry.attach('failures', 'telemetry.export.failed', () => {
  failures += 1
})

const handler = telemetry.wrap(async (call: number) => {
  for (let span = 0; span < 5; span += 1) telemetry.span(`call.${call}.${span}`, () => {})
  return call
})

process.on('message', async (call: number | 'stop') => {
  if (call !== 'stop') process.send!({ result: await handler(call) })
  else {
    const { complete, exporters } = await telemetry.stop({ timeoutMs: 60_000 })
    process.send!({ complete, ledger: exporters.otel, failures })
    process.disconnect()
  }
})
