/**
 * A fleet on this machine: how fast a change is in force on all nodes, what a refusal costs, and whether anything is lost
 * while processes are killed.
 *
 *   npx tsx bench/fleet.ts put [nodes=20] [changes=100]
 *   npx tsx bench/fleet.ts kills [kills=50] [nodes=5]
 *   npx tsx bench/fleet.ts identity [spans=1000000] [servers=1 or 3]
 */
import { once } from 'node:events'
import { openFleet } from '../src/nats/index.ts'
import { runIdentity } from '../test/nats/processes/identity.ts'
import { killProcess, processOf } from '../test/nats/processes/start.ts'
import { startNatsCluster } from '../test/support/nats-cluster.ts'
import { startNats } from '../test/support/nats-server.ts'
import { freePort } from '../test/support/ports.ts'

const [what = 'put', ...given] = process.argv.slice(2)
const number = (index: number, fallback: number): number => Number(given[index] ?? fallback)
const now = (): number => performance.timeOrigin + performance.now()
const at = (part: number, values: readonly number[]): string =>
  (values.toSorted((a, b) => a - b)[Math.ceil(values.length * part) - 1] ?? Number.NaN).toFixed(1)

/** Longer than nodes take to say that they have a change. */
const pauseMs = 250

/** A fleet of processes; `applied` are the values that each was told of, in order. */
async function world(count: number) {
  const server = await startNats()
  const fleet = await openFleet({ servers: server.url })
  await fleet.init()
  const applied: unknown[][] = []
  const heard = {
    value: undefined as unknown,
    missing: 0,
    delays: [] as number[],
    lasts: [] as number[],
    began: 0,
    done: () => {},
  }
  const startNode = await processOf('node')
  const nodes = Array.from({ length: count }, (_, i) => {
    // The last one has an exporter of this name and another type: it refuses what the others take.
    const more = i === count - 1 ? { payments: { type: 'mock' } } : {}
    const child = startNode(server.url, `node-${i}`, JSON.stringify(more))
    applied[i] = []
    child.on('message', (message: { value?: unknown; at?: number }) => {
      if (message.value === undefined) return
      applied[i]!.push(message.value)
      if (message.value !== heard.value || heard.missing === 0) return
      heard.delays.push(message.at! - heard.began)
      heard.missing -= 1
      if (heard.missing > 0) return
      heard.lasts.push(Math.max(...heard.delays.slice(-count)))
      heard.done()
    })
    return child
  })
  await Promise.all(nodes.map((child) => once(child, 'message')))
  while ((await fleet.status()).nodes.filter(({ alive }) => alive).length < count)
    await new Promise((resolve) => setTimeout(resolve, 50))
  return {
    ...{ server, fleet, applied, heard },
    /** Writes a change, and resolves when it is in force on every node. */
    put: async (path: string, value: unknown): Promise<void> => {
      const all = new Promise<void>((resolve) => {
        heard.done = resolve
      })
      Object.assign(heard, { value, missing: count, began: now() })
      await fleet.put({ put: { [path]: value }, unset: [] }, { waitMs: 0 })
      await all
      // One change after the other: the nodes have written their statuses.
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    },
    end: async () => {
      await Promise.all(nodes.map(killProcess))
      await fleet.close()
      await server.close()
    },
  }
}

async function put(): Promise<void> {
  const count = number(0, 20)
  const { fleet, heard, put: change, end } = await world(count)
  const say = (what: string): void => {
    const { delays, lasts } = heard
    console.log(
      `${what}: in force on a node after ${at(0.5, delays)} ms p50, ${at(0.99, delays)} ms p99, and on all ` +
        `${count} after ${at(0.5, lasts)} ms p50, ${at(0.99, lasts)} ms p99, ${lasts.length} changes`,
    )
    Object.assign(heard, { delays: [], lasts: [] })
  }
  for (let i = 1; i <= number(1, 100); i += 1) await change('mock.batch_size', i)
  say('hot key')
  const port = await freePort()
  for (let i = 1; i <= 20; i += 1) await change('otel.endpoint', `http://127.0.0.1:${port}/${i}/v1/traces`)
  say('rebuild')
  const took: number[] = []
  for (let i = 0; i < 20; i += 1) {
    const began = now()
    const { restored } = await fleet.put({ put: { 'payments.type': 'otel' }, unset: [] })
    const isBack = async (): Promise<boolean> =>
      (await fleet.status()).nodes.every(({ revision, refused }) => revision === restored && !refused)
    while (!(await isBack())) await new Promise((resolve) => setTimeout(resolve, 20))
    took.push(now() - began)
  }
  console.log(
    `refusal by one of ${count}: back on all after ${at(0.5, took)} ms p50, ${at(1, took)} ms at most`,
  )
  await end()
}

async function kills(): Promise<void> {
  const rounds = number(0, 50)
  const { server, applied, put: change, end } = await world(number(1, 5))
  for (let round = 1; round <= rounds; round += 1) {
    await server.kill()
    const restarting = server.restart()
    await change('mock.batch_size', round)
    await restarting
  }
  const expected = JSON.stringify(Array.from({ length: rounds }, (_, i) => i + 1))
  const exact = applied.filter((values) => JSON.stringify(values) === expected).length
  console.log(`${rounds} kills: ${exact} of ${applied.length} nodes applied every change once, in order`)
  await end()
}

async function identity(): Promise<void> {
  const replicas = number(1, 1)
  const server = replicas === 1 ? await startNats() : await startNatsCluster('telemachine_otel', Math.random)
  const result = await runIdentity({
    ...{
      server,
      replicas,
      spans: number(0, 1_000_000),
      producers: 4,
      gateways: 2,
      killEveryMs: 2000,
      ackWaitMs: 10_000,
    },
    random: Math.random,
  })
  await server.close()
  console.log(JSON.stringify(result, undefined, 2))
}

const programs: Readonly<Record<string, () => Promise<void>>> = { put, kills, identity }
const program = programs[what]
if (program === undefined) throw new Error(`there is no ${what}: ${Object.keys(programs).join(', ')}`)
await program()
