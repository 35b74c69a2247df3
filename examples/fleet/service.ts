/** One service of the demonstration: a process that emits spans, and takes its configuration from the fleet. */
import { createTelemetry, mock } from '../../src/index.ts'
import { natsConfig } from '../../src/nats/index.ts'

const [servers = '', node = '', withPayments = ''] = process.argv.slice(2)
const server = servers

const telemetry = createTelemetry({
  types: [mock()],
  config: {
    env: {},
    init: {
      jetstream: { server, service_name: node, flush_interval: 0.2 },
      // On one of them there is an exporter of this name and another type: a change of it will be refused there.
      ...(withPayments !== '' && { payments: { type: 'mock' } }),
    },
    remote: [natsConfig({ servers, node, heartbeatMs: 1000 })],
  },
})
await telemetry.start()
const working = setInterval(() => telemetry.span('order.paid', { node }, () => {}), 20)
process.on('SIGTERM', async () => {
  clearInterval(working)
  await telemetry.stop()
  process.disconnect()
})
process.send?.('ready')
// A parent that was killed leaves no services behind.
process.on('disconnect', () => void telemetry.stop().then(() => process.exit()))
