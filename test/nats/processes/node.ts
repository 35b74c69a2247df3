/** A node in a process of its own: tells its parent when a change is in force. */
import { createTelemetry, mock } from '../../../src/index.ts'
import { natsConfig } from '../../../src/nats/index.ts'
import { quietLogger } from '../../support/quiet-logger.ts'

const [servers = '', node = '', more = '{}'] = process.argv.slice(2)
const telemetry = createTelemetry({
  types: [mock()],
  logger: quietLogger,
  config: {
    env: {},
    init: { mock: {}, otel: {}, ...(JSON.parse(more) as object) },
    remote: [natsConfig({ servers, node })],
  },
})
const now = (): number => performance.timeOrigin + performance.now()
for (const path of ['telemetry.mock.batch_size', 'telemetry.otel.endpoint'])
  telemetry.config.subscribe(path, (_path, _before, value) => void process.send?.({ value, at: now() }))
await telemetry.start()
process.send?.({ ready: true })
process.on('disconnect', () => process.exit())
