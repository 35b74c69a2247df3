/**
 * Simulated nodes on one document: how long until the last has a change. Each has a connection of its own.
 *
 *   npx tsx bench/fleet-watch.ts [nodes=1000] [changes=20]
 */
import type { NatsConnection } from '@nats-io/transport-node'
import { createSystemClock } from '../src/clock.ts'
import { createBuckets } from '../src/nats/buckets.ts'
import { type ConfigLink, openConfigLink } from '../src/nats/config-link.ts'
import { fleetNames } from '../src/nats/names.ts'
import { connectTo } from '../src/nats-client/connection.ts'
import { publishStored } from '../src/nats-client/stored.ts'
import { startNats } from '../test/support/nats-server.ts'

const [nodes = 1000, changes = 20] = process.argv.slice(2).map(Number)
const names = fleetNames('telemachine', 'config')
const clock = createSystemClock()
const server = await startNats()
const writer = await connectTo({ servers: server.url, name: 'writer' })
await createBuckets(writer, 'telemachine')

let began = 0
let missing = 0
let done = (): void => {}
const delays: number[] = []
const heard = (): void => {
  if (missing === 0) return
  delays.push(performance.now() - began)
  missing -= 1
  if (missing === 0) done()
}

const connecting = performance.now()
const links: ConfigLink[] = []
while (links.length < nodes)
  links.push(
    ...(await Promise.all(
      Array.from({ length: Math.min(50, nodes - links.length) }, async (_, i) => {
        const connection: NatsConnection = await connectTo({
          servers: server.url,
          name: `node ${links.length + i}`,
          timeoutMs: 20_000,
        })
        return openConfigLink({
          ...{ connection, names, clock, patienceMs: 60_000, heard },
          lost: (error) => console.error(error),
        })
      }),
    )),
  )
console.log(`${nodes} nodes connected in ${Math.round(performance.now() - connecting)} ms`)

const lasts: number[] = []
for (let round = 0; round < changes; round += 1) {
  const all = new Promise<void>((resolve) => {
    done = resolve
  })
  missing = nodes
  began = performance.now()
  const document = { mock: { batch_size: round + 1 }, note: 'x'.repeat(4000) }
  await publishStored(writer, names.config.subject, Buffer.from(JSON.stringify(document)))
  await all
  lasts.push(performance.now() - began)
}
const at = (part: number, values: readonly number[]): string =>
  (values.toSorted((a, b) => a - b)[Math.ceil(values.length * part) - 1] ?? Number.NaN).toFixed(1)
console.log(`a node has a change after ${at(0.5, delays)} ms p50, ${at(0.99, delays)} ms p99`)
console.log(
  `the last node has it after ${at(0.5, lasts)} ms p50, ${at(1, lasts)} ms at most, ${changes} changes`,
)

await Promise.all(links.map((link) => link.close()))
await writer.close()
await server.close()
