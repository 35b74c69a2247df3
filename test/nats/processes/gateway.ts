/** A gateway in a process of its own, which may be killed. It tells its parent its ledger as it goes. */
import { createGateway } from '../../../src/nats/index.ts'
import { quietLogger } from '../../support/quiet-logger.ts'

const [servers = '', endpoint = ''] = process.argv.slice(2)
const gateway = createGateway({
  servers,
  logger: quietLogger,
  config: { env: {}, init: { otel: { endpoint, initial_reset_timeout: 0.05, reset_timeout: 0.5 } } },
})
for (;;) {
  try {
    await gateway.start()
    break
  } catch {
    // The server is being killed, too.
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
const tell = (): void => void process.send?.(gateway.telemetry.status().exporters.otel?.ledger)
setInterval(tell, 20)
process.send?.({ ready: true })
process.on('disconnect', () => process.exit())
