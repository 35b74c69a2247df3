import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import type { LedgerStatus } from '../../../src/delivery/ledger.ts'
import { readIdentity, type StreamIdentity } from '../../../src/nats/fleet/identity.ts'
import { createTelemetryStream } from '../../../src/nats/gateway/stream.ts'
import { connectTo } from '../../../src/nats-client/connection.ts'
import type { NatsServer } from '../../support/nats-server.ts'
import { type LoggedBatch, readPublishLog } from './publish-log.ts'
import { startSpanCounts } from './span-counts.ts'
import { killProcess, processOf } from './start.ts'

const stream = 'telemachine_otel'

/** What became of all spans. */
export interface IdentityResult {
  /** By what the producers have written to disk. Batches and spans that the stream has acknowledged. */
  readonly nodes: { readonly batches: number; readonly spans: number; readonly ambiguousBatches: number }
  readonly stream: StreamIdentity
  /** Spans at the backend. `lost`: acknowledged to a producer, and not there. */
  readonly received: number
  readonly lost: number
  readonly duplicates: number
  readonly duplicateBatches: number
  /** In spans: of all producers, and of all gateways as far as those that were killed had told. */
  readonly ambiguous: { readonly producers: number; readonly gateways: number }
  readonly kills: { readonly servers: number; readonly gateways: number; readonly producers: number }
}

/**
 * Producers publish, gateways send, and producers, gateways and the NATS server are killed again and again, until every
 * span has been published and the stream is empty.
 */
export async function runIdentity(options: {
  readonly server: NatsServer
  readonly replicas?: number
  readonly spans: number
  readonly producers: number
  readonly gateways: number
  readonly killEveryMs: number
  /** After so long, what a killed gateway had goes to another. */
  readonly ackWaitMs: number
  readonly random: () => number
}): Promise<IdentityResult> {
  const { server, replicas = 1, killEveryMs, random } = options
  const each = Math.ceil(options.spans / options.producers)
  const folder = await mkdtemp(join(tmpdir(), 'telemachine-identity-'))
  const [gatewayProcess, producerProcess] = await Promise.all([processOf('gateway'), processOf('producer')])
  const backend = await startSpanCounts(each)
  const connection = await connectTo({ servers: server.url, name: 'judge' })
  await createTelemetryStream(connection, stream, { replicas }, options.ackWaitMs)
  const kills = { servers: 0, gateways: 0, producers: 0 }

  /** By process: the latest that each gateway told. */
  const ledgers = new Map<ChildProcess, LedgerStatus>()
  const startGateway = (): ChildProcess => {
    const child = gatewayProcess(server.url, backend.url)
    child.on('message', (told: LedgerStatus) => {
      if ('accepted' in told) ledgers.set(child, told)
    })
    return child
  }
  const gateways = Array.from({ length: options.gateways }, startGateway)

  /** By the name of each producer that ever ran. */
  const logs = new Map<string, string>()
  const producers = new Map<number, ChildProcess>()
  /** Starts producers until all spans of one are acknowledged: what one had in memory when it was killed is gone. */
  const produce = async (index: number): Promise<void> => {
    let missing = each
    for (let life = 0; missing > 0; life += 1) {
      const name = `p${index}-${life}`
      const file = join(folder, name)
      logs.set(name, file)
      const child = producerProcess(server.url, name, String(missing), file)
      producers.set(index, child)
      await Promise.race([once(child, 'message'), once(child, 'exit')])
      await killProcess(child)
      missing -= spansOf(readPublishLog(file).filter(({ isStored }) => isStored))
    }
    producers.delete(index)
  }

  let finished = false
  const kill = async (): Promise<void> => {
    // One that was killed before it has published anything would never come to an end.
    const running = [...producers.values()].filter(({ spawnargs }) => hasStored(spawnargs.at(-1)!))
    const kind = (['gateways', 'producers', 'servers'] as const)[Math.floor(random() * 3)]!
    if (kind === 'producers' && running.length === 0) return
    kills[kind] += 1
    if (kind === 'gateways') {
      const victim = Math.floor(random() * gateways.length)
      await killProcess(gateways[victim]!)
      const heir = startGateway()
      gateways[victim] = heir
      // Killed before it works, it would show nothing; on a busy machine no work would ever be done.
      await Promise.race([once(heir, 'message'), once(heir, 'exit')])
    } else if (kind === 'producers') {
      await killProcess(running[Math.floor(random() * running.length)]!)
    } else {
      await server.kill()
      await server.restart()
    }
  }
  const killing = (async () => {
    for (;;) {
      await after(killEveryMs * (0.5 + random()))
      if (finished) break
      await kill()
    }
  })()
  await Promise.all(Array.from({ length: options.producers }, (_, index) => produce(index)))
  finished = true
  await killing

  const identity = async (): Promise<StreamIdentity | undefined> =>
    readIdentity(connection, stream, []).catch(() => undefined)
  let now = await identity()
  // What a killed server has left over is given out again after seconds; in a cluster, to nobody.
  for (let calm = 0; now === undefined || (now.pending > 0 && calm < 50); now = await identity()) {
    calm = now && now.pending === now.leftOver ? calm + 1 : 0
    await after(200)
  }
  // Gateways tell their ledgers as they go.
  await after(200)
  await Promise.all(gateways.map(killProcess))
  await connection.close()
  backend.close()

  const batches = [...logs].flatMap(([producer, file]) =>
    readPublishLog(file).map((batch) => ({ ...batch, producer })),
  )
  await rm(folder, { recursive: true })
  const stored = batches.filter(({ isStored }) => isStored)
  const arrivals = ({ producer, first, count }: (typeof batches)[number]): number[] =>
    Array.from({ length: count }, (_, i) => backend.of(producer, first + i))
  return {
    nodes: {
      batches: stored.length,
      spans: spansOf(stored),
      ambiguousBatches: sum(batches.map(({ ambiguous }) => ambiguous)),
    },
    stream: now,
    received: backend.totals().received,
    lost: stored.flatMap(arrivals).filter((times) => times === 0).length,
    duplicates: backend.totals().duplicates,
    duplicateBatches: sum(batches.map((batch) => Math.max(0, arrivals(batch)[0]! - 1))),
    ambiguous: {
      producers: sum(batches.map(({ ambiguous, count }) => ambiguous * count)),
      // Ledgers count events, two for each span.
      gateways: sum([...ledgers.values()].map(({ ambiguous }) => ambiguous / 2)),
    },
    kills,
  }
}

const hasStored = (file: string): boolean => readPublishLog(file).some(({ isStored }) => isStored)

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)

const spansOf = (batches: readonly LoggedBatch[]): number => sum(batches.map(({ count }) => count))
