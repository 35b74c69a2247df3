// Guards that the prometheus exporter lives as every exporter has to, and that its page shows what it counts.
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { prometheus } from '../../src/index.ts'
import { exporterConformance } from '../../src/testing/index.ts'
import { freePort } from '../support/ports.ts'

const portOf = (server: Server): number => (server.address() as AddressInfo).port

async function listening(): Promise<Server> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

describe('the prometheus exporter', () => {
  let squatter: Server
  before(async () => {
    squatter = await listening()
  })
  after(() => squatter.close())

  for (const { name, run } of exporterConformance(prometheus(), {
    config: { port: 0 },
    events: () => [{ name: 'conformance.work', measurements: { count: 1 } }],
    rebuilds: async () => [{ port: await freePort() }, { port: 0 }],
    refused: () => ({ port: portOf(squatter) }),
    received: async ({ url }) => {
      const page = await (await fetch(String(url), { headers: { connection: 'close' } })).text()
      return Number(/^conformance_work_total (\d+)$/m.exec(page)?.[1] ?? 0)
    },
  }))
    it(name, run)
})
