/**
 * `npm run start:fleet`: a NATS server, three services, two gateways and a backend on this machine; one change that
 * reaches every service, and one that a service refuses.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as after } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createAdmin } from '../../src/admin/index.ts'
import { printHistory, printRollout, printStatus } from '../../src/cli/fleet/print.ts'
import { createTerminal } from '../../src/cli/terminal/terminal.ts'
import { createGateway, type Fleet, natsConfig, natsFleet, openFleet } from '../../src/nats/index.ts'
import { createBackend } from '../../src/testing/index.ts'
import { startServer } from './server.ts'

const { env, stdin: input, stdout: output, stderr: errors } = process
const terminal = createTerminal(env, { input, output, errors })
const say = (text: string): void => terminal.print(`\n${terminal.paint('bold', text)}`)

async function startService(url: string, node: string, ...more: string[]): Promise<ChildProcess> {
  const child = fork(fileURLToPath(new URL('./service.ts', import.meta.url)), [url, node, ...more])
  await once(child, 'message')
  return child
}

const known = async (fleet: Fleet, count: number): Promise<void> => {
  while ((await fleet.status()).nodes.length < count) await after(50)
}

const server = await startServer()
if (server === undefined) {
  terminal.warn('this needs nats-server (Debian package nats-server)')
  process.exit(2)
}
const backend = createBackend()
await backend.listen()
const fleet = await openFleet({ servers: server.url })
const servers = server.url
const gateways = ['gateway-one', 'gateway-two'].map((node) =>
  createGateway({
    servers,
    config: {
      env: {},
      init: { otel: { endpoint: backend.url } },
      remote: [natsConfig({ servers, node, key: 'gateways', role: 'gateway', heartbeatMs: 1000 })],
    },
  }),
)
await Promise.all(gateways.map((gateway) => gateway.start()))
const services = await Promise.all([
  startService(server.url, 'orders'),
  startService(server.url, 'mail'),
  startService(server.url, 'billing', 'payments'),
])
await known(fleet, services.length + gateways.length)
const admin = createAdmin(gateways[0]!.telemetry, {
  allowUnauthenticatedLoopback: true,
  fleet: natsFleet({ servers }),
})
const { url } = await admin.listen()

say('Three services publish spans to a stream, two gateways send them on.')
terminal.print(`A page shows the fleet: ${url}`)
await after(1500)
printStatus(terminal, await fleet.status(), {})

say('One change: half of the traces (telemachine fleet put jetstream.sampling_rate=0.5)')
printRollout(terminal, await fleet.put({ put: { 'jetstream.sampling_rate': 0.5 }, unset: [] }), {})

say('A change that billing refuses: it has an exporter of this name and another type')
// Disabled: a publisher that exists for a moment takes its ledger with it when the change is put back.
const payments = { 'payments.type': 'jetstream', 'payments.server': server.url, 'payments.enabled': false }
printRollout(terminal, await fleet.put({ put: payments, unset: [] }), {})

say('What was written')
printHistory(terminal, await fleet.history(), {})

if (input.isTTY) {
  say(`The fleet goes on: ${url} shows it. Press Enter to stop.`)
  await once(input, 'data')
  input.unref()
}

say('The services stop, the gateways empty the stream, and every span is accounted for.')
await Promise.all(
  services.map(async (service) => {
    service.kill('SIGTERM')
    await once(service, 'exit')
  }),
)
while (((await fleet.status()).identity?.pending ?? 0) > 0) await after(50)
printStatus(terminal, await fleet.status(), {})
const { nodes } = await fleet.status()
const delivered = nodes.reduce((sum, { exporters }) => sum + (exporters.jetstream?.ledger.delivered ?? 0), 0)
say(
  `The backend has ${backend.spanCount} spans; the services have delivered ${delivered} events, two for each.`,
)
await admin.close()
await Promise.all(gateways.map((gateway) => gateway.stop()))
await fleet.close()
await backend.close()
await server.close()
